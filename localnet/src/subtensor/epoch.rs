//! One epoch of a subnet: storage becomes the input of the arithmetic, its outcome becomes storage.

use std::collections::BTreeMap;

use incentive::{
    schedule::activity_cutoff,
    yuma::{self, BondRule, Combined, Commit, Epoch, LiquidAlpha, Mechanism, Neuron, Voice, first_commit},
};

use super::pallet::*;

impl<T: Config> Pallet<T> {
    /// Runs all mechanisms of a subnet, stores what they found, and returns it.
    pub(super) fn run_epoch(netuid: u16, block: u64, rao: u64) -> Combined {
        let indices: Vec<u16> = Self::mechanism_indices(netuid).collect();
        let epoch = Self::epoch_input(netuid, block);
        let mechanisms: Vec<Mechanism> =
            indices.iter().map(|index| Self::mechanism_input(netuid, *index, epoch.neurons.len())).collect();
        let split = MechanismEmissionSplit::<T>::get(netuid);
        let combined = yuma::run_mechanisms(&epoch, &mechanisms, split.as_deref(), rao);
        Self::store_outcome(netuid, &indices, &combined);
        combined
    }

    fn epoch_input(netuid: u16, block: u64) -> Epoch {
        let tempo = Tempo::<T>::get(netuid);
        let (low, high) = AlphaValues::<T>::get(netuid);
        let liquid = LiquidAlphaOn::<T>::get(netuid).then(|| LiquidAlpha {
            low,
            high,
            steepness: AlphaSigmoidSteepness::<T>::get(netuid),
        });
        Epoch {
            block,
            tempo,
            last_step: LastMechansimStepBlock::<T>::get(netuid),
            activity_cutoff: activity_cutoff(ActivityCutoffFactorMilli::<T>::get(netuid), tempo),
            tao_weight: TaoWeight::<T>::get(),
            stake_threshold: StakeThreshold::<T>::get(),
            owner: SubnetOwnerHotkey::<T>::try_get(netuid).ok().and_then(|hotkey| Uids::<T>::get(netuid, hotkey)),
            max_validators: MaxAllowedValidators::<T>::get(netuid),
            kappa: Kappa::<T>::get(netuid),
            bonds_penalty: BondsPenalty::<T>::get(netuid),
            bonds_moving_average: BondsMovingAverage::<T>::get(netuid),
            bond_rule: BondRule::new(Yuma3On::<T>::get(netuid), liquid),
            neurons: Self::neurons(netuid),
        }
    }

    fn neurons(netuid: u16) -> Vec<Neuron> {
        let permits = ValidatorPermit::<T>::get(netuid);
        let neuron = |uid: u16| {
            let hotkey = Keys::<T>::get(netuid, uid);
            Neuron {
                alpha_stake: Self::inherited_stake(&hotkey, netuid),
                tao_stake: Self::inherited_root_stake(&hotkey, netuid),
                registered: BlockAtRegistration::<T>::get(netuid, uid),
                permit: permits.get(usize::from(uid)).copied().unwrap_or(false),
            }
        };
        (0..SubnetworkN::<T>::get(netuid)).map(neuron).collect()
    }

    fn mechanism_input(netuid: u16, index: u16, neurons: usize) -> Mechanism {
        let updates = LastUpdate::<T>::get(index);
        let commits = Self::first_commits(netuid, index);
        let voice = |uid: u16| Voice {
            last_update: updates.get(usize::from(uid)).copied().unwrap_or(0),
            committed: commits.get(&uid).copied(),
            weights: Weights::<T>::get(index, uid),
            bonds: Bonds::<T>::get(index, uid),
        };
        Mechanism { voices: (0..u16::try_from(neurons).unwrap_or(u16::MAX)).map(voice).collect() }
    }

    /// The block of the oldest commit of each neuron that is still to be revealed; none while commit-reveal is off.
    fn first_commits(netuid: u16, index: u16) -> BTreeMap<u16, u64> {
        if !CommitRevealWeightsEnabled::<T>::get(netuid) {
            return BTreeMap::new();
        }
        let mut by_uid: BTreeMap<u16, Vec<Commit>> = BTreeMap::new();
        for (hotkey, commit) in Self::waiting_commits(index) {
            if let Some(uid) = Uids::<T>::get(netuid, hotkey) {
                by_uid.entry(uid).or_default().push(commit);
            }
        }
        let (epoch, period) = (Self::epoch_of_this_block(netuid), RevealPeriodEpochs::<T>::get(netuid));
        let first = |(uid, commits): (u16, Vec<Commit>)| Some((uid, first_commit(&[], &commits, epoch, period)?));
        by_uid.into_iter().filter_map(first).collect()
    }

    fn store_outcome(netuid: u16, indices: &[u16], combined: &Combined) {
        let subnet = &combined.subnet;
        StakeWeight::<T>::insert(netuid, &subnet.stake_weight);
        Active::<T>::insert(netuid, &subnet.active);
        Emission::<T>::insert(netuid, &subnet.emission);
        Consensus::<T>::insert(netuid, &subnet.consensus);
        Dividends::<T>::insert(netuid, &subnet.dividends);
        ValidatorTrust::<T>::insert(netuid, &subnet.validator_trust);
        ValidatorPermit::<T>::insert(netuid, &subnet.permits);
        for (index, outcome) in indices.iter().zip(&combined.mechanisms) {
            Incentive::<T>::insert(index, &outcome.incentive);
            for (uid, bonds) in (0..u16::MAX).zip(&outcome.bonds) {
                Bonds::<T>::insert(index, uid, bonds);
            }
            let emissions = outcome.server_emission.clone();
            Self::deposit_event(Event::IncentiveAlphaEmittedToMiners { netuid: *index, emissions });
        }
    }
}
