//! How many mechanisms a subnet has, and what each gets.

use frame_support::{ensure, pallet_prelude::DispatchResult};

use crate::subtensor::{
    Bonds, Config, Error, Incentive, LastUpdate, MaxAllowedUids, MaxMechanismCount, MechanismCountCurrent,
    MechanismEmissionSplit, NetworksAdded, Pallet, TimelockedWeightCommits, WeightCommits, Weights,
    registration::mechanism_index,
};

/// Most neurons of a subnet, and of all its mechanisms together.
pub const MAX_UIDS: u16 = 256;

/// Whether so many neurons in so many mechanisms are few enough.
#[must_use]
pub fn within_uid_budget(uids: u16, mechanisms: u8) -> bool {
    u32::from(uids) * u32::from(mechanisms) <= u32::from(MAX_UIDS)
}

impl<T: Config> Pallet<T> {
    /// Gives a subnet so many mechanisms; what fewer leave behind is removed, and shares are even again.
    ///
    /// # Errors
    /// `MechanismDoesNotExist` without the subnet, `InvalidValue` for none or too many, `TooManyUIDsPerMechanism`.
    pub fn set_mechanism_count(netuid: u16, count: u8) -> DispatchResult {
        ensure!(NetworksAdded::<T>::get(netuid), Error::<T>::MechanismDoesNotExist);
        ensure!((1..=MaxMechanismCount::<T>::get()).contains(&count), Error::<T>::InvalidValue);
        ensure!(within_uid_budget(MaxAllowedUids::<T>::get(netuid), count), Error::<T>::TooManyUIDsPerMechanism);
        let before = MechanismCountCurrent::<T>::get(netuid);
        if before == count {
            return Ok(());
        }
        (count..before).for_each(|mechanism| Self::forget_mechanism(mechanism_index(netuid, mechanism)));
        MechanismCountCurrent::<T>::insert(netuid, count);
        MechanismEmissionSplit::<T>::remove(netuid);
        Ok(())
    }

    /// Removes all that is stored under a mechanism's index.
    pub(crate) fn forget_mechanism(index: u16) {
        let _ = Weights::<T>::clear_prefix(index, u32::MAX, None);
        let _ = Bonds::<T>::clear_prefix(index, u32::MAX, None);
        let _ = WeightCommits::<T>::clear_prefix(index, u32::MAX, None);
        let _ = TimelockedWeightCommits::<T>::clear_prefix(index, u32::MAX, None);
        Incentive::<T>::remove(index);
        LastUpdate::<T>::remove(index);
    }

    /// Sets what share of the emission each mechanism gets, in 1/65535; none shares evenly.
    ///
    /// # Errors
    /// `MechanismDoesNotExist` without the subnet; `InvalidValue` for too many shares or those that do not make a whole.
    pub fn set_emission_split(netuid: u16, split: Option<Vec<u16>>) -> DispatchResult {
        ensure!(NetworksAdded::<T>::get(netuid), Error::<T>::MechanismDoesNotExist);
        let Some(split) = split else {
            MechanismEmissionSplit::<T>::remove(netuid);
            return Ok(());
        };
        let mechanisms = usize::from(MechanismCountCurrent::<T>::get(netuid));
        ensure!((1..=mechanisms).contains(&split.len()), Error::<T>::InvalidValue);
        let whole: u64 = split.iter().copied().map(u64::from).sum();
        ensure!(whole == u64::from(u16::MAX), Error::<T>::InvalidValue);
        MechanismEmissionSplit::<T>::insert(netuid, split);
        Ok(())
    }
}
