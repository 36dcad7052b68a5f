//! What a hotkey keeps of its nominators' dividends.

use frame_support::{ensure, pallet_prelude::DispatchResult};
use frame_system::{ensure_signed, pallet_prelude::OriginFor};
use sp_runtime::AccountId32;

use super::{pallet::*, types::RateLimitKey};

impl<T: Config> Pallet<T> {
    pub(super) fn do_increase_take(origin: OriginFor<T>, hotkey: &AccountId32, take: u16) -> DispatchResult {
        let coldkey = ensure_signed(origin)?;
        Self::ensure_own_hotkey(&coldkey, hotkey)?;
        let higher = Delegates::<T>::try_get(hotkey).is_ok_and(|current| take <= current);
        ensure!(!higher, Error::<T>::DelegateTakeTooLow);
        ensure!(take <= MaxDelegateTake::<T>::get(), Error::<T>::DelegateTakeTooHigh);
        ensure!(Self::take_limit_passed(hotkey), Error::<T>::DelegateTxRateLimitExceeded);
        Self::set_take(hotkey, take);
        Self::deposit_event(Event::TakeIncreased(coldkey, hotkey.clone(), take));
        Ok(())
    }

    pub(super) fn do_decrease_take(origin: OriginFor<T>, hotkey: &AccountId32, take: u16) -> DispatchResult {
        let coldkey = ensure_signed(origin)?;
        Self::ensure_own_hotkey(&coldkey, hotkey)?;
        let lower = Delegates::<T>::try_get(hotkey).is_ok_and(|current| take >= current);
        ensure!(!lower, Error::<T>::DelegateTakeTooLow);
        ensure!(take >= MinDelegateTake::<T>::get(), Error::<T>::DelegateTakeTooLow);
        Self::set_take(hotkey, take);
        Self::deposit_event(Event::TakeDecreased(coldkey, hotkey.clone(), take));
        Ok(())
    }

    /// What the pool checks of a new take: its bounds first, then who asks.
    pub(super) fn guard_take(coldkey: &AccountId32, hotkey: &AccountId32, take: u16) -> Result<(), Error<T>> {
        ensure!(take >= MinDelegateTake::<T>::get(), Error::DelegateTakeTooLow);
        ensure!(take <= MaxDelegateTake::<T>::get(), Error::DelegateTakeTooHigh);
        Self::ensure_own_hotkey(coldkey, hotkey)
    }

    fn ensure_own_hotkey(coldkey: &AccountId32, hotkey: &AccountId32) -> Result<(), Error<T>> {
        ensure!(Owner::<T>::contains_key(hotkey), Error::HotKeyAccountNotExists);
        ensure!(Owner::<T>::get(hotkey) == *coldkey, Error::NonAssociatedColdKey);
        Ok(())
    }

    fn take_limit_passed(hotkey: &AccountId32) -> bool {
        let last = LastRateLimitedBlock::<T>::get(RateLimitKey::LastTxBlockDelegateTake(hotkey.clone()));
        let limit = TxDelegateTakeRateLimit::<T>::get();
        limit == 0 || last == 0 || Self::block().saturating_sub(last) > limit
    }

    fn set_take(hotkey: &AccountId32, take: u16) {
        LastRateLimitedBlock::<T>::insert(RateLimitKey::LastTxBlockDelegateTake(hotkey.clone()), Self::block());
        Delegates::<T>::insert(hotkey, take);
    }
}
