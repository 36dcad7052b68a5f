//! Events, with subtensor's indices: clients know them by index.

use frame_support::pallet_macros::pallet_section;

/// What happened. Only events that occur on this chain are declared.
#[pallet_section]
mod events {
    #[pallet::event]
    #[pallet::generate_deposit(pub(crate) fn deposit_event)]
    pub enum Event<T: Config> {
        #[codec(index = 0)]
        NetworkAdded(u16, u16),
        #[codec(index = 1)]
        NetworkRemoved(u16),
        #[codec(index = 2)]
        StakeAdded(AccountId32, AccountId32, u64, u64, u16, u64),
        #[codec(index = 3)]
        StakeRemoved(AccountId32, AccountId32, u64, u64, u16, u64),
        #[codec(index = 5)]
        WeightsSet(u16, u16),
        #[codec(index = 6)]
        NeuronRegistered(u16, u16, AccountId32),
        #[codec(index = 9)]
        MaxAllowedUidsSet(u16, u16),
        #[codec(index = 11)]
        DifficultySet(u16, u64),
        #[codec(index = 12)]
        AdjustmentIntervalSet(u16, u16),
        #[codec(index = 13)]
        RegistrationPerIntervalSet(u16, u16),
        #[codec(index = 14)]
        MaxRegistrationsPerBlockSet(u16, u16),
        #[codec(index = 15)]
        ActivityCutoffSet(u16, u16),
        #[codec(index = 18)]
        KappaSet(u16, u16),
        #[codec(index = 19)]
        MinAllowedWeightSet(u16, u16),
        #[codec(index = 22)]
        WeightsSetRateLimitSet(u16, u64),
        #[codec(index = 23)]
        ImmunityPeriodSet(u16, u16),
        #[codec(index = 24)]
        BondsMovingAverageSet(u16, u64),
        #[codec(index = 25)]
        BondsPenaltySet(u16, u16),
        #[codec(index = 26)]
        BondsResetOnSet(u16, bool),
        #[codec(index = 27)]
        MaxAllowedValidatorsSet(u16, u16),
        #[codec(index = 28)]
        AxonServed(u16, AccountId32),
        #[codec(index = 29)]
        PrometheusServed(u16, AccountId32),
        #[codec(index = 32)]
        WeightsVersionKeySet(u16, u64),
        #[codec(index = 33)]
        MinDifficultySet(u16, u64),
        #[codec(index = 34)]
        MaxDifficultySet(u16, u64),
        #[codec(index = 35)]
        ServingRateLimitSet(u16, u64),
        #[codec(index = 36)]
        BurnSet(u16, u64),
        #[codec(index = 37)]
        MaxBurnSet(u16, u64),
        #[codec(index = 38)]
        MinBurnSet(u16, u64),
        #[codec(index = 39)]
        MaxEpochsPerBlockSet(u8),
        #[codec(index = 40)]
        TxRateLimitSet(u64),
        #[codec(index = 41)]
        TxDelegateTakeRateLimitSet(u64),
        #[codec(index = 43)]
        AdminFreezeWindowSet(u16),
        #[codec(index = 44)]
        OwnerHyperparamRateLimitSet(u16),
        #[codec(index = 46)]
        MinChildKeyTakePerSubnetSet(u16, u16),
        #[codec(index = 50)]
        RegistrationAllowed(u16, bool),
        #[codec(index = 52)]
        TempoSet(u16, u16),
        #[codec(index = 53)]
        RAORecycledForRegistrationSet(u16, u64),
        #[codec(index = 54)]
        StakeThresholdSet(u64),
        #[codec(index = 55)]
        AdjustmentAlphaSet(u16, u64),
        #[codec(index = 57)]
        SubnetOwnerCutSet(u16),
        #[codec(index = 58)]
        NetworkRateLimitSet(u64),
        #[codec(index = 59)]
        NetworkImmunityPeriodSet(u64),
        #[codec(index = 60)]
        StartCallDelaySet(u64),
        #[codec(index = 61)]
        NetworkMinLockCostSet(u64),
        #[codec(index = 62)]
        SubnetLimitSet(u16),
        #[codec(index = 63)]
        NetworkLockCostReductionIntervalSet(u64),
        #[codec(index = 64)]
        TakeDecreased(AccountId32, AccountId32, u16),
        #[codec(index = 65)]
        TakeIncreased(AccountId32, AccountId32, u16),
        #[codec(index = 66)]
        HotkeySwapped { coldkey: AccountId32, old_hotkey: AccountId32, new_hotkey: AccountId32 },
        #[codec(index = 67)]
        MaxDelegateTakeSet(u16),
        #[codec(index = 68)]
        MinDelegateTakeSet(u16),
        #[codec(index = 78)]
        SubnetIdentitySet(u16),
        #[codec(index = 81)]
        ColdkeySwapAnnouncementDelaySet(u32),
        #[codec(index = 82)]
        ColdkeySwapReannouncementDelaySet(u32),
        #[codec(index = 83)]
        DissolveNetworkScheduleDurationSet(u32),
        #[codec(index = 88)]
        BatchWeightsCompleted(Vec<Compact<u16>>, AccountId32),
        #[codec(index = 89)]
        BatchCompletedWithErrors(),
        #[codec(index = 90)]
        BatchWeightItemFailed(u16, DispatchError),
        #[codec(index = 93)]
        TransferToggle(u16, bool),
        #[codec(index = 94)]
        SubnetOwnerHotkeySet(u16, AccountId32),
        #[codec(index = 95)]
        FirstEmissionBlockNumberSet(u16, u64),
        #[codec(index = 100)]
        CommitRevealPeriodsSet(u16, u64),
        #[codec(index = 101)]
        CommitRevealEnabled(u16, bool),
        #[codec(index = 102)]
        HotkeySwappedOnSubnet { coldkey: AccountId32, old_hotkey: AccountId32, new_hotkey: AccountId32, netuid: u16 },
        #[codec(index = 106)]
        CommitRevealVersionSet(u16),
        #[codec(index = 107)]
        TimelockedWeightsCommitted(AccountId32, u16, H256, u64),
        #[codec(index = 108)]
        TimelockedWeightsRevealed(u16, AccountId32),
        #[codec(index = 110)]
        IncentiveAlphaEmittedToMiners { netuid: u16, emissions: Vec<u64> },
        #[codec(index = 111)]
        MinAllowedUidsSet(u16, u16),
        #[codec(index = 113)]
        MinNonImmuneUidsSet(u16, u16),
        #[codec(index = 130)]
        ActivityCutoffFactorMilliSet { netuid: u16, factor_milli: u32 },
        #[codec(index = 131)]
        EpochTriggered { netuid: u16, by: AccountId32, fires_at: u64 },
        #[codec(index = 132)]
        EpochDeferred { netuid: u16, from_block: u64, to_block: u64 },
        #[codec(index = 133)]
        EpochSkipped { netuid: u16, block: u64 },
    }
}
