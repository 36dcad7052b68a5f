//! Events, with subtensor's indices: clients know them by index.

use frame_support::pallet_macros::pallet_section;

/// What happened. Only events that occur on this chain are declared.
#[pallet_section]
mod events {
    #[pallet::event]
    #[pallet::generate_deposit(pub(super) fn deposit_event)]
    pub enum Event<T: Config> {
        #[codec(index = 0)]
        NetworkAdded(u16, u16),
        #[codec(index = 2)]
        StakeAdded(AccountId32, AccountId32, u64, u64, u16, u64),
        #[codec(index = 5)]
        WeightsSet(u16, u16),
        #[codec(index = 6)]
        NeuronRegistered(u16, u16, AccountId32),
        #[codec(index = 9)]
        MaxAllowedUidsSet(u16, u16),
        #[codec(index = 19)]
        MinAllowedWeightSet(u16, u16),
        #[codec(index = 23)]
        ImmunityPeriodSet(u16, u16),
        #[codec(index = 27)]
        MaxAllowedValidatorsSet(u16, u16),
        #[codec(index = 28)]
        AxonServed(u16, AccountId32),
        #[codec(index = 36)]
        BurnSet(u16, u64),
        #[codec(index = 50)]
        RegistrationAllowed(u16, bool),
        #[codec(index = 53)]
        RAORecycledForRegistrationSet(u16, u64),
        #[codec(index = 94)]
        SubnetOwnerHotkeySet(u16, AccountId32),
        #[codec(index = 95)]
        FirstEmissionBlockNumberSet(u16, u64),
        #[codec(index = 107)]
        TimelockedWeightsCommitted(AccountId32, u16, H256, u64),
        #[codec(index = 108)]
        TimelockedWeightsRevealed(u16, AccountId32),
        #[codec(index = 110)]
        IncentiveAlphaEmittedToMiners { netuid: u16, emissions: Vec<u64> },
        #[codec(index = 132)]
        EpochDeferred { netuid: u16, from_block: u64, to_block: u64 },
        #[codec(index = 133)]
        EpochSkipped { netuid: u16, block: u64 },
    }
}
