//! Where a neuron can be reached.

use std::net::{Ipv4Addr, Ipv6Addr};

use frame_support::{ensure, pallet_prelude::DispatchResult};
use frame_system::{ensure_signed, pallet_prelude::OriginFor};
use sp_runtime::AccountId32;

use super::{
    pallet::*,
    types::{AxonInfo, NeuronCertificate, PrometheusInfo},
};

impl<T: Config> Pallet<T> {
    /// Stores an axon, and a certificate when one comes with it and fits: a byte for its kind and up to 64 of the key.
    pub(super) fn do_serve_axon(
        origin: OriginFor<T>,
        netuid: u16,
        axon: &AxonInfo,
        certificate: Option<&[u8]>,
    ) -> DispatchResult {
        let hotkey = ensure_signed(origin)?;
        Self::check_axon(&hotkey, netuid, axon)?;
        Axons::<T>::insert(netuid, &hotkey, AxonInfo { block: Self::block(), ..axon.clone() });
        let fits = certificate.and_then(|bytes| {
            let (algorithm, key) = bytes.split_first()?;
            Some(NeuronCertificate { public_key: key.to_vec().try_into().ok()?, algorithm: *algorithm })
        });
        if let Some(certificate) = fits {
            NeuronCertificates::<T>::insert(netuid, &hotkey, certificate);
        }
        Self::deposit_event(Event::AxonServed(netuid, hotkey));
        Ok(())
    }

    pub(super) fn do_serve_prometheus(
        origin: OriginFor<T>,
        netuid: u16,
        prometheus: &PrometheusInfo,
    ) -> DispatchResult {
        let hotkey = ensure_signed(origin)?;
        Self::check_prometheus(&hotkey, netuid, prometheus)?;
        Prometheus::<T>::insert(netuid, &hotkey, PrometheusInfo { block: Self::block(), ..prometheus.clone() });
        Self::deposit_event(Event::PrometheusServed(netuid, hotkey));
        Ok(())
    }

    pub(super) fn check_axon(hotkey: &AccountId32, netuid: u16, axon: &AxonInfo) -> Result<(), Error<T>> {
        ensure!(Uids::<T>::contains_key(netuid, hotkey), Error::<T>::HotKeyNotRegisteredInNetwork);
        ensure!(matches!(axon.ip_type, 4 | 6), Error::<T>::InvalidIpType);
        ensure!(Self::valid_address(axon.ip_type, axon.ip), Error::<T>::InvalidIpAddress);
        Self::check_rate_and_port(netuid, Axons::<T>::get(netuid, hotkey).map(|axon| axon.block), axon.port)
    }

    /// As an axon, but the address comes first and must not be zero.
    pub(super) fn check_prometheus(
        hotkey: &AccountId32,
        netuid: u16,
        prometheus: &PrometheusInfo,
    ) -> Result<(), Error<T>> {
        ensure!(matches!(prometheus.ip_type, 4 | 6), Error::<T>::InvalidIpType);
        let valid = prometheus.ip != 0 && Self::valid_address(prometheus.ip_type, prometheus.ip);
        ensure!(valid, Error::<T>::InvalidIpAddress);
        ensure!(Uids::<T>::contains_key(netuid, hotkey), Error::<T>::HotKeyNotRegisteredInNetwork);
        let last = Prometheus::<T>::get(netuid, hotkey).map(|prometheus| prometheus.block);
        Self::check_rate_and_port(netuid, last, prometheus.port)
    }

    fn check_rate_and_port(netuid: u16, last: Option<u64>, port: u16) -> Result<(), Error<T>> {
        let limit = ServingRateLimit::<T>::get(netuid);
        let last = last.unwrap_or(0);
        let passed = limit == 0 || last == 0 || Self::block().saturating_sub(last) >= limit;
        ensure!(passed, Error::<T>::ServingRateLimitExceeded);
        ensure!(port != 0, Error::<T>::InvalidPort);
        Ok(())
    }

    /// An address of its type that is neither the last one nor, unless the chain allows it, loopback.
    fn valid_address(ip_type: u8, ip: u128) -> bool {
        let (highest, loopback) = if ip_type == 4 {
            (u128::from(u32::MAX), u128::from(Ipv4Addr::LOCALHOST.to_bits()))
        } else {
            (u128::MAX, Ipv6Addr::LOCALHOST.to_bits())
        };
        ip < highest && (ip != loopback || AllowLoopback::<T>::get())
    }
}
