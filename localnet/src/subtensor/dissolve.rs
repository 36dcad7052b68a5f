//! The end of a subnet: its TAO goes to those who hold its alpha, everything else is forgotten.

use frame_support::{
    ensure,
    pallet_prelude::DispatchResult,
    traits::{
        fungible::Mutate as _,
        tokens::{Fortitude, Precision, Preservation},
    },
};
use sp_runtime::AccountId32;

use super::{network::ROOT, pallet::*, staking::proportion};

impl<T: Config> Pallet<T> {
    /// The subnet that makes room when there are as many as allowed: the one with the lowest moving price, then the oldest.
    /// Subnets younger than `NetworkImmunityPeriod` stay.
    pub(super) fn subnet_to_dissolve() -> Option<u16> {
        let immunity = NetworkImmunityPeriod::<T>::get();
        let exposed = |netuid: &u16| Self::block() >= NetworkRegisteredAt::<T>::get(netuid).saturating_add(immunity);
        let key = |netuid: &u16| (Self::moving_price(*netuid), NetworkRegisteredAt::<T>::get(netuid));
        Self::subnets().into_iter().filter(exposed).min_by_key(key)
    }

    /// Removes a subnet.
    pub(super) fn do_dissolve_network(netuid: u16) -> DispatchResult {
        ensure!(netuid != ROOT && NetworksAdded::<T>::get(netuid), Error::<T>::SubnetNotExists);
        Self::pay_out(netuid)?;
        Self::forget_neurons(netuid);
        Self::forget_subnet(netuid);
        TotalNetworks::<T>::mutate(|total| *total = total.saturating_sub(1));
        Self::deposit_event(Event::NetworkRemoved(netuid));
        Ok(())
    }

    /// Shares the pool's TAO among the holders of alpha; what nobody holds is burned.
    fn pay_out(netuid: u16) -> DispatchResult {
        type Balances<T> = pallet_balances::Pallet<T>;
        let holders: Vec<(AccountId32, AccountId32)> = AlphaV2::<T>::iter_keys()
            .filter(|(_, _, subnet)| *subnet == netuid)
            .map(|(hotkey, coldkey, _)| (hotkey, coldkey))
            .collect();
        let stakes: Vec<(AccountId32, u64)> = holders
            .iter()
            .map(|(hotkey, coldkey)| (coldkey.clone(), Self::stake_of(hotkey, coldkey, netuid)))
            .collect();
        let total = stakes.iter().fold(0_u64, |sum, (_, alpha)| sum.saturating_add(*alpha));
        let (pool, tao) = (Self::subnet_account(netuid), SubnetTAO::<T>::get(netuid));
        for (coldkey, alpha) in stakes {
            // A part below the existential deposit of an account without a balance stays in the pool and is burned.
            let _ = Balances::<T>::transfer(&pool, &coldkey, proportion(tao, alpha, total), Preservation::Expendable);
        }
        let left = Self::free_balance(&pool);
        let (gone, what_there_is) = (Preservation::Expendable, Precision::BestEffort);
        Balances::<T>::burn_from(&pool, left, gone, what_there_is, Fortitude::Polite)?;
        for (hotkey, coldkey) in holders {
            AlphaV2::<T>::remove((&hotkey, coldkey, netuid));
            TotalHotkeySharesV2::<T>::remove(&hotkey, netuid);
            TotalHotkeyAlpha::<T>::remove(&hotkey, netuid);
        }
        TotalStake::<T>::mutate(|stake| *stake = stake.saturating_sub(tao));
        Ok(())
    }

    fn forget_neurons(netuid: u16) {
        let hotkeys: Vec<AccountId32> = Keys::<T>::iter_prefix_values(netuid).collect();
        for hotkey in hotkeys {
            IsNetworkMember::<T>::remove(&hotkey, netuid);
            LastHotkeyEmissionOnNetuid::<T>::remove(&hotkey, netuid);
            TotalHotkeyAlphaLastEpoch::<T>::remove(&hotkey, netuid);
        }
        (0..MechanismCountCurrent::<T>::get(netuid))
            .for_each(|mechanism| Self::forget_mechanism(super::registration::mechanism_index(netuid, mechanism)));
        macro_rules! clear {
            ($($map:ident)*) => { $(let _ = $map::<T>::clear_prefix(netuid, u32::MAX, None);)* };
        }
        clear!(Keys Uids BlockAtRegistration Axons NeuronCertificates Prometheus PendingChildKeys
            AlphaDividendsPerSubnet RootAlphaDividendsPerSubnet LastHotkeySwapOnNetuid);
    }

    fn forget_subnet(netuid: u16) {
        macro_rules! remove {
            ($($map:ident)*) => { $($map::<T>::remove(netuid);)* };
        }
        remove!(NetworksAdded SubnetworkN NetworkRegisteredAt SubnetOwner SubnetOwnerHotkey SubnetMechanism SubnetLocked
            SubnetIdentitiesV3 TokenSymbol FirstEmissionBlockNumber SubtokenEnabled SubnetEmissionEnabled NetworkRegistrationAllowed
            NetworkPowRegistrationAllowed TransferToggle OwnerCutEnabled OwnerCutAutoLockEnabled RecycleOrBurn);
        remove!(Active Emission Consensus Dividends ValidatorTrust ValidatorPermit StakeWeight Tempo LastEpochBlock PendingEpochAt
            SubnetEpochIndex BlocksSinceLastStep LastMechansimStepBlock ActivityCutoffFactorMilli MechanismCountCurrent
            MechanismEmissionSplit);
        remove!(TotalAlphaStaked SubnetTAO SubnetAlphaIn SubnetAlphaOut SubnetVolume SubnetMovingPrice RootProp SubnetTaoInEmission
            SubnetAlphaInEmission SubnetAlphaOutEmission SubnetExcessTao SubnetProtocolAlpha PendingServerEmission
            PendingValidatorEmission PendingRootAlphaDivs PendingOwnerCut MinerBurned EMAPriceHalvingBlocks);
        remove!(Burn MinBurn MaxBurn BurnHalfLife BurnIncreaseMult RAORecycledForRegistration RegistrationsThisBlock
            RegistrationsThisInterval Difficulty MinDifficulty MaxDifficulty AdjustmentInterval AdjustmentAlpha
            TargetRegistrationsPerInterval MaxRegistrationsPerBlock MinAllowedUids MaxAllowedUids MaxAllowedValidators
            MinAllowedWeights MaxWeightsLimit WeightsVersionKey WeightsSetRateLimit ServingRateLimit ImmunityPeriod ActivityCutoff
            ImmuneOwnerUidsLimit MinNonImmuneUids MinChildkeyTakePerSubnet);
        remove!(Kappa Rho AlphaSigmoidSteepness AlphaValues LiquidAlphaOn Yuma3On BondsMovingAverage BondsPenalty BondsResetOn
            CommitRevealWeightsEnabled RevealPeriodEpochs);
    }
}
