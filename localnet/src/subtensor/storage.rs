//! Storage: names, hashers, types and defaults of subtensor. Clients read it by name, recorded keys by hash.

use frame_support::pallet_macros::pallet_section;

#[pallet_section]
mod storage {
    parameter_types! {
        pub Zero: AccountId32 = AccountId32::new([0; 32]);
        pub Tao: Vec<u8> = vec![0xf0, 0x9d, 0x9c, 0x8f];
        pub LiquidAlphaRange: (u16, u16) = (45_875, 58_982);
        pub MovingAlpha: FixedI128 = FixedI128 { bits: 0x3255 };
        pub IncreaseMult: FixedU128 = FixedU128 { bits: 23_242_897_532_874_035_200 };
        pub One: FixedU128 = FixedU128 { bits: 1 << 64 };
        pub ClaimThreshold: FixedI128 = FixedI128 { bits: 500_000 << 32 };
    }

    // Not of subtensor: what a preset changes.
    #[pallet::storage]
    pub type NewSubnet<T: Config> = StorageValue<_, SubnetDefaults, ValueQuery>;
    #[pallet::storage]
    pub type AllowLoopback<T: Config> = StorageValue<_, bool, ValueQuery>;

    // Newer than spec 425: the sum of `TotalHotkeyAlpha` over all hotkeys.
    #[pallet::storage]
    pub type TotalAlphaStaked<T: Config> = StorageMap<_, Identity, u16, u64, ValueQuery>;

    // Newer than spec 425: read by clients of newer runtimes, never written.
    #[pallet::storage]
    pub type SubnetEpochConsensus<T: Config> = StorageMap<_, Identity, u16, EpochConsensus, ValueQuery>;
    #[pallet::storage]
    pub type CollateralLockShare<T: Config> = StorageMap<_, Identity, u16, u16, ValueQuery>;

