//! A whole subnet at once.

use incentive::schedule::activity_cutoff;
use parity_scale_codec::Compact;
use sp_runtime::AccountId32;

use super::answers::Metagraph;
use crate::subtensor::pallet::*;

impl<T: Config> Pallet<T> {
    /// Everything about a subnet; none without it.
    #[must_use]
    pub fn metagraph(netuid: u16) -> Option<Metagraph> {
        NetworksAdded::<T>::get(netuid).then(|| Self::metagraph_of(netuid))
    }

    // One literal of 71 fields, in the order of the wire format: nothing to gain from cutting it up.
    fn metagraph_of(netuid: u16) -> Metagraph {
        let block = Self::block();
        let last_step = LastMechansimStepBlock::<T>::get(netuid);
        let tempo = Tempo::<T>::get(netuid);
        let (alpha_low, alpha_high) = AlphaValues::<T>::get(netuid);
        let uids = 0..SubnetworkN::<T>::get(netuid);
        let hotkeys: Vec<AccountId32> = uids.clone().map(|uid| Keys::<T>::get(netuid, uid)).collect();
        let coldkeys: Vec<AccountId32> = hotkeys.iter().map(Owner::<T>::get).collect();
        let pending =
            PendingServerEmission::<T>::get(netuid).saturating_add(PendingValidatorEmission::<T>::get(netuid));
        let by_hotkey = |stake: fn(&AccountId32, u16) -> u64| {
            hotkeys.iter().map(|hotkey| Compact(stake(hotkey, netuid))).collect::<Vec<_>>()
        };
        Metagraph {
            netuid: Compact(netuid),
            name: text(format!("subnet {netuid}").as_bytes()),
            symbol: text(&TokenSymbol::<T>::get(netuid)),
            identity: SubnetIdentitiesV3::<T>::get(netuid),
            network_registered_at: Compact(NetworkRegisteredAt::<T>::get(netuid)),
            owner_hotkey: SubnetOwnerHotkey::<T>::get(netuid),
            owner_coldkey: SubnetOwner::<T>::get(netuid),
            block: Compact(block),
            tempo: Compact(tempo),
            last_step: Compact(last_step),
            blocks_since_last_step: Compact(block.saturating_sub(last_step)),
            subnet_emission: Compact(0),
            alpha_in: Compact(SubnetAlphaIn::<T>::get(netuid)),
            alpha_out: Compact(SubnetAlphaOut::<T>::get(netuid)),
            tao_in: Compact(SubnetTAO::<T>::get(netuid)),
            alpha_out_emission: Compact(SubnetAlphaOutEmission::<T>::get(netuid)),
            alpha_in_emission: Compact(SubnetAlphaInEmission::<T>::get(netuid)),
            tao_in_emission: Compact(SubnetTaoInEmission::<T>::get(netuid)),
            pending_alpha_emission: Compact(pending),
            pending_root_emission: Compact(PendingRootAlphaDivs::<T>::get(netuid)),
            subnet_volume: Compact(SubnetVolume::<T>::get(netuid)),
            moving_price: SubnetMovingPrice::<T>::get(netuid),
            rho: Compact(Rho::<T>::get(netuid)),
            kappa: Compact(Kappa::<T>::get(netuid)),
            min_allowed_weights: Compact(MinAllowedWeights::<T>::get(netuid)),
            max_weights_limit: Compact(u16::MAX),
            weights_version: Compact(WeightsVersionKey::<T>::get(netuid)),
            weights_rate_limit: Compact(WeightsSetRateLimit::<T>::get(netuid)),
            activity_cutoff: Compact(activity_cutoff(ActivityCutoffFactorMilli::<T>::get(netuid), tempo)),
            max_validators: Compact(MaxAllowedValidators::<T>::get(netuid)),
            num_uids: Compact(uids.end),
            max_uids: Compact(MaxAllowedUids::<T>::get(netuid)),
            burn: Compact(Burn::<T>::get(netuid)),
            difficulty: Compact(Difficulty::<T>::get(netuid)),
            registration_allowed: NetworkRegistrationAllowed::<T>::get(netuid),
            pow_registration_allowed: NetworkPowRegistrationAllowed::<T>::get(netuid),
            immunity_period: Compact(ImmunityPeriod::<T>::get(netuid)),
            min_difficulty: Compact(MinDifficulty::<T>::get(netuid)),
            max_difficulty: Compact(MaxDifficulty::<T>::get(netuid)),
            min_burn: Compact(MinBurn::<T>::get(netuid)),
            max_burn: Compact(MaxBurn::<T>::get(netuid)),
            adjustment_alpha: Compact(AdjustmentAlpha::<T>::get(netuid)),
            adjustment_interval: Compact(AdjustmentInterval::<T>::get(netuid)),
            target_regs_per_interval: Compact(TargetRegistrationsPerInterval::<T>::get(netuid)),
            max_regs_per_block: Compact(MaxRegistrationsPerBlock::<T>::get(netuid)),
            serving_rate_limit: Compact(ServingRateLimit::<T>::get(netuid)),
            commit_reveal_weights_enabled: CommitRevealWeightsEnabled::<T>::get(netuid),
            commit_reveal_period: Compact(RevealPeriodEpochs::<T>::get(netuid)),
            liquid_alpha_enabled: LiquidAlphaOn::<T>::get(netuid),
            alpha_high: Compact(alpha_high),
            alpha_low: Compact(alpha_low),
            bonds_moving_avg: Compact(BondsMovingAverage::<T>::get(netuid)),
            identities: coldkeys.iter().map(IdentitiesV2::<T>::get).collect(),
            axons: hotkeys.iter().map(|hotkey| Axons::<T>::get(netuid, hotkey).unwrap_or_default()).collect(),
            active: Active::<T>::get(netuid),
            validator_permit: ValidatorPermit::<T>::get(netuid),
            pruning_score: Vec::new(),
            last_update: compact(LastUpdate::<T>::get(netuid)),
            emission: compact(Emission::<T>::get(netuid)),
            dividends: compact(Dividends::<T>::get(netuid)),
            incentives: compact(Incentive::<T>::get(netuid)),
            consensus: compact(Consensus::<T>::get(netuid)),
            trust: Vec::new(),
            rank: Vec::new(),
            block_at_registration: uids.map(|uid| Compact(BlockAtRegistration::<T>::get(netuid, uid))).collect(),
            alpha_stake: by_hotkey(Self::inherited_stake),
            tao_stake: by_hotkey(Self::inherited_root_stake),
            total_stake: by_hotkey(Self::total_stake),
            tao_dividends_per_hotkey: per_hotkey(&hotkeys, |hotkey| {
                RootAlphaDividendsPerSubnet::<T>::get(netuid, hotkey)
            }),
            alpha_dividends_per_hotkey: per_hotkey(&hotkeys, |hotkey| {
                AlphaDividendsPerSubnet::<T>::get(netuid, hotkey)
            }),
            hotkeys,
            coldkeys,
        }
    }
}

fn compact<V>(values: Vec<V>) -> Vec<Compact<V>> {
    values.into_iter().map(Compact).collect()
}

fn text(bytes: &[u8]) -> Vec<Compact<u8>> {
    bytes.iter().copied().map(Compact).collect()
}

fn per_hotkey(hotkeys: &[AccountId32], amount: impl Fn(&AccountId32) -> u64) -> Vec<(AccountId32, Compact<u64>)> {
    hotkeys.iter().map(|hotkey| (hotkey.clone(), Compact(amount(hotkey)))).collect()
}
