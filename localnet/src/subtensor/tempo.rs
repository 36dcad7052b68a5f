//! The rhythm of a subnet, as its owner sets it.

use frame_support::{ensure, pallet_prelude::DispatchResult};
use frame_system::pallet_prelude::OriginFor;

use super::{
    owner::{Limit, MIN_TEMPO},
    pallet::*,
    types::Hyperparameter,
};

/// The longest tempo that an owner may choose, in blocks.
const MAX_TEMPO: u16 = 50_400;
/// Bounds of the activity cutoff, in thousandths of a tempo.
const CUTOFF_FACTORS: std::ops::RangeInclusive<u32> = 1_000..=50_000;

impl<T: Config> Pallet<T> {
    pub(super) fn do_set_tempo(origin: OriginFor<T>, netuid: u16, tempo: u16) -> DispatchResult {
        let owner = Self::ensure_owner(origin, netuid)?;
        ensure!((MIN_TEMPO..=MAX_TEMPO).contains(&tempo), Error::<T>::TempoOutOfBounds);
        Self::ensure_window_open(netuid)?;
        Self::ensure_owner_limit(Some(&owner), netuid, Limit::Tempo)?;
        Self::restart_with_tempo(netuid, tempo);
        Self::count_owner(Some(&owner), netuid, Limit::Tempo);
        Ok(())
    }

    /// Sets the tempo; the current one starts anew.
    pub(crate) fn restart_with_tempo(netuid: u16, tempo: u16) {
        Tempo::<T>::insert(netuid, tempo);
        LastEpochBlock::<T>::insert(netuid, Self::block());
        Self::deposit_event(Event::TempoSet(netuid, tempo));
    }

    pub(super) fn do_set_activity_cutoff_factor(origin: OriginFor<T>, netuid: u16, factor: u32) -> DispatchResult {
        let owner = Self::ensure_owner_or_root(origin, netuid)?;
        ensure!(CUTOFF_FACTORS.contains(&factor), Error::<T>::ActivityCutoffFactorMilliOutOfBounds);
        let limit = Limit::Hyperparameter(Hyperparameter::ActivityCutoffFactorMilli);
        if owner.is_some() {
            Self::ensure_window_open(netuid)?;
        }
        Self::ensure_owner_limit(owner.as_ref(), netuid, limit)?;
        ActivityCutoffFactorMilli::<T>::insert(netuid, factor);
        Self::deposit_event(Event::ActivityCutoffFactorMilliSet { netuid, factor_milli: factor });
        Self::count_owner(owner.as_ref(), netuid, limit);
        Ok(())
    }

    /// Puts an epoch at the end of a freeze window that starts now.
    pub(super) fn do_trigger_epoch(origin: OriginFor<T>, netuid: u16) -> DispatchResult {
        let by = Self::ensure_owner(origin, netuid)?;
        ensure!(!CommitRevealWeightsEnabled::<T>::get(netuid), Error::<T>::DynamicTempoBlockedByCommitReveal);
        ensure!(PendingEpochAt::<T>::get(netuid) == 0, Error::<T>::EpochTriggerAlreadyPending);
        let imminent = Tempo::<T>::get(netuid) != 0 && Self::epoch_is_near(netuid);
        ensure!(!imminent, Error::<T>::AutoEpochAlreadyImminent);
        let limit = Limit::Hyperparameter(Hyperparameter::TriggerEpoch);
        Self::ensure_owner_limit(Some(&by), netuid, limit)?;
        let fires_at = Self::block().saturating_add(AdminFreezeWindow::<T>::get().into());
        PendingEpochAt::<T>::insert(netuid, fires_at);
        Self::count_owner(Some(&by), netuid, limit);
        Self::deposit_event(Event::EpochTriggered { netuid, by, fires_at });
        Ok(())
    }
}
