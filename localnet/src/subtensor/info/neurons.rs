//! Neurons one by one.

use parity_scale_codec::Compact;

use super::answers::{NeuronInfo, NeuronInfoLite};
use crate::subtensor::pallet::*;

/// What the chain answers for the score that it no longer keeps.
const NO_PRUNING_SCORE: u16 = u16::MAX;

impl<T: Config> Pallet<T> {
    /// All neurons of a subnet by uid.
    #[must_use]
    pub fn neuron_infos(netuid: u16) -> Vec<NeuronInfo> {
        (0..SubnetworkN::<T>::get(netuid)).filter_map(|uid| Self::neuron_info(netuid, uid)).collect()
    }

    /// All neurons of a subnet by uid, without weights and bonds.
    #[must_use]
    pub fn neuron_infos_lite(netuid: u16) -> Vec<NeuronInfoLite> {
        (0..SubnetworkN::<T>::get(netuid)).filter_map(|uid| Self::neuron_info_lite(netuid, uid)).collect()
    }

    /// One neuron with its weights and bonds on mechanism 0.
    #[must_use]
    pub fn neuron_info(netuid: u16, uid: u16) -> Option<NeuronInfo> {
        let lite = Self::neuron_info_lite(netuid, uid)?;
        let row = |entries: Vec<(u16, u16)>| {
            let given = entries.into_iter().filter(|(_, value)| *value > 0);
            given.map(|(uid, value)| (Compact(uid), Compact(value))).collect()
        };
        Some(NeuronInfo {
            hotkey: lite.hotkey,
            coldkey: lite.coldkey,
            uid: lite.uid,
            netuid: lite.netuid,
            active: lite.active,
            axon_info: lite.axon_info,
            prometheus_info: lite.prometheus_info,
            stake: lite.stake,
            rank: lite.rank,
            emission: lite.emission,
            incentive: lite.incentive,
            consensus: lite.consensus,
            trust: lite.trust,
            validator_trust: lite.validator_trust,
            dividends: lite.dividends,
            last_update: lite.last_update,
            validator_permit: lite.validator_permit,
            weights: row(Weights::<T>::get(netuid, uid)),
            bonds: row(Bonds::<T>::get(netuid, uid)),
            pruning_score: lite.pruning_score,
        })
    }

    /// One neuron.
    #[must_use]
    pub fn neuron_info_lite(netuid: u16, uid: u16) -> Option<NeuronInfoLite> {
        let hotkey = Keys::<T>::try_get(netuid, uid).ok()?;
        let coldkey = Owner::<T>::get(&hotkey);
        let stake = TotalHotkeyAlpha::<T>::get(&hotkey, netuid);
        Some(NeuronInfoLite {
            uid: Compact(uid),
            netuid: Compact(netuid),
            active: at(&Active::<T>::get(netuid), uid),
            axon_info: Axons::<T>::get(netuid, &hotkey).unwrap_or_default(),
            prometheus_info: Prometheus::<T>::get(netuid, &hotkey).unwrap_or_default(),
            stake: vec![(coldkey.clone(), Compact(stake))],
            rank: Compact(0),
            emission: Compact(at(&Emission::<T>::get(netuid), uid)),
            incentive: Compact(at(&Incentive::<T>::get(netuid), uid)),
            consensus: Compact(at(&Consensus::<T>::get(netuid), uid)),
            trust: Compact(0),
            validator_trust: Compact(at(&ValidatorTrust::<T>::get(netuid), uid)),
            dividends: Compact(at(&Dividends::<T>::get(netuid), uid)),
            last_update: Compact(at(&LastUpdate::<T>::get(netuid), uid)),
            validator_permit: at(&ValidatorPermit::<T>::get(netuid), uid),
            pruning_score: Compact(NO_PRUNING_SCORE),
            hotkey,
            coldkey,
        })
    }
}

/// The entry of a neuron; zero where the vector is shorter.
fn at<V: Copy + Default>(values: &[V], uid: u16) -> V {
    values.get(usize::from(uid)).copied().unwrap_or_default()
}
