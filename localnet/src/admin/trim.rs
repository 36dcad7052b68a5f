//! A smaller subnet: those who earn least leave, the others move together.

use std::collections::{BTreeMap, BTreeSet};

use frame_support::{ensure, pallet_prelude::DispatchResult};

use crate::subtensor::{
    Active, Axons, BlockAtRegistration, Bonds, Config, Consensus, Dividends, Emission, Error, ImmunityPeriod,
    Incentive, IsNetworkMember, Keys, LastHotkeyEmissionOnNetuid, LastUpdate, MaxAllowedUids, MinAllowedUids,
    NetworksAdded, NeuronCertificates, Pallet, Prometheus, StakeWeight, SubnetworkN, Uids, ValidatorPermit,
    ValidatorTrust, Weights,
};

/// Of the places that remain, this share in percent must not be immune.
const IMMUNE_PERCENT: u32 = 80;

impl<T: Config> Pallet<T> {
    /// Lowers the number of places to `max`; neurons that earn least lose theirs, except immune ones and the owner's.
    ///
    /// # Errors
    /// `SubnetNotExists`; `InvalidValue` outside of what the subnet allows; `TrimmingWouldExceedMaxImmunePercentage` when
    /// too many are immune.
    pub fn trim(netuid: u16, max: u16) -> DispatchResult {
        ensure!(NetworksAdded::<T>::get(netuid), Error::<T>::SubnetNotExists);
        let allowed = MinAllowedUids::<T>::get(netuid)..=MaxAllowedUids::<T>::get(netuid);
        ensure!(allowed.contains(&max), Error::<T>::InvalidValue);
        let count = SubnetworkN::<T>::get(netuid);
        if count > max {
            let leaving = Self::leaving(netuid, count, max)?;
            let staying: Vec<u16> = (0..count).filter(|uid| !leaving.contains(uid)).collect();
            leaving.iter().for_each(|uid| Self::remove_neuron(netuid, *uid));
            Self::compress(netuid, &staying);
            SubnetworkN::<T>::insert(netuid, u16::try_from(staying.len()).unwrap_or(max));
        }
        MaxAllowedUids::<T>::insert(netuid, max);
        Ok(())
    }

    fn leaving(netuid: u16, count: u16, max: u16) -> Result<BTreeSet<u16>, Error<T>> {
        let protected = Self::protected_uids(netuid);
        let period = u64::from(ImmunityPeriod::<T>::get(netuid));
        let young = |uid: u16| Self::block().saturating_sub(BlockAtRegistration::<T>::get(netuid, uid)) < period;
        let (immune, mut exposed): (Vec<u16>, Vec<u16>) =
            (0..count).partition(|uid| protected.contains(uid) || young(*uid));
        // In whole percents, as the chain compares.
        let percent = sp_runtime::Percent::from_rational(immune.len() as u64, u64::from(max));
        let too_many = u32::from(percent.deconstruct()) >= IMMUNE_PERCENT;
        ensure!(!too_many, Error::<T>::TrimmingWouldExceedMaxImmunePercentage);
        let emission = Emission::<T>::get(netuid);
        let earned = |uid: &u16| emission.get(usize::from(*uid)).copied().unwrap_or(0);
        // Of those who earn the same, the last goes first.
        exposed.sort_by_key(|uid| (earned(uid), std::cmp::Reverse(*uid)));
        Ok(exposed.into_iter().take(usize::from(count - max)).collect())
    }

    fn remove_neuron(netuid: u16, uid: u16) {
        let hotkey = Keys::<T>::take(netuid, uid);
        Uids::<T>::remove(netuid, &hotkey);
        IsNetworkMember::<T>::remove(&hotkey, netuid);
        LastHotkeyEmissionOnNetuid::<T>::remove(&hotkey, netuid);
        Axons::<T>::remove(netuid, &hotkey);
        NeuronCertificates::<T>::remove(netuid, &hotkey);
        Prometheus::<T>::remove(netuid, &hotkey);
        BlockAtRegistration::<T>::remove(netuid, uid);
        for index in Self::mechanism_indices(netuid) {
            Weights::<T>::remove(index, uid);
            Bonds::<T>::remove(index, uid);
        }
    }

    /// Gives those who stay the uids from 0 on, in their order.
    fn compress(netuid: u16, staying: &[u16]) {
        Active::<T>::mutate(netuid, |v| pick(v, staying));
        Emission::<T>::mutate(netuid, |v| pick(v, staying));
        Consensus::<T>::mutate(netuid, |v| pick(v, staying));
        Dividends::<T>::mutate(netuid, |v| pick(v, staying));
        ValidatorTrust::<T>::mutate(netuid, |v| pick(v, staying));
        ValidatorPermit::<T>::mutate(netuid, |v| pick(v, staying));
        StakeWeight::<T>::mutate(netuid, |v| pick(v, staying));
        for index in Self::mechanism_indices(netuid) {
            Incentive::<T>::mutate(index, |v| pick(v, staying));
            LastUpdate::<T>::mutate(index, |v| pick(v, staying));
        }
        let renamed: BTreeMap<u16, u16> = staying.iter().copied().zip(0..).collect();
        for (old, new) in &renamed {
            Self::move_neuron(netuid, *old, *new, &renamed);
        }
    }

    fn move_neuron(netuid: u16, old: u16, new: u16, renamed: &BTreeMap<u16, u16>) {
        let hotkey = Keys::<T>::take(netuid, old);
        Uids::<T>::insert(netuid, &hotkey, new);
        Keys::<T>::insert(netuid, new, hotkey);
        let registered = BlockAtRegistration::<T>::take(netuid, old);
        BlockAtRegistration::<T>::insert(netuid, new, registered);
        for index in Self::mechanism_indices(netuid) {
            let weights = rename(Weights::<T>::take(index, old), renamed);
            Weights::<T>::insert(index, new, weights);
            let bonds = rename(Bonds::<T>::take(index, old), renamed);
            Bonds::<T>::insert(index, new, bonds);
        }
    }
}

fn pick<V: Clone + Default>(values: &mut Vec<V>, uids: &[u16]) {
    *values = uids.iter().map(|uid| values.get(usize::from(*uid)).cloned().unwrap_or_default()).collect();
}

fn rename(row: Vec<(u16, u16)>, renamed: &BTreeMap<u16, u16>) -> Vec<(u16, u16)> {
    row.into_iter().filter_map(|(to, value)| Some((*renamed.get(&to)?, value))).collect()
}
