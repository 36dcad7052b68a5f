//! The SubtensorModule pallet: subnets, neurons, stake, weights and the epochs that pay for them.
//!
//! - `storage`, `events`, `errors`, [`types`]: what clients see, by subtensor's names and indices
//! - [`network`], [`registration`], [`replacement`], [`serving`], [`weights`], [`staking`]: the calls, each check in subtensor's order
//! - [`commits`], [`reveal`]: weights that are sealed first and opened an epoch later
//! - [`guards`]: which of these checks the pool makes before an extrinsic is included
//! - [`coinbase`], [`epoch`], [`distribution`]: what happens in every block without a call
//! - [`info`]: answers to the runtime APIs
//!
//! The pallet gathers storage, calls the arithmetic of the crate `incentive` and writes the results back.

// What the FRAME macros generate carries no docs.
#![allow(missing_docs)]
// A call has the arguments that the chain gives it.
#![allow(clippy::too_many_arguments)]

pub mod coinbase;
pub mod commits;
pub mod distribution;
pub mod epoch;
pub mod errors;
pub mod events;
pub mod genesis;
pub mod guards;
pub mod info;
pub mod limits;
pub mod network;
pub mod registration;
pub mod replacement;
pub mod reveal;
pub mod serving;
pub mod staking;
pub mod storage;
pub mod types;
pub mod weights;

pub use pallet::*;

use frame_support::pallet_macros::import_section;

/// The pallet.
#[import_section(errors::errors)]
#[import_section(events::events)]
#[import_section(genesis::genesis)]
#[import_section(limits::limits)]
#[import_section(storage::storage)]
#[frame_support::pallet]
pub mod pallet {
    use std::collections::BTreeMap;

    use frame_support::{
        pallet_prelude::*,
        parameter_types,
        traits::{ConstBool, ConstI16, ConstU8, ConstU16, ConstU32, ConstU64},
    };
    use frame_system::pallet_prelude::*;
    use sp_core::{H160, H256};
    use sp_runtime::AccountId32;

    use crate::subtensor::types::*;

    /// What the runtime sets: nothing but its account and balance types.
    #[pallet::config]
    pub trait Config:
        frame_system::Config<AccountId = AccountId32, RuntimeEvent: From<Event<Self>>>
        + pallet_balances::Config<Balance = u64>
        + crate::drand::Config
    {
    }

    #[pallet::pallet]
    #[pallet::without_storage_info]
    pub struct Pallet<T>(_);

    #[pallet::extra_constants]
    impl<T: Config> Pallet<T> {
        /// Blocks between a subnet's registration and its start, before anybody changes `StartCallDelay`.
        #[pallet::constant_name(InitialStartCallDelay)]
        fn initial_start_call_delay() -> u64 {
            0
        }
    }

