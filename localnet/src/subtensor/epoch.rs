//! One epoch of a subnet: storage becomes the input of the arithmetic, its outcome becomes storage.

use incentive::{
    schedule::activity_cutoff,
    yuma::{self, BondRule, Combined, Epoch, LiquidAlpha, Mechanism, Neuron, Voice},
};

use super::pallet::*;

impl<T: Config> Pallet<T> {
    /// Runs all mechanisms of a subnet, stores what they found, and returns it.
    pub(super) fn run_epoch(netuid: u16, block: u64, rao: u64) -> Combined {
        let indices: Vec<u16> = Self::mechanism_indices(netuid).collect();
        let epoch = Self::epoch_input(netuid, block);
        let mechanisms: Vec<Mechanism> =
            indices.iter().map(|index| Self::mechanism_input(*index, epoch.neurons.len())).collect();
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

    fn mechanism_input(index: u16, neurons: usize) -> Mechanism {
        let updates = LastUpdate::<T>::get(index);
        let voice = |uid: u16| Voice {
            last_update: updates.get(usize::from(uid)).copied().unwrap_or(0),
            // Nothing can be committed on this chain yet.
            committed: None,
            weights: Weights::<T>::get(index, uid),
            bonds: Bonds::<T>::get(index, uid),
        };
        Mechanism { voices: (0..u16::try_from(neurons).unwrap_or(u16::MAX)).map(voice).collect() }
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
        }
    }
}
