//! Where a neuron can be reached.

use std::net::{Ipv4Addr, Ipv6Addr};

use frame_support::{ensure, pallet_prelude::DispatchResult};
use frame_system::{ensure_signed, pallet_prelude::OriginFor};
use sp_runtime::AccountId32;

use super::{pallet::*, types::AxonInfo};

impl<T: Config> Pallet<T> {
    pub(super) fn do_serve_axon(origin: OriginFor<T>, netuid: u16, axon: &AxonInfo) -> DispatchResult {
        let hotkey = ensure_signed(origin)?;
        Self::check_axon(&hotkey, netuid, axon)?;
        Axons::<T>::insert(netuid, &hotkey, AxonInfo { block: Self::block(), ..axon.clone() });
        Self::deposit_event(Event::AxonServed(netuid, hotkey));
        Ok(())
    }

    pub(super) fn check_axon(hotkey: &AccountId32, netuid: u16, axon: &AxonInfo) -> Result<(), Error<T>> {
        ensure!(Uids::<T>::contains_key(netuid, hotkey), Error::<T>::HotKeyNotRegisteredInNetwork);
        ensure!(matches!(axon.ip_type, 4 | 6), Error::<T>::InvalidIpType);
        ensure!(Self::valid_address(axon), Error::<T>::InvalidIpAddress);
        let last = Axons::<T>::get(netuid, hotkey).map_or(0, |axon| axon.block);
        let limit = ServingRateLimit::<T>::get(netuid);
        let passed = limit == 0 || last == 0 || Self::block().saturating_sub(last) >= limit;
        ensure!(passed, Error::<T>::ServingRateLimitExceeded);
        ensure!(axon.port != 0, Error::<T>::InvalidPort);
        Ok(())
    }

    /// An address of its type that is neither the last one nor, unless the chain allows it, loopback.
    fn valid_address(axon: &AxonInfo) -> bool {
        let (highest, loopback) = if axon.ip_type == 4 {
            (u128::from(u32::MAX), u128::from(Ipv4Addr::LOCALHOST.to_bits()))
        } else {
            (u128::MAX, Ipv6Addr::LOCALHOST.to_bits())
        };
        axon.ip < highest && (axon.ip != loopback || AllowLoopback::<T>::get())
    }
}