    #[pallet::hooks]
    impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
        fn on_initialize(block: BlockNumberFor<T>) -> Weight {
            use sp_runtime::SaturatedConversion as _;
            Self::block_step(block.saturated_into());
            LIGHT
        }
    }

    /// Weight of a call: one millisecond. A call that writes 256 weights takes a third of that on a small machine.
    const LIGHT: Weight = Weight::from_parts(1_000_000_000, 0);

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Sets the weights of a validator on mechanism 0.
        #[pallet::call_index(0)]
        #[pallet::weight((LIGHT, DispatchClass::Normal, Pays::No))]
        pub fn set_weights(
            origin: OriginFor<T>,
            netuid: u16,
            dests: Vec<u16>,
            weights: Vec<u16>,
            version_key: u64,
        ) -> DispatchResult {
            Self::do_set_weights(origin, netuid, 0, dests, &weights, version_key)
        }

        /// Buys alpha of a subnet as stake behind a hotkey.
        #[pallet::call_index(2)]
        #[pallet::weight(LIGHT)]
        pub fn add_stake(origin: OriginFor<T>, hotkey: AccountId32, netuid: u16, amount_staked: u64) -> DispatchResult {
            Self::do_add_stake(origin, &hotkey, netuid, amount_staked)
        }

        /// Announces where a neuron can be reached.
        #[pallet::call_index(4)]
        #[pallet::weight((LIGHT, DispatchClass::Normal, Pays::No))]
        pub fn serve_axon(
            origin: OriginFor<T>,
            netuid: u16,
            version: u32,
            ip: u128,
            port: u16,
            ip_type: u8,
            protocol: u8,
            placeholder1: u8,
            placeholder2: u8,
        ) -> DispatchResult {
            let axon = AxonInfo { block: 0, version, ip, port, ip_type, protocol, placeholder1, placeholder2 };
            Self::do_serve_axon(origin, netuid, &axon)
        }

        /// Registers a hotkey on a subnet at the current price.
        #[pallet::call_index(7)]
        #[pallet::weight(LIGHT)]
        pub fn burned_register(origin: OriginFor<T>, netuid: u16, hotkey: AccountId32) -> DispatchResult {
            Self::do_burned_register(origin, netuid, &hotkey)
        }

        /// Registers a subnet; the hotkey becomes its uid 0.
        #[pallet::call_index(59)]
        #[pallet::weight(LIGHT)]
        pub fn register_network(origin: OriginFor<T>, hotkey: AccountId32) -> DispatchResult {
            Self::do_register_network(origin, &hotkey)
        }

        /// Starts the emission of a subnet.
        #[pallet::call_index(92)]
        #[pallet::weight(LIGHT)]
        pub fn start_call(origin: OriginFor<T>, netuid: u16) -> DispatchResult {
            Self::do_start_call(origin, netuid)
        }

        /// Commits sealed weights on mechanism 0.
        #[pallet::call_index(113)]
        #[pallet::weight((LIGHT, DispatchClass::Normal, Pays::No))]
        pub fn commit_timelocked_weights(
            origin: OriginFor<T>,
            netuid: u16,
            commit: SealedWeights,
            reveal_round: u64,
            commit_reveal_version: u16,
        ) -> DispatchResult {
            Self::do_commit_timelocked_weights(origin, netuid, 0, commit, reveal_round, commit_reveal_version)
        }

        /// Commits sealed weights on one mechanism, as clients did before they named the version.
        #[pallet::call_index(117)]
        #[pallet::weight((LIGHT, DispatchClass::Normal, Pays::No))]
        pub fn commit_crv3_mechanism_weights(
            origin: OriginFor<T>,
            netuid: u16,
            mecid: u8,
            commit: SealedWeights,
            reveal_round: u64,
        ) -> DispatchResult {
            Self::do_commit_timelocked_weights(origin, netuid, mecid, commit, reveal_round, 4)
        }

        /// Commits sealed weights on one mechanism.
        #[pallet::call_index(118)]
        #[pallet::weight((LIGHT, DispatchClass::Normal, Pays::No))]
        pub fn commit_timelocked_mechanism_weights(
            origin: OriginFor<T>,
            netuid: u16,
            mecid: u8,
            commit: SealedWeights,
            reveal_round: u64,
            commit_reveal_version: u16,
        ) -> DispatchResult {
            Self::do_commit_timelocked_weights(origin, netuid, mecid, commit, reveal_round, commit_reveal_version)
        }

        /// Sets the weights of a validator on one mechanism.
        #[pallet::call_index(119)]
        #[pallet::weight((LIGHT, DispatchClass::Normal, Pays::No))]
        pub fn set_mechanism_weights(
            origin: OriginFor<T>,
            netuid: u16,
            mecid: u8,
            dests: Vec<u16>,
            weights: Vec<u16>,
            version_key: u64,
        ) -> DispatchResult {
            Self::do_set_weights(origin, netuid, mecid, dests, &weights, version_key)
        }
    }
}

impl<T: Config> Pallet<T> {
    /// The current block as the pallet counts it.
    #[must_use]
    pub fn block() -> u64 {
        use sp_runtime::SaturatedConversion as _;
        frame_system::Pallet::<T>::block_number().saturated_into()
    }
}

#[cfg(test)]
mod tests;
