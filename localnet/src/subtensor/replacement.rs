//! A full subnet: who makes room for a new neuron.

use incentive::registration::{Place, place_to_replace};
use sp_runtime::AccountId32;

use super::pallet::*;

impl<T: Config> Pallet<T> {
    /// The uid that a registration into the full subnet would take over; none when all are protected.
    #[must_use]
    pub fn neuron_to_prune(netuid: u16) -> Option<u16> {
        let protected = Self::protected_uids(netuid);
        let emission = Emission::<T>::get(netuid);
        let places: Vec<Place> = (0..SubnetworkN::<T>::get(netuid))
            .map(|uid| Place {
                uid,
                emission: emission.get(usize::from(uid)).copied().unwrap_or(0),
                registered: BlockAtRegistration::<T>::get(netuid, uid),
                protected: protected.contains(&uid),
            })
            .collect();
        let exposed = usize::from(MinNonImmuneUids::<T>::get(netuid));
        place_to_replace(&places, Self::block(), ImmunityPeriod::<T>::get(netuid).into(), exposed)
    }

    /// The owner's hotkey and the oldest others of the owner's coldkey, as many as are protected.
    pub(crate) fn protected_uids(netuid: u16) -> Vec<u16> {
        let owned = OwnedHotkeys::<T>::get(SubnetOwner::<T>::get(netuid));
        let mut uids: Vec<u16> = owned.iter().filter_map(|hotkey| Uids::<T>::get(netuid, hotkey)).collect();
        uids.sort_unstable_by_key(|uid| (BlockAtRegistration::<T>::get(netuid, uid), *uid));
        let owner = SubnetOwnerHotkey::<T>::try_get(netuid).ok().and_then(|hotkey| Uids::<T>::get(netuid, hotkey));
        if let Some(owner) = owner {
            uids.retain(|uid| *uid != owner);
            uids.insert(0, owner);
        }
        uids.truncate(ImmuneOwnerUidsLimit::<T>::get(netuid).into());
        uids
    }

    /// Gives the uid of one neuron to another hotkey; of the old one only its stake and its owner remain.
    pub(super) fn replace_neuron(netuid: u16, uid: u16, hotkey: &AccountId32, block: u64) {
        let old = Keys::<T>::get(netuid, uid);
        Uids::<T>::remove(netuid, &old);
        IsNetworkMember::<T>::remove(&old, netuid);
        Axons::<T>::remove(netuid, &old);
        NeuronCertificates::<T>::remove(netuid, &old);
        Prometheus::<T>::remove(netuid, &old);
        Keys::<T>::insert(netuid, uid, hotkey);
        Uids::<T>::insert(netuid, hotkey, uid);
        BlockAtRegistration::<T>::insert(netuid, uid, block);
        IsNetworkMember::<T>::insert(hotkey, netuid, true);
        Self::forget_scores(netuid, uid);
        for index in Self::mechanism_indices(netuid) {
            Weights::<T>::remove(index, uid);
            Bonds::<T>::remove(index, uid);
            Incentive::<T>::mutate(index, |v| put(v, uid, 0));
            LastUpdate::<T>::mutate(index, |v| put(v, uid, block));
            Self::forget_weights_of_others(index, netuid, uid);
        }
    }

    /// Lets the bonds towards a neuron start anew, where the subnet allows that.
    pub fn reset_bonds(netuid: u16, hotkey: &AccountId32) {
        let Some(uid) = Uids::<T>::get(netuid, hotkey).filter(|_| BondsResetOn::<T>::get(netuid)) else { return };
        for index in Self::mechanism_indices(netuid) {
            for from in 0..SubnetworkN::<T>::get(netuid) {
                Bonds::<T>::mutate_exists(index, from, |row| {
                    if let Some(row) = row {
                        row.retain(|(to, _)| *to != uid);
                    }
                });
            }
        }
    }

    fn forget_scores(netuid: u16, uid: u16) {
        Active::<T>::mutate(netuid, |v| put(v, uid, true));
        Emission::<T>::mutate(netuid, |v| put(v, uid, 0));
        Consensus::<T>::mutate(netuid, |v| put(v, uid, 0));
        Dividends::<T>::mutate(netuid, |v| put(v, uid, 0));
        StakeWeight::<T>::mutate(netuid, |v| put(v, uid, 0));
        ValidatorTrust::<T>::mutate(netuid, |v| put(v, uid, 0));
        ValidatorPermit::<T>::mutate(netuid, |v| put(v, uid, false));
    }

    /// What others thought of the old neuron is not about the new one; the entries stay, at zero.
    fn forget_weights_of_others(index: u16, netuid: u16, uid: u16) {
        for from in 0..SubnetworkN::<T>::get(netuid) {
            let mut row = Weights::<T>::get(index, from);
            if let Some((_, weight)) = row.iter_mut().find(|(to, weight)| *to == uid && *weight != 0) {
                *weight = 0;
                Weights::<T>::insert(index, from, row);
            }
        }
    }
}

/// Sets the entry of a neuron; vectors that the chain has not filled yet stay as they are.
fn put<V>(values: &mut [V], uid: u16, value: V) {
    if let Some(entry) = values.get_mut(usize::from(uid)) {
        *entry = value;
    }
}