    #[pallet::storage]
    pub type MinActivityCutoff<T: Config> = StorageValue<_, u16, ValueQuery, ConstU16<360>>;
    #[pallet::storage]
    pub type AdminFreezeWindow<T: Config> = StorageValue<_, u16, ValueQuery, ConstU16<10>>;
    #[pallet::storage]
    pub type OwnerHyperparamRateLimit<T: Config> = StorageValue<_, u16, ValueQuery, ConstU16<2>>;
    #[pallet::storage]
    pub type TaoWeight<T: Config> = StorageValue<_, u64, ValueQuery, ConstU64<971_718_665_099_567_868>>;
    #[pallet::storage]
    pub type CKBurn<T: Config> = StorageValue<_, u64, ValueQuery>;
    #[pallet::storage]
    pub type MaxDelegateTake<T: Config> = StorageValue<_, u16, ValueQuery, ConstU16<11_796>>;
    #[pallet::storage]
    pub type MinDelegateTake<T: Config> = StorageValue<_, u16, ValueQuery>;
    #[pallet::storage]
    pub type MaxChildkeyTake<T: Config> = StorageValue<_, u16, ValueQuery, ConstU16<11_796>>;
    #[pallet::storage]
    pub type MinChildkeyTake<T: Config> = StorageValue<_, u16, ValueQuery>;
    #[pallet::storage]
    pub type MinChildkeyTakePerSubnet<T: Config> = StorageMap<_, Identity, u16, u16, ValueQuery>;
    #[pallet::storage]
    pub type Owner<T: Config> = StorageMap<_, Blake2_128Concat, AccountId32, AccountId32, ValueQuery, Zero>;
    #[pallet::storage]
    pub type Delegates<T: Config> = StorageMap<_, Blake2_128Concat, AccountId32, u16, ValueQuery, ConstU16<11_796>>;
    #[pallet::storage]
    pub type ChildkeyTake<T: Config> =
        StorageDoubleMap<_, Blake2_128Concat, AccountId32, Identity, u16, u16, ValueQuery>;
    #[pallet::storage]
    pub type PendingChildKeys<T: Config> =
        StorageDoubleMap<_, Identity, u16, Blake2_128Concat, AccountId32, (Vec<(u64, AccountId32)>, u64), ValueQuery>;
    #[pallet::storage]
    pub type ChildKeys<T: Config> =
        StorageDoubleMap<_, Blake2_128Concat, AccountId32, Identity, u16, Vec<(u64, AccountId32)>, ValueQuery>;
    #[pallet::storage]
    pub type ParentKeys<T: Config> =
        StorageDoubleMap<_, Blake2_128Concat, AccountId32, Identity, u16, Vec<(u64, AccountId32)>, ValueQuery>;
    #[pallet::storage]
    pub type AlphaDividendsPerSubnet<T: Config> =
        StorageDoubleMap<_, Identity, u16, Blake2_128Concat, AccountId32, u64, ValueQuery>;
    #[pallet::storage]
    pub type RootAlphaDividendsPerSubnet<T: Config> =
        StorageDoubleMap<_, Identity, u16, Blake2_128Concat, AccountId32, u64, ValueQuery>;
    #[pallet::storage]
    pub type BlockEmission<T: Config> = StorageValue<_, u64, ValueQuery, ConstU64<1_000_000_000>>;
    #[pallet::storage]
    pub type LastHotkeyEmissionOnNetuid<T: Config> =
        StorageDoubleMap<_, Blake2_128Concat, AccountId32, Identity, u16, u64, ValueQuery>;
    #[pallet::storage]
    pub type SubnetLimit<T: Config> = StorageValue<_, u16, ValueQuery, ConstU16<128>>;
    #[pallet::storage]
    pub type TotalIssuance<T: Config> = StorageValue<_, u64, ValueQuery>;
    #[pallet::storage]
    pub type TotalStake<T: Config> = StorageValue<_, u64, ValueQuery>;
    #[pallet::storage]
    pub type SubnetMovingAlpha<T: Config> = StorageValue<_, FixedI128, ValueQuery, MovingAlpha>;
    #[pallet::storage]
    pub type SubnetMovingPrice<T: Config> = StorageMap<_, Identity, u16, FixedI128, ValueQuery>;
    #[pallet::storage]
    pub type RootProp<T: Config> = StorageMap<_, Identity, u16, FixedU128, ValueQuery>;
    #[pallet::storage]
    pub type SubnetVolume<T: Config> = StorageMap<_, Identity, u16, u128, ValueQuery>;
    #[pallet::storage]
    pub type SubnetTAO<T: Config> = StorageMap<_, Identity, u16, u64, ValueQuery>;
    #[pallet::storage]
    pub type SubnetAlphaInEmission<T: Config> = StorageMap<_, Identity, u16, u64, ValueQuery>;
    #[pallet::storage]
    pub type SubnetEmissionEnabled<T: Config> = StorageMap<_, Identity, u16, bool, ValueQuery, ConstBool<true>>;
    #[pallet::storage]
    pub type SubnetAlphaOutEmission<T: Config> = StorageMap<_, Identity, u16, u64, ValueQuery>;
    // Of spec 425, which no longer writes it.
    #[pallet::storage]
    pub type SubnetEmaTaoFlow<T: Config> = StorageMap<_, Identity, u16, (u64, FixedI128), OptionQuery>;
    #[pallet::storage]
    pub type SubnetTaoInEmission<T: Config> = StorageMap<_, Identity, u16, u64, ValueQuery>;
    #[pallet::storage]
    pub type SubnetExcessTao<T: Config> = StorageMap<_, Identity, u16, u64, ValueQuery>;
    #[pallet::storage]
    pub type SubnetAlphaIn<T: Config> = StorageMap<_, Identity, u16, u64, ValueQuery>;
    #[pallet::storage]
    pub type SubnetAlphaOut<T: Config> = StorageMap<_, Identity, u16, u64, ValueQuery>;
    #[pallet::storage]
    pub type SubnetProtocolAlpha<T: Config> = StorageMap<_, Identity, u16, u64, ValueQuery>;
    #[pallet::storage]
    pub type StakingHotkeys<T: Config> = StorageMap<_, Blake2_128Concat, AccountId32, Vec<AccountId32>, ValueQuery>;
    #[pallet::storage]
    pub type OwnedHotkeys<T: Config> = StorageMap<_, Blake2_128Concat, AccountId32, Vec<AccountId32>, ValueQuery>;
    #[pallet::storage]
    pub type AutoStakeDestination<T: Config> =
        StorageDoubleMap<_, Blake2_128Concat, AccountId32, Identity, u16, AccountId32, OptionQuery>;
    #[pallet::storage]
    pub type AutoStakeDestinationColdkeys<T: Config> =
        StorageDoubleMap<_, Blake2_128Concat, AccountId32, Identity, u16, Vec<AccountId32>, ValueQuery>;
    #[pallet::storage]
    pub type TotalHotkeyAlpha<T: Config> =
        StorageDoubleMap<_, Blake2_128Concat, AccountId32, Identity, u16, u64, ValueQuery>;
    #[pallet::storage]
    pub type TotalHotkeyAlphaLastEpoch<T: Config> =
        StorageDoubleMap<_, Blake2_128Concat, AccountId32, Identity, u16, u64, ValueQuery>;
    #[pallet::storage]
    pub type TotalHotkeySharesV2<T: Config> =
        StorageDoubleMap<_, Blake2_128Concat, AccountId32, Identity, u16, SafeFloat, ValueQuery>;
    #[pallet::storage]
    pub type AlphaV2<T: Config> = StorageNMap<
        _,
        (NMapKey<Blake2_128Concat, AccountId32>, NMapKey<Blake2_128Concat, AccountId32>, NMapKey<Identity, u16>),
        SafeFloat,
        ValueQuery,
    >;
    #[pallet::storage]
    pub type OwnerCutAutoLockEnabled<T: Config> = StorageMap<_, Identity, u16, bool, ValueQuery>;
    #[pallet::storage]
    pub type NetTaoFlowEnabled<T: Config> = StorageValue<_, bool, ValueQuery, ConstBool<true>>;
    #[pallet::storage]
    pub type TaoFlowCutoff<T: Config> = StorageValue<_, FixedI128, ValueQuery>;
    #[pallet::storage]
    pub type FlowNormExponent<T: Config> = StorageValue<_, FixedU128, ValueQuery, One>;
    #[pallet::storage]
    pub type FlowEmaSmoothingFactor<T: Config> = StorageValue<_, u64, ValueQuery, ConstU64<29_597_889_189_277>>;
    #[pallet::storage]
    pub type TokenSymbol<T: Config> = StorageMap<_, Identity, u16, Vec<u8>, ValueQuery, Tao>;
    #[pallet::storage]
    pub type MaxRegistrationsPerBlock<T: Config> = StorageMap<_, Identity, u16, u16, ValueQuery, ConstU16<1>>;
    #[pallet::storage]
    pub type TotalNetworks<T: Config> = StorageValue<_, u16, ValueQuery>;
    #[pallet::storage]
    pub type NetworkImmunityPeriod<T: Config> = StorageValue<_, u64, ValueQuery, ConstU64<1_296_000>>;
    #[pallet::storage]
    pub type StartCallDelay<T: Config> = StorageValue<_, u64, ValueQuery>;
    #[pallet::storage]
    pub type NetworkMinLockCost<T: Config> = StorageValue<_, u64, ValueQuery, ConstU64<1_000_000_000_000>>;
    #[pallet::storage]
    pub type NetworkLastLockCost<T: Config> = StorageValue<_, u64, ValueQuery, ConstU64<1_000_000_000_000>>;
    #[pallet::storage]
    pub type NetworkLockReductionInterval<T: Config> = StorageValue<_, u64, ValueQuery, ConstU64<100_800>>;
    #[pallet::storage]
    pub type SubnetOwnerCut<T: Config> = StorageValue<_, u16, ValueQuery, ConstU16<11_796>>;
    #[pallet::storage]
    pub type OwnerCutEnabled<T: Config> = StorageMap<_, Identity, u16, bool, ValueQuery, ConstBool<true>>;
    #[pallet::storage]
    pub type NetworkRateLimit<T: Config> = StorageValue<_, u64, ValueQuery, ConstU64<7200>>;
    #[pallet::storage]
    pub type NominatorMinRequiredStake<T: Config> = StorageValue<_, u64, ValueQuery>;
    #[pallet::storage]
    pub type TransferToggle<T: Config> = StorageMap<_, Identity, u16, bool, ValueQuery, ConstBool<true>>;
    #[pallet::storage]
    pub type SubnetLocked<T: Config> = StorageMap<_, Identity, u16, u64, ValueQuery>;
    #[pallet::storage]
    pub type Tempo<T: Config> = StorageMap<_, Identity, u16, u16, ValueQuery, ConstU16<360>>;
    #[pallet::storage]
    pub type LastEpochBlock<T: Config> = StorageMap<_, Identity, u16, u64, ValueQuery>;
    #[pallet::storage]
    pub type PendingEpochAt<T: Config> = StorageMap<_, Identity, u16, u64, ValueQuery>;
    #[pallet::storage]
    pub type SubnetEpochIndex<T: Config> = StorageMap<_, Identity, u16, u64, ValueQuery>;
    #[pallet::storage]
    pub type ActivityCutoffFactorMilli<T: Config> = StorageMap<_, Identity, u16, u32, ValueQuery, ConstU32<13_889>>;
    #[pallet::storage]
    pub type FirstEmissionBlockNumber<T: Config> = StorageMap<_, Identity, u16, u64, OptionQuery>;
    #[pallet::storage]
    pub type SubnetMechanism<T: Config> = StorageMap<_, Identity, u16, u16, ValueQuery>;
    #[pallet::storage]
    pub type SubnetworkN<T: Config> = StorageMap<_, Identity, u16, u16, ValueQuery>;
    #[pallet::storage]
    pub type NetworksAdded<T: Config> = StorageMap<_, Identity, u16, bool, ValueQuery>;
    #[pallet::storage]
    pub type IsNetworkMember<T: Config> =
        StorageDoubleMap<_, Blake2_128Concat, AccountId32, Identity, u16, bool, ValueQuery>;
    #[pallet::storage]
    pub type NetworkRegistrationAllowed<T: Config> = StorageMap<_, Identity, u16, bool, ValueQuery, ConstBool<true>>;
    #[pallet::storage]
    pub type NetworkPowRegistrationAllowed<T: Config> = StorageMap<_, Identity, u16, bool, ValueQuery, ConstBool<true>>;
    #[pallet::storage]
    pub type NetworkRegisteredAt<T: Config> = StorageMap<_, Identity, u16, u64, ValueQuery>;
    #[pallet::storage]
    pub type RegisteredSubnetCounter<T: Config> = StorageMap<_, Identity, u16, u64, ValueQuery>;
    #[pallet::storage]
    pub type PendingServerEmission<T: Config> = StorageMap<_, Identity, u16, u64, ValueQuery>;
    #[pallet::storage]
    pub type PendingValidatorEmission<T: Config> = StorageMap<_, Identity, u16, u64, ValueQuery>;
    #[pallet::storage]
    pub type PendingRootAlphaDivs<T: Config> = StorageMap<_, Identity, u16, u64, ValueQuery>;
    #[pallet::storage]
    pub type PendingOwnerCut<T: Config> = StorageMap<_, Identity, u16, u64, ValueQuery>;
    #[pallet::storage]
    pub type MinerBurned<T: Config> = StorageMap<_, Identity, u16, FixedU128, ValueQuery>;
    #[pallet::storage]
    pub type BlocksSinceLastStep<T: Config> = StorageMap<_, Identity, u16, u64, ValueQuery>;
    #[pallet::storage]
    pub type LastMechansimStepBlock<T: Config> = StorageMap<_, Identity, u16, u64, ValueQuery>;
    #[pallet::storage]
    pub type SubnetOwner<T: Config> = StorageMap<_, Identity, u16, AccountId32, ValueQuery, Zero>;
    #[pallet::storage]
    pub type SubnetOwnerHotkey<T: Config> = StorageMap<_, Identity, u16, AccountId32, ValueQuery, Zero>;
    #[pallet::storage]
    pub type RecycleOrBurn<T: Config> = StorageMap<_, Identity, u16, RecycleOrBurnEnum, ValueQuery>;
    #[pallet::storage]
    pub type ServingRateLimit<T: Config> = StorageMap<_, Identity, u16, u64, ValueQuery, ConstU64<50>>;
    #[pallet::storage]
    pub type Rho<T: Config> = StorageMap<_, Identity, u16, u16, ValueQuery, ConstU16<10>>;
    #[pallet::storage]
    pub type AlphaSigmoidSteepness<T: Config> = StorageMap<_, Identity, u16, i16, ValueQuery, ConstI16<1000>>;
    #[pallet::storage]
    pub type Kappa<T: Config> = StorageMap<_, Identity, u16, u16, ValueQuery, ConstU16<32_767>>;
    #[pallet::storage]
    pub type RegistrationsThisInterval<T: Config> = StorageMap<_, Identity, u16, u16, ValueQuery>;
    #[pallet::storage]
    pub type POWRegistrationsThisInterval<T: Config> = StorageMap<_, Identity, u16, u16, ValueQuery>;
    #[pallet::storage]
    pub type BurnRegistrationsThisInterval<T: Config> = StorageMap<_, Identity, u16, u16, ValueQuery>;
    #[pallet::storage]
    pub type MinAllowedUids<T: Config> = StorageMap<_, Identity, u16, u16, ValueQuery, ConstU16<64>>;
    #[pallet::storage]
    pub type MaxAllowedUids<T: Config> = StorageMap<_, Identity, u16, u16, ValueQuery, ConstU16<256>>;
    #[pallet::storage]
    pub type ImmunityPeriod<T: Config> = StorageMap<_, Identity, u16, u16, ValueQuery, ConstU16<4096>>;
    #[pallet::storage]
    pub type ActivityCutoff<T: Config> = StorageMap<_, Identity, u16, u16, ValueQuery, ConstU16<5000>>;
    #[pallet::storage]
    pub type MaxWeightsLimit<T: Config> = StorageMap<_, Identity, u16, u16, ValueQuery, ConstU16<65_535>>;
    #[pallet::storage]
    pub type WeightsVersionKey<T: Config> = StorageMap<_, Identity, u16, u64, ValueQuery>;
    #[pallet::storage]
    pub type MinAllowedWeights<T: Config> = StorageMap<_, Identity, u16, u16, ValueQuery, ConstU16<1024>>;
    #[pallet::storage]
    pub type MaxAllowedValidators<T: Config> = StorageMap<_, Identity, u16, u16, ValueQuery, ConstU16<128>>;
    #[pallet::storage]
    pub type AdjustmentInterval<T: Config> = StorageMap<_, Identity, u16, u16, ValueQuery, ConstU16<100>>;
    #[pallet::storage]
    pub type BondsMovingAverage<T: Config> = StorageMap<_, Identity, u16, u64, ValueQuery, ConstU64<900_000>>;
    #[pallet::storage]
    pub type BondsPenalty<T: Config> = StorageMap<_, Identity, u16, u16, ValueQuery, ConstU16<65_535>>;
    #[pallet::storage]
    pub type BondsResetOn<T: Config> = StorageMap<_, Identity, u16, bool, ValueQuery>;
    #[pallet::storage]
    pub type WeightsSetRateLimit<T: Config> = StorageMap<_, Identity, u16, u64, ValueQuery, ConstU64<100>>;
    #[pallet::storage]
    pub type ValidatorPruneLen<T: Config> = StorageMap<_, Identity, u16, u64, ValueQuery, ConstU64<1>>;
    #[pallet::storage]
    pub type ScalingLawPower<T: Config> = StorageMap<_, Identity, u16, u16, ValueQuery, ConstU16<50>>;
    #[pallet::storage]
    pub type TargetRegistrationsPerInterval<T: Config> = StorageMap<_, Identity, u16, u16, ValueQuery, ConstU16<2>>;
    #[pallet::storage]
    pub type AdjustmentAlpha<T: Config> = StorageMap<_, Identity, u16, u64, ValueQuery>;
    #[pallet::storage]
    pub type CommitRevealWeightsEnabled<T: Config> = StorageMap<_, Identity, u16, bool, ValueQuery, ConstBool<true>>;
    #[pallet::storage]
    pub type Burn<T: Config> = StorageMap<_, Identity, u16, u64, ValueQuery, ConstU64<100_000_000>>;
    #[pallet::storage]
    pub type Difficulty<T: Config> = StorageMap<_, Identity, u16, u64, ValueQuery, ConstU64<10_000_000>>;
    #[pallet::storage]
    pub type MinBurn<T: Config> = StorageMap<_, Identity, u16, u64, ValueQuery, ConstU64<500_000>>;
    #[pallet::storage]
    pub type MaxBurn<T: Config> = StorageMap<_, Identity, u16, u64, ValueQuery, ConstU64<100_000_000_000>>;
    #[pallet::storage]
    pub type MinDifficulty<T: Config> = StorageMap<_, Identity, u16, u64, ValueQuery, ConstU64<10_000_000>>;
    #[pallet::storage]
    pub type MaxDifficulty<T: Config> =
        StorageMap<_, Identity, u16, u64, ValueQuery, ConstU64<4_611_686_018_427_387_903>>;
    #[pallet::storage]
    pub type LastAdjustmentBlock<T: Config> = StorageMap<_, Identity, u16, u64, ValueQuery>;
    #[pallet::storage]
    pub type RegistrationsThisBlock<T: Config> = StorageMap<_, Identity, u16, u16, ValueQuery>;
    #[pallet::storage]
    pub type EMAPriceHalvingBlocks<T: Config> = StorageMap<_, Identity, u16, u64, ValueQuery, ConstU64<201_600>>;
    #[pallet::storage]
    pub type RAORecycledForRegistration<T: Config> = StorageMap<_, Identity, u16, u64, ValueQuery>;
    #[pallet::storage]
    pub type MaxEpochsPerBlock<T: Config> = StorageValue<_, u8, ValueQuery, ConstU8<2>>;
    #[pallet::storage]
    pub type LiquidAlphaOn<T: Config> = StorageMap<_, Blake2_128Concat, u16, bool, ValueQuery>;
    #[pallet::storage]
    pub type Yuma3On<T: Config> = StorageMap<_, Blake2_128Concat, u16, bool, ValueQuery>;
    #[pallet::storage]
    pub type AlphaValues<T: Config> = StorageMap<_, Identity, u16, (u16, u16), ValueQuery, LiquidAlphaRange>;
    #[pallet::storage]
    pub type SubtokenEnabled<T: Config> = StorageMap<_, Identity, u16, bool, ValueQuery>;
    #[pallet::storage]
    pub type VotingPowerTrackingEnabled<T: Config> = StorageMap<_, Identity, u16, bool, ValueQuery>;
    #[pallet::storage]
    pub type ImmuneOwnerUidsLimit<T: Config> = StorageMap<_, Identity, u16, u16, ValueQuery, ConstU16<1>>;
    #[pallet::storage]
    pub type StakeWeight<T: Config> = StorageMap<_, Identity, u16, Vec<u16>, ValueQuery>;
    #[pallet::storage]
    pub type Uids<T: Config> = StorageDoubleMap<_, Identity, u16, Blake2_128Concat, AccountId32, u16, OptionQuery>;
    #[pallet::storage]
    pub type Keys<T: Config> = StorageDoubleMap<_, Identity, u16, Identity, u16, AccountId32, ValueQuery, Zero>;
    #[pallet::storage]
    pub type Active<T: Config> = StorageMap<_, Identity, u16, Vec<bool>, ValueQuery>;
    #[pallet::storage]
    pub type Consensus<T: Config> = StorageMap<_, Identity, u16, Vec<u16>, ValueQuery>;
    #[pallet::storage]
    pub type Incentive<T: Config> = StorageMap<_, Identity, u16, Vec<u16>, ValueQuery>;
    #[pallet::storage]
    pub type Dividends<T: Config> = StorageMap<_, Identity, u16, Vec<u16>, ValueQuery>;
    #[pallet::storage]
    pub type Emission<T: Config> = StorageMap<_, Identity, u16, Vec<u64>, ValueQuery>;
    #[pallet::storage]
    pub type LastUpdate<T: Config> = StorageMap<_, Identity, u16, Vec<u64>, ValueQuery>;
    #[pallet::storage]
    pub type ValidatorTrust<T: Config> = StorageMap<_, Identity, u16, Vec<u16>, ValueQuery>;
    #[pallet::storage]
    pub type ValidatorPermit<T: Config> = StorageMap<_, Identity, u16, Vec<bool>, ValueQuery>;
    #[pallet::storage]
    pub type Weights<T: Config> = StorageDoubleMap<_, Identity, u16, Identity, u16, Vec<(u16, u16)>, ValueQuery>;
    #[pallet::storage]
    pub type Bonds<T: Config> = StorageDoubleMap<_, Identity, u16, Identity, u16, Vec<(u16, u16)>, ValueQuery>;
    #[pallet::storage]
    pub type BlockAtRegistration<T: Config> = StorageDoubleMap<_, Identity, u16, Identity, u16, u64, ValueQuery>;
    #[pallet::storage]
    pub type Axons<T: Config> =
        StorageDoubleMap<_, Identity, u16, Blake2_128Concat, AccountId32, AxonInfo, OptionQuery>;
    #[pallet::storage]
    pub type NeuronCertificates<T: Config> =
        StorageDoubleMap<_, Identity, u16, Blake2_128Concat, AccountId32, NeuronCertificate, OptionQuery>;
    #[pallet::storage]
    pub type Prometheus<T: Config> =
        StorageDoubleMap<_, Identity, u16, Blake2_128Concat, AccountId32, PrometheusInfo, OptionQuery>;
    #[pallet::storage]
    pub type IdentitiesV2<T: Config> = StorageMap<_, Blake2_128Concat, AccountId32, ChainIdentityV2, OptionQuery>;
    #[pallet::storage]
    pub type SubnetIdentitiesV3<T: Config> = StorageMap<_, Blake2_128Concat, u16, SubnetIdentityV3, OptionQuery>;
    // Without the call that would write it: there is no EVM.
    #[pallet::storage]
    pub type AssociatedEvmAddress<T: Config> =
        StorageDoubleMap<_, Twox64Concat, u16, Twox64Concat, u16, (H160, u64), OptionQuery>;
    #[pallet::storage]
    pub type StakeThreshold<T: Config> = StorageValue<_, u64, ValueQuery>;
    #[pallet::storage]
    pub type WeightCommits<T: Config> =
        StorageDoubleMap<_, Twox64Concat, u16, Twox64Concat, AccountId32, Vec<(H256, u64, u64, u64)>, OptionQuery>;
    #[pallet::storage]
    pub type TimelockedWeightCommits<T: Config> = StorageDoubleMap<
        _,
        Twox64Concat,
        u16,
        Twox64Concat,
        u64,
        Vec<(AccountId32, u64, SealedWeights, u64)>,
        ValueQuery,
    >;
    #[pallet::storage]
    pub type RevealPeriodEpochs<T: Config> = StorageMap<_, Twox64Concat, u16, u64, ValueQuery, ConstU64<1>>;
    #[pallet::storage]
    pub type RootClaimableThreshold<T: Config> =
        StorageMap<_, Blake2_128Concat, u16, FixedI128, ValueQuery, ClaimThreshold>;
    #[pallet::storage]
    pub type RootClaimable<T: Config> =
        StorageMap<_, Blake2_128Concat, AccountId32, BTreeMap<u16, FixedI128>, ValueQuery>;
    #[pallet::storage]
    pub type CommitRevealWeightsVersion<T: Config> = StorageValue<_, u16, ValueQuery, ConstU16<4>>;
    #[pallet::storage]
    pub type NetworkRegistrationStartBlock<T: Config> = StorageValue<_, u64, ValueQuery>;
    #[pallet::storage]
    pub type MinNonImmuneUids<T: Config> = StorageMap<_, Identity, u16, u16, ValueQuery, ConstU16<10>>;
    #[pallet::storage]
    pub type MaxMechanismCount<T: Config> = StorageValue<_, u8, ValueQuery, ConstU8<2>>;
    #[pallet::storage]
    pub type MechanismCountCurrent<T: Config> = StorageMap<_, Twox64Concat, u16, u8, ValueQuery, ConstU8<1>>;
    #[pallet::storage]
    pub type MechanismEmissionSplit<T: Config> = StorageMap<_, Twox64Concat, u16, Vec<u16>, OptionQuery>;
    #[pallet::storage]
    pub type BurnHalfLife<T: Config> = StorageMap<_, Identity, u16, u16, ValueQuery, ConstU16<360>>;
    #[pallet::storage]
    pub type BurnIncreaseMult<T: Config> = StorageMap<_, Identity, u16, FixedU128, ValueQuery, IncreaseMult>;
}
