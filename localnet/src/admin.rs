//! The AdminUtils pallet: hyperparameters, set by root or by the owner of a subnet.
//!
//! Most setters are rows of a table; `table` says how a row is read. Those that do more than to check a value and store it
//! are written out below the rows. What they share is in [`permit`], what they do in [`mechanisms`] and [`trim`].

// What the FRAME macros generate carries no docs.
#![allow(missing_docs)]

pub mod mechanisms;
pub mod permit;
mod table;
pub mod trim;

pub use pallet::*;

use table::setters;

setters! {
    global {
        1 sudo_set_default_take(default_take: u16) => MaxDelegateTake -> MaxDelegateTakeSet;
        2 sudo_set_tx_rate_limit(tx_rate_limit: u64) => TxRateLimit -> TxRateLimitSet;
        28 sudo_set_subnet_owner_cut(subnet_owner_cut: u16) => SubnetOwnerCut -> SubnetOwnerCutSet;
        29 sudo_set_network_rate_limit(rate_limit: u64) => NetworkRateLimit -> NetworkRateLimitSet;
        35 sudo_set_network_immunity_period(immunity_period: u64) => NetworkImmunityPeriod -> NetworkImmunityPeriodSet;
        36 sudo_set_network_min_lock_cost(lock_cost: u64) => NetworkMinLockCost -> NetworkMinLockCostSet;
        37 sudo_set_subnet_limit(max_subnets: u16) => SubnetLimit -> SubnetLimitSet;
        38 sudo_set_lock_reduction_interval(interval: u64)
            => NetworkLockReductionInterval -> NetworkLockCostReductionIntervalSet;
        42 sudo_set_stake_threshold(min_stake: u64) => StakeThreshold -> StakeThresholdSet;
        43 sudo_set_nominator_min_required_stake(min_stake: u64) => NominatorMinRequiredStake;
        45 sudo_set_tx_delegate_take_rate_limit(tx_rate_limit: u64)
            => TxDelegateTakeRateLimit -> TxDelegateTakeRateLimitSet;
        46 sudo_set_min_delegate_take(take: u16) => MinDelegateTake -> MinDelegateTakeSet;
        55 sudo_set_dissolve_network_schedule_duration(duration: u32)
            => DissolveNetworkScheduleDuration -> DissolveNetworkScheduleDurationSet;
        63 sudo_set_subnet_moving_alpha(alpha: FixedI128) => SubnetMovingAlpha;
        71 sudo_set_commit_reveal_version(version: u16) => CommitRevealWeightsVersion -> CommitRevealVersionSet;
        73 sudo_set_ck_burn(burn: u64) => CKBurn;
        74 sudo_set_admin_freeze_window(window: u16) => AdminFreezeWindow -> AdminFreezeWindowSet;
        75 sudo_set_owner_hparam_rate_limit(epochs: u16) => OwnerHyperparamRateLimit -> OwnerHyperparamRateLimitSet;
        81 sudo_set_tao_flow_cutoff(flow_cutoff: FixedI128) => TaoFlowCutoff;
        82 sudo_set_tao_flow_normalization_exponent(exponent: FixedU128)
            [(ONE..=2 * ONE).contains(&exponent.bits), Error::<T>::InvalidValue]
            => FlowNormExponent;
        83 sudo_set_tao_flow_smoothing_factor(smoothing_factor: u64) => FlowEmaSmoothingFactor;
        85 sudo_set_start_call_delay(delay: u64) => StartCallDelay -> StartCallDelaySet;
        86 sudo_set_coldkey_swap_announcement_delay(duration: u32)
            => ColdkeySwapAnnouncementDelay -> ColdkeySwapAnnouncementDelaySet;
        87 sudo_set_coldkey_swap_reannouncement_delay(duration: u32)
            => ColdkeySwapReannouncementDelay -> ColdkeySwapReannouncementDelaySet;
        88 sudo_set_max_mechanism_count(max_mechanism_count: u8)
            [max_mechanism_count > 0, Refusal::<T>::InvalidValue]
            => MaxMechanismCount;
        91 sudo_set_net_tao_flow_enabled(enabled: bool) => NetTaoFlowEnabled;
        96 sudo_set_max_epochs_per_block(max_epochs_per_block: u8)
            [max_epochs_per_block >= 1, Error::<T>::ValueNotInBounds]
            => MaxEpochsPerBlock -> MaxEpochsPerBlockSet;
    }
    subnet {
        3 sudo_set_serving_rate_limit(netuid, serving_rate_limit: u64) Owner(ServingRateLimit) Open
            => ServingRateLimit -> ServingRateLimitSet;
        4 sudo_set_min_difficulty(netuid, min_difficulty: u64) Root Open Known => MinDifficulty -> MinDifficultySet;
        5 sudo_set_max_difficulty(netuid, max_difficulty: u64) Owner(MaxDifficulty) Open Known
            => MaxDifficulty -> MaxDifficultySet;
        7 sudo_set_weights_set_rate_limit(netuid, weights_set_rate_limit: u64) Root Known
            => WeightsSetRateLimit -> WeightsSetRateLimitSet;
        8 sudo_set_adjustment_interval(netuid, adjustment_interval: u16) Root Known
            => AdjustmentInterval -> AdjustmentIntervalSet;
        9 sudo_set_adjustment_alpha(netuid, adjustment_alpha: u64) Owner(AdjustmentAlpha) Open Known
            => AdjustmentAlpha -> AdjustmentAlphaSet;
        13 sudo_set_immunity_period(netuid, immunity_period: u16) Owner(ImmunityPeriod) Open Known
            => ImmunityPeriod -> ImmunityPeriodSet;
        14 sudo_set_min_allowed_weights(netuid, min_allowed_weights: u16) Owner(MinAllowedWeights) Open Known
            => MinAllowedWeights -> MinAllowedWeightSet;
        15 sudo_set_max_allowed_uids(netuid, max_allowed_uids: u16) Owner(MaxAllowedUids) Open Known
            [max_allowed_uids >= MinAllowedUids::<T>::get(netuid), Error::<T>::MaxAllowedUidsLessThanMinAllowedUids]
            [max_allowed_uids >= SubnetworkN::<T>::get(netuid), Error::<T>::MaxAllowedUIdsLessThanCurrentUIds]
            [max_allowed_uids <= MAX_UIDS, Error::<T>::MaxAllowedUidsGreaterThanDefaultMaxAllowedUids]
            [within_uid_budget(max_allowed_uids, MechanismCountCurrent::<T>::get(netuid)),
                Refusal::<T>::TooManyUIDsPerMechanism]
            => MaxAllowedUids -> MaxAllowedUidsSet;
        16 sudo_set_kappa(netuid, kappa: u16) Root Known => Kappa -> KappaSet;
        17 sudo_set_rho(netuid, rho: u16) Owner(Rho) Open Known => Rho;
        18 sudo_set_activity_cutoff(netuid, activity_cutoff: u16) Owner(ActivityCutoff) Open Known
            [activity_cutoff >= MinActivityCutoff::<T>::get(), Refusal::<T>::ActivityCutoffTooLow]
            => ActivityCutoff -> ActivityCutoffSet;
        19 sudo_set_network_registration_allowed(netuid, registration_allowed: bool) Root
            => NetworkRegistrationAllowed -> RegistrationAllowed;
        21 sudo_set_target_registrations_per_interval(netuid, target_registrations_per_interval: u16) Root Open Known
            => TargetRegistrationsPerInterval -> RegistrationPerIntervalSet;
        22 sudo_set_min_burn(netuid, min_burn: u64) Owner(MinBurn) Open Known
            [min_burn < TAO, Error::<T>::ValueNotInBounds]
            [min_burn < MaxBurn::<T>::get(netuid), Error::<T>::ValueNotInBounds]
            => MinBurn -> MinBurnSet;
        23 sudo_set_max_burn(netuid, max_burn: u64) Owner(MaxBurn) Open Known
            [max_burn > TAO / 10, Error::<T>::ValueNotInBounds]
            [max_burn > MinBurn::<T>::get(netuid), Error::<T>::ValueNotInBounds]
            => MaxBurn -> MaxBurnSet;
        24 sudo_set_difficulty(netuid, difficulty: u64) Root Open Known => Difficulty -> DifficultySet;
        25 sudo_set_max_allowed_validators(netuid, max_allowed_validators: u16) Root Open Known
            [max_allowed_validators <= MaxAllowedUids::<T>::get(netuid), Error::<T>::MaxValidatorsLargerThanMaxUIds]
            => MaxAllowedValidators -> MaxAllowedValidatorsSet;
        27 sudo_set_max_registrations_per_block(netuid, max_registrations_per_block: u16) Root Open Known
            => MaxRegistrationsPerBlock -> MaxRegistrationsPerBlockSet;
        39 sudo_set_rao_recycled(netuid, rao_recycled: u64) Root Known
            => RAORecycledForRegistration -> RAORecycledForRegistrationSet;
        49 sudo_set_commit_reveal_weights_enabled(netuid, enabled: bool) Owner(CommitRevealEnabled) Open Known
            => CommitRevealWeightsEnabled -> CommitRevealEnabled;
        50 sudo_set_liquid_alpha_enabled(netuid, enabled: bool) Owner(LiquidAlphaEnabled) Open => LiquidAlphaOn;
        57 sudo_set_commit_reveal_weights_interval(netuid, interval: u64) Owner(WeightCommitInterval) Open Known
            [interval <= 100, Refusal::<T>::RevealPeriodTooLarge]
            [interval >= 1, Refusal::<T>::RevealPeriodTooSmall]
            => RevealPeriodEpochs -> CommitRevealPeriodsSet;
        60 sudo_set_bonds_penalty(netuid, bonds_penalty: u16) Owner(BondsPenalty) Open Known
            => BondsPenalty -> BondsPenaltySet;
        61 sudo_set_toggle_transfer(netuid, toggle: bool) Owner(TransferEnabled) Open => TransferToggle -> TransferToggle;
        65 sudo_set_ema_price_halving_period(netuid, ema_halving: u64) Root => EMAPriceHalvingBlocks;
        66 sudo_set_subtoken_enabled(netuid, subtoken_enabled: bool) Root Open => SubtokenEnabled;
        72 sudo_set_owner_immune_neuron_limit(netuid, immune_neurons: u16) Owner(ImmuneNeuronLimit) Open
            [(1..=10).contains(&immune_neurons), Refusal::<T>::InvalidValue]
            => ImmuneOwnerUidsLimit;
        79 sudo_set_min_allowed_uids(netuid, min_allowed_uids: u16) Root Open Known
            [min_allowed_uids < MaxAllowedUids::<T>::get(netuid), Error::<T>::MinAllowedUidsGreaterThanMaxAllowedUids]
            [min_allowed_uids < SubnetworkN::<T>::get(netuid), Error::<T>::MinAllowedUidsGreaterThanCurrentUids]
            => MinAllowedUids -> MinAllowedUidsSet;
        80 sudo_set_recycle_or_burn(netuid, recycle_or_burn: RecycleOrBurnEnum) Owner(RecycleOrBurn) Open => RecycleOrBurn;
        84 sudo_set_min_non_immune_uids(netuid, min: u16) Root => MinNonImmuneUids -> MinNonImmuneUidsSet;
        93 sudo_set_min_childkey_take_per_subnet(netuid, take: u16) Owner(MinChildkeyTake) Open Known
            [(MinChildkeyTake::<T>::get()..=MaxChildkeyTake::<T>::get()).contains(&take), Error::<T>::InvalidValue]
            => MinChildkeyTakePerSubnet -> MinChildKeyTakePerSubnetSet;
    }
    others {
        #[pallet::call_index(6)]
        #[pallet::weight(LIGHT)]
        pub fn sudo_set_weights_version_key(origin: OriginFor<T>, netuid: u16, weights_version_key: u64) -> DispatchResult {
            let permit = Permit::<T>::of_owner(origin, netuid, Limit::WeightsVersionKey)?.open()?.known()?;
            WeightsVersionKey::<T>::insert(netuid, weights_version_key);
            Subtensor::<T>::deposit_event(Happened::WeightsVersionKeySet(netuid, weights_version_key));
            permit.count();
            Ok(())
        }

        /// There is no proof of work any more.
        #[pallet::call_index(20)]
        #[pallet::weight(LIGHT)]
        pub fn sudo_set_network_pow_registration_allowed(
            _origin: OriginFor<T>,
            _netuid: u16,
            _registration_allowed: bool,
        ) -> DispatchResult {
            Err(Error::<T>::POWRegistrationDisabled.into())
        }

        #[pallet::call_index(26)]
        #[pallet::weight(LIGHT)]
        pub fn sudo_set_bonds_moving_average(
            origin: OriginFor<T>,
            netuid: u16,
            bonds_moving_average: u64,
        ) -> DispatchResult {
            let limit = Limit::Hyperparameter(Hyperparameter::BondsMovingAverage);
            let permit = Permit::<T>::of_owner(origin, netuid, limit)?.open()?;
            let bounded = permit.is_root() || bonds_moving_average <= OWNERS_BONDS_MOVING_AVERAGE;
            ensure!(bounded, Error::<T>::BondsMovingAverageMaxReached);
            let permit = permit.known()?;
            BondsMovingAverage::<T>::insert(netuid, bonds_moving_average);
            Subtensor::<T>::deposit_event(Happened::BondsMovingAverageSet(netuid, bonds_moving_average));
            permit.count();
            Ok(())
        }

        #[pallet::call_index(30)]
        #[pallet::weight(LIGHT)]
        pub fn sudo_set_tempo(origin: OriginFor<T>, netuid: u16, tempo: u16) -> DispatchResult {
            Permit::<T>::of_root(origin, netuid)?.open()?.known()?;
            Subtensor::<T>::restart_with_tempo(netuid, tempo);
            Ok(())
        }

        /// Issuance follows from the balances.
        #[pallet::call_index(33)]
        #[pallet::weight(LIGHT)]
        pub fn sudo_set_total_issuance(_origin: OriginFor<T>, _total_issuance: u64) -> DispatchResult {
            Err(Error::<T>::Deprecated.into())
        }

        #[pallet::call_index(51)]
        #[pallet::weight(LIGHT)]
        pub fn sudo_set_alpha_values(
            origin: OriginFor<T>,
            netuid: u16,
            alpha_low: u16,
            alpha_high: u16,
        ) -> DispatchResult {
            let limit = Limit::Hyperparameter(Hyperparameter::AlphaValues);
            let permit = Permit::<T>::of_owner(origin, netuid, limit)?.open()?;
            ensure!(LiquidAlphaOn::<T>::get(netuid), Refusal::<T>::LiquidAlphaDisabled);
            ensure!(alpha_high >= LOWEST_ALPHA, Refusal::<T>::AlphaHighTooLow);
            ensure!((LOWEST_ALPHA..=alpha_high).contains(&alpha_low), Refusal::<T>::AlphaLowOutOfRange);
            AlphaValues::<T>::insert(netuid, (alpha_low, alpha_high));
            permit.count();
            Ok(())
        }

        #[pallet::call_index(64)]
        #[pallet::weight(LIGHT)]
        pub fn sudo_set_subnet_owner_hotkey(origin: OriginFor<T>, netuid: u16, hotkey: AccountId32) -> DispatchResult {
            Subtensor::<T>::do_set_owner_hotkey(origin, netuid, &hotkey)
        }

        #[pallet::call_index(67)]
        #[pallet::weight(LIGHT)]
        pub fn sudo_set_sn_owner_hotkey(origin: OriginFor<T>, netuid: u16, hotkey: AccountId32) -> DispatchResult {
            Subtensor::<T>::do_set_owner_hotkey(origin, netuid, &hotkey)
        }

        #[pallet::call_index(68)]
        #[pallet::weight(LIGHT)]
        pub fn sudo_set_alpha_sigmoid_steepness(origin: OriginFor<T>, netuid: u16, steepness: i16) -> DispatchResult {
            let limit = Limit::Hyperparameter(Hyperparameter::AlphaSigmoidSteepness);
            let permit = Permit::<T>::of_owner(origin, netuid, limit)?.open()?.known()?;
            ensure!(permit.is_root() || steepness >= 0, Error::<T>::NegativeSigmoidSteepness);
            AlphaSigmoidSteepness::<T>::insert(netuid, steepness);
            permit.count();
            Ok(())
        }

        #[pallet::call_index(69)]
        #[pallet::weight(LIGHT)]
        pub fn sudo_set_yuma3_enabled(origin: OriginFor<T>, netuid: u16, enabled: bool) -> DispatchResult {
            let limit = Limit::Hyperparameter(Hyperparameter::Yuma3Enabled);
            let permit = Permit::<T>::of_owner(origin, netuid, limit)?.open()?;
            Yuma3On::<T>::insert(netuid, enabled);
            Self::deposit_event(Event::Yuma3EnableToggled { netuid, enabled });
            permit.count();
            Ok(())
        }

        #[pallet::call_index(70)]
        #[pallet::weight(LIGHT)]
        pub fn sudo_set_bonds_reset_enabled(origin: OriginFor<T>, netuid: u16, enabled: bool) -> DispatchResult {
            let limit = Limit::Hyperparameter(Hyperparameter::BondsResetEnabled);
            let permit = Permit::<T>::of_owner(origin, netuid, limit)?.open()?;
            BondsResetOn::<T>::insert(netuid, enabled);
            Subtensor::<T>::deposit_event(Happened::BondsResetOnSet(netuid, enabled));
            Self::deposit_event(Event::BondsResetToggled { netuid, enabled });
            permit.count();
            Ok(())
        }

        #[pallet::call_index(76)]
        #[pallet::weight(LIGHT)]
        pub fn sudo_set_mechanism_count(origin: OriginFor<T>, netuid: u16, mechanism_count: u8) -> DispatchResult {
            let permit = Permit::<T>::of_owner(origin, netuid, Limit::MechanismCount)?.open()?;
            Subtensor::<T>::set_mechanism_count(netuid, mechanism_count)?;
            permit.count();
            Ok(())
        }

        #[pallet::call_index(77)]
        #[pallet::weight(LIGHT)]
        pub fn sudo_set_mechanism_emission_split(
            origin: OriginFor<T>,
            netuid: u16,
            maybe_split: Option<Vec<u16>>,
        ) -> DispatchResult {
            let permit = Permit::<T>::of_owner(origin, netuid, Limit::MechanismEmission)?.open()?;
            Subtensor::<T>::set_emission_split(netuid, maybe_split)?;
            permit.count();
            Ok(())
        }

        #[pallet::call_index(78)]
        #[pallet::weight(LIGHT)]
        pub fn sudo_trim_to_max_allowed_uids(origin: OriginFor<T>, netuid: u16, max_n: u16) -> DispatchResult {
            let permit = Permit::<T>::of_owner(origin, netuid, Limit::Trimming)?.open()?;
            Subtensor::<T>::trim(netuid, max_n)?;
            permit.count();
            Ok(())
        }

        #[pallet::call_index(89)]
        #[pallet::weight((LIGHT, DispatchClass::Operational))]
        pub fn sudo_set_burn_half_life(origin: OriginFor<T>, netuid: u16, burn_half_life: u16) -> DispatchResult {
            let limit = Limit::Hyperparameter(Hyperparameter::BurnHalfLife);
            let permit = Permit::<T>::of_owner(origin, netuid, limit)?.open()?.known()?;
            ensure!(netuid != ROOT, Error::<T>::NotPermittedOnRootSubnet);
            ensure!((1..=LONGEST_HALF_LIFE).contains(&burn_half_life), Error::<T>::InvalidValue);
            BurnHalfLife::<T>::insert(netuid, burn_half_life);
            Self::deposit_event(Event::BurnHalfLifeSet { netuid, burn_half_life });
            permit.count();
            Ok(())
        }

        #[pallet::call_index(90)]
        #[pallet::weight((LIGHT, DispatchClass::Operational))]
        pub fn sudo_set_burn_increase_mult(
            origin: OriginFor<T>,
            netuid: u16,
            burn_increase_mult: FixedU128,
        ) -> DispatchResult {
            let limit = Limit::Hyperparameter(Hyperparameter::BurnIncreaseMult);
            let permit = Permit::<T>::of_owner(origin, netuid, limit)?.open()?.known()?;
            ensure!(netuid != ROOT, Error::<T>::NotPermittedOnRootSubnet);
            ensure!((ONE..=3 * ONE).contains(&burn_increase_mult.bits), Error::<T>::InvalidValue);
            BurnIncreaseMult::<T>::insert(netuid, burn_increase_mult);
            Self::deposit_event(Event::BurnIncreaseMultSet { netuid, burn_increase_mult });
            permit.count();
            Ok(())
        }

        #[pallet::call_index(92)]
        #[pallet::weight((LIGHT, DispatchClass::Operational))]
        pub fn sudo_set_owner_cut_enabled(origin: OriginFor<T>, netuid: u16, enabled: bool) -> DispatchResult {
            Permit::<T>::of_owner_unlimited(origin, netuid)?.open()?.known()?;
            ensure!(netuid != ROOT, Error::<T>::NotPermittedOnRootSubnet);
            OwnerCutEnabled::<T>::insert(netuid, enabled);
            Ok(())
        }

        #[pallet::call_index(94)]
        #[pallet::weight(LIGHT)]
        pub fn sudo_set_subnet_emission_enabled(origin: OriginFor<T>, netuid: u16, enabled: bool) -> DispatchResult {
            Permit::<T>::of_root(origin, netuid)?.known()?;
            ensure!(netuid != ROOT, Error::<T>::NotPermittedOnRootSubnet);
            SubnetEmissionEnabled::<T>::insert(netuid, enabled);
            Self::deposit_event(Event::SubnetEmissionEnabledSet { netuid, enabled });
            Ok(())
        }

        #[pallet::call_index(95)]
        #[pallet::weight((LIGHT, DispatchClass::Operational))]
        pub fn sudo_set_owner_cut_auto_lock_enabled(origin: OriginFor<T>, netuid: u16, enabled: bool) -> DispatchResult {
            Permit::<T>::of_owner_unlimited(origin, netuid)?.open()?.known()?;
            ensure!(netuid != ROOT, Error::<T>::NotPermittedOnRootSubnet);
            OwnerCutAutoLockEnabled::<T>::insert(netuid, enabled);
            Ok(())
        }
    }
}
