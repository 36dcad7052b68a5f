//! Storage of what is limited in time: when keys last did something, and how long they wait.

use frame_support::pallet_macros::pallet_section;

#[pallet_section]
mod limits {
    #[pallet::storage]
    pub type WeightsVersionKeyRateLimit<T: Config> = StorageValue<_, u64, ValueQuery, ConstU64<5>>;
    #[pallet::storage]
    pub type TxRateLimit<T: Config> = StorageValue<_, u64, ValueQuery, ConstU64<1000>>;
    #[pallet::storage]
    pub type TxDelegateTakeRateLimit<T: Config> = StorageValue<_, u64, ValueQuery, ConstU64<216_000>>;
    #[pallet::storage]
    pub type TxChildkeyTakeRateLimit<T: Config> = StorageValue<_, u64, ValueQuery, ConstU64<216_000>>;
    #[pallet::storage]
    pub type DissolveNetworkScheduleDuration<T: Config> = StorageValue<_, u32, ValueQuery, ConstU32<36_000>>;
    #[pallet::storage]
    pub type ColdkeySwapAnnouncementDelay<T: Config> = StorageValue<_, u32, ValueQuery, ConstU32<36_000>>;
    #[pallet::storage]
    pub type ColdkeySwapReannouncementDelay<T: Config> = StorageValue<_, u32, ValueQuery, ConstU32<7200>>;
    #[pallet::storage]
    pub type ColdkeySwapAnnouncements<T: Config> = StorageMap<_, Twox64Concat, AccountId32, (u32, H256), OptionQuery>;
    #[pallet::storage]
    pub type ColdkeySwapDisputes<T: Config> = StorageMap<_, Twox64Concat, AccountId32, u32, OptionQuery>;
    #[pallet::storage]
    pub type LastRateLimitedBlock<T: Config> = StorageMap<_, Identity, RateLimitKey<AccountId32>, u64, ValueQuery>;
    #[pallet::storage]
    pub type TransactionKeyLastBlock<T: Config> = StorageNMap<
        _,
        (NMapKey<Blake2_128Concat, AccountId32>, NMapKey<Identity, u16>, NMapKey<Identity, u16>),
        u64,
        ValueQuery,
    >;
    #[pallet::storage]
    pub type LastHotkeySwapOnNetuid<T: Config> =
        StorageDoubleMap<_, Identity, u16, Blake2_128Concat, AccountId32, u64, ValueQuery>;
    // Older places of what `LastRateLimitedBlock` holds; clients still read them.
    #[pallet::storage]
    pub type LastTxBlock<T: Config> = StorageMap<_, Identity, AccountId32, u64, ValueQuery>;
    #[pallet::storage]
    pub type LastTxBlockChildKeyTake<T: Config> = StorageMap<_, Identity, AccountId32, u64, ValueQuery>;
    #[pallet::storage]
    pub type LastTxBlockDelegateTake<T: Config> = StorageMap<_, Identity, AccountId32, u64, ValueQuery>;
}
