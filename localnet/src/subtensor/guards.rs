//! Checks that the pool makes before a call takes space in a block.
//!
//! A call that passes here may still fail when it is dispatched.

use frame_support::ensure;
use sp_runtime::AccountId32;

use super::{
    pallet::*,
    registration::mechanism_index,
    types::{AxonInfo, PrometheusInfo},
};
use crate::drand::LastStoredRound;

impl<T: Config> Pallet<T> {
    /// The `InvalidTransaction::Custom` code with which the pool refuses a call.
    ///
    /// # Errors
    /// The code, as subtensor's clients know it.
    pub fn admit(who: &AccountId32, call: &Call<T>) -> Result<(), u8> {
        Self::guard(who, call).map_err(|error| pool_code(&error))
    }

    /// The code with which the pool refuses everything of a coldkey whose swap is announced or disputed.
    ///
    /// # Errors
    /// The code.
    pub fn admit_coldkey(who: &AccountId32) -> Result<(), u8> {
        if ColdkeySwapDisputes::<T>::contains_key(who) {
            return Err(pool_code(&Error::<T>::ColdkeySwapDisputed));
        }
        if ColdkeySwapAnnouncements::<T>::contains_key(who) {
            return Err(pool_code(&Error::<T>::ColdkeySwapAnnounced));
        }
        Ok(())
    }

    /// The check itself, with the error that names what is wrong.
    pub(super) fn guard(who: &AccountId32, call: &Call<T>) -> Result<(), Error<T>> {
        match call {
            Call::set_weights { netuid, .. } => Self::guard_weights(who, *netuid, 0),
            Call::set_mechanism_weights { netuid, mecid, .. } => Self::guard_weights(who, *netuid, *mecid),
            Call::commit_timelocked_weights { netuid, reveal_round, .. }
            | Call::commit_timelocked_mechanism_weights { netuid, reveal_round, .. }
            | Call::commit_crv3_mechanism_weights { netuid, reveal_round, .. } => {
                ensure!(Self::enough_stake_for_weights(who, *netuid), Error::NotEnoughStakeToSetWeights);
                ensure!(*reveal_round >= LastStoredRound::<T>::get(), Error::InvalidRevealRound);
                Ok(())
            }
            Call::serve_axon { netuid, version, ip, port, ip_type, protocol, placeholder1, placeholder2 }
            | Call::serve_axon_tls {
                netuid, version, ip, port, ip_type, protocol, placeholder1, placeholder2, ..
            } => {
                let axon = AxonInfo {
                    block: 0,
                    version: *version,
                    ip: *ip,
                    port: *port,
                    ip_type: *ip_type,
                    protocol: *protocol,
                    placeholder1: *placeholder1,
                    placeholder2: *placeholder2,
                };
                Self::check_axon(who, *netuid, &axon)
            }
            Call::batch_set_weights { netuids, weights, version_keys } => {
                let equal = netuids.len() == weights.len() && netuids.len() == version_keys.len();
                ensure!(equal, Error::InputLengthsUnequal);
                let enough = netuids.iter().all(|netuid| Self::enough_stake_for_weights(who, netuid.0));
                ensure!(enough, Error::NotEnoughStakeToSetWeights);
                Ok(())
            }
            Call::increase_take { hotkey, take } | Call::decrease_take { hotkey, take } => {
                Self::guard_take(who, hotkey, *take)
            }
            Call::serve_prometheus { netuid, version, ip, port, ip_type } => {
                let prometheus =
                    PrometheusInfo { block: 0, version: *version, ip: *ip, port: *port, ip_type: *ip_type };
                Self::check_prometheus(who, *netuid, &prometheus)
            }
            Call::register_network { .. } | Call::register_network_with_identity { .. } => {
                ensure!(Self::network_rate_limit_passed(Self::block()), Error::NetworkTxRateLimitExceeded);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn guard_weights(who: &AccountId32, netuid: u16, mechanism: u8) -> Result<(), Error<T>> {
        ensure!(Self::enough_stake_for_weights(who, netuid), Error::NotEnoughStakeToSetWeights);
        let index = mechanism_index(netuid, mechanism);
        let passed = Uids::<T>::get(netuid, who).is_none_or(|uid| {
            CommitRevealWeightsEnabled::<T>::get(netuid)
                || (Self::mechanism_exists(netuid, mechanism) && Self::weights_rate_limit_passed(netuid, index, uid))
        });
        ensure!(passed, Error::SettingWeightsTooFast);
        Ok(())
    }
}

const fn pool_code<T: Config>(error: &Error<T>) -> u8 {
    match error {
        Error::ColdkeySwapAnnounced => 0,
        Error::NotEnoughStakeToSetWeights => 1,
        Error::HotKeyAccountNotExists => 4,
        Error::SettingWeightsTooFast | Error::NetworkTxRateLimitExceeded => 6,
        Error::HotKeyNotRegisteredInNetwork => 10,
        Error::InvalidIpAddress => 11,
        Error::ServingRateLimitExceeded => 12,
        Error::InvalidPort => 13,
        Error::InvalidRevealRound => 15,
        Error::InputLengthsUnequal => 18,
        Error::ColdkeySwapDisputed => 21,
        Error::NonAssociatedColdKey => 25,
        Error::DelegateTakeTooLow => 26,
        Error::DelegateTakeTooHigh => 27,
        _ => 255,
    }
}
