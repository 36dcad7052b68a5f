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
pub mod dissolve;
pub mod distribution;
pub mod epoch;
pub mod errors;
pub mod events;
pub mod genesis;
pub mod guards;
pub mod identity;
pub mod info;
pub mod limits;
pub mod network;
pub mod owner;
pub mod registration;
pub mod replacement;
pub mod reveal;
pub mod serving;
pub mod staking;
pub mod storage;
pub mod swap;
pub mod takes;
pub mod tempo;
pub mod types;
pub mod unstaking;
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
    use parity_scale_codec::Compact;
    use sp_core::{H160, H256};
    use sp_runtime::AccountId32;

    use crate::subtensor::types::*;

    /// What the runtime sets: its account and balance types, and what swaps of keys cost.
    #[pallet::config]
    pub trait Config:
        frame_system::Config<AccountId = AccountId32, RuntimeEvent: From<Event<Self>>>
        + pallet_balances::Config<Balance = u64>
        + crate::drand::Config
    {
        /// What a hotkey swap on all subnets costs, rao.
        #[pallet::constant]
        type KeySwapCost: Get<u64>;
        /// What a hotkey swap on one subnet costs, rao.
        #[pallet::constant]
        type KeySwapOnSubnetCost: Get<u64>;
        /// Blocks between two hotkey swaps of a coldkey on one subnet.
        #[pallet::constant]
        type HotkeySwapOnSubnetInterval: Get<u64>;
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
            Self::do_serve_axon(origin, netuid, &axon, None)
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
            Self::do_register_network(origin, &hotkey, None)
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

        /// Sells alpha of a subnet that is stake behind a hotkey.
        #[pallet::call_index(3)]
        #[pallet::weight(LIGHT)]
        pub fn remove_stake(
            origin: OriginFor<T>,
            hotkey: AccountId32,
            netuid: u16,
            amount_unstaked: u64,
        ) -> DispatchResult {
            Self::do_remove_stake(origin, &hotkey, netuid, amount_unstaked)
        }

        /// Announces where a neuron's metrics can be read.
        #[pallet::call_index(5)]
        #[pallet::weight((LIGHT, DispatchClass::Normal, Pays::No))]
        pub fn serve_prometheus(
            origin: OriginFor<T>,
            netuid: u16,
            version: u32,
            ip: u128,
            port: u16,
            ip_type: u8,
        ) -> DispatchResult {
            let prometheus = PrometheusInfo { block: 0, version, ip, port, ip_type };
            Self::do_serve_prometheus(origin, netuid, &prometheus)
        }

        /// Registers a hotkey as `burned_register` does: work and coldkey are ignored.
        #[pallet::call_index(6)]
        #[pallet::weight(LIGHT)]
        pub fn register(
            origin: OriginFor<T>,
            netuid: u16,
            _block_number: u64,
            _nonce: u64,
            _work: Vec<u8>,
            hotkey: AccountId32,
            _coldkey: AccountId32,
        ) -> DispatchResult {
            Self::do_burned_register(origin, netuid, &hotkey)
        }

        /// Announces where a neuron can be reached, and the certificate with which it serves.
        #[pallet::call_index(40)]
        #[pallet::weight((LIGHT, DispatchClass::Normal, Pays::No))]
        pub fn serve_axon_tls(
            origin: OriginFor<T>,
            netuid: u16,
            version: u32,
            ip: u128,
            port: u16,
            ip_type: u8,
            protocol: u8,
            placeholder1: u8,
            placeholder2: u8,
            certificate: Vec<u8>,
        ) -> DispatchResult {
            let axon = AxonInfo { block: 0, version, ip, port, ip_type, protocol, placeholder1, placeholder2 };
            Self::do_serve_axon(origin, netuid, &axon, Some(&certificate))
        }

        /// Removes a subnet; its TAO goes to the holders of its alpha.
        #[pallet::call_index(61)]
        #[pallet::weight(LIGHT)]
        pub fn dissolve_network(origin: OriginFor<T>, _coldkey: AccountId32, netuid: u16) -> DispatchResult {
            ensure_root(origin)?;
            Self::do_dissolve_network(netuid)
        }

        /// Lowers what a hotkey keeps of its nominators' dividends.
        #[pallet::call_index(65)]
        #[pallet::weight((LIGHT, DispatchClass::Normal, Pays::No))]
        pub fn decrease_take(origin: OriginFor<T>, hotkey: AccountId32, take: u16) -> DispatchResult {
            Self::do_decrease_take(origin, &hotkey, take)
        }

        /// Raises what a hotkey keeps of its nominators' dividends.
        #[pallet::call_index(66)]
        #[pallet::weight((LIGHT, DispatchClass::Normal, Pays::No))]
        pub fn increase_take(origin: OriginFor<T>, hotkey: AccountId32, take: u16) -> DispatchResult {
            Self::do_increase_take(origin, &hotkey, take)
        }

        /// Puts another hotkey in the place of one, on one subnet or on all.
        #[pallet::call_index(70)]
        #[pallet::weight(LIGHT)]
        pub fn swap_hotkey(
            origin: OriginFor<T>,
            hotkey: AccountId32,
            new_hotkey: AccountId32,
            netuid: Option<u16>,
        ) -> DispatchResult {
            Self::do_swap_hotkey(origin, &hotkey, &new_hotkey, netuid, false)
        }

        /// Puts another hotkey in the place of one; the stake may stay behind the old one.
        #[pallet::call_index(72)]
        #[pallet::weight(LIGHT)]
        pub fn swap_hotkey_v2(
            origin: OriginFor<T>,
            hotkey: AccountId32,
            new_hotkey: AccountId32,
            netuid: Option<u16>,
            keep_stake: bool,
        ) -> DispatchResult {
            Self::do_swap_hotkey(origin, &hotkey, &new_hotkey, netuid, keep_stake)
        }

        /// Says what a subnet is.
        #[pallet::call_index(78)]
        #[pallet::weight(LIGHT)]
        pub fn set_subnet_identity(
            origin: OriginFor<T>,
            netuid: u16,
            subnet_name: Vec<u8>,
            github_repo: Vec<u8>,
            subnet_contact: Vec<u8>,
            subnet_url: Vec<u8>,
            discord: Vec<u8>,
            description: Vec<u8>,
            logo_url: Vec<u8>,
            additional: Vec<u8>,
        ) -> DispatchResult {
            let identity = SubnetIdentityV3 {
                subnet_name,
                github_repo,
                subnet_contact,
                subnet_url,
                discord,
                description,
                logo_url,
                additional,
            };
            Self::do_set_subnet_identity(origin, netuid, identity)
        }

        /// Registers a subnet and says what it is.
        #[pallet::call_index(79)]
        #[pallet::weight(LIGHT)]
        pub fn register_network_with_identity(
            origin: OriginFor<T>,
            hotkey: AccountId32,
            identity: Option<SubnetIdentityV3>,
        ) -> DispatchResult {
            Self::do_register_network(origin, &hotkey, identity)
        }

        /// Sets the weights of a validator on many subnets.
        #[pallet::call_index(80)]
        #[pallet::weight((LIGHT, DispatchClass::Normal, Pays::No))]
        pub fn batch_set_weights(
            origin: OriginFor<T>,
            netuids: Vec<Compact<u16>>,
            weights: Vec<Vec<(Compact<u16>, Compact<u16>)>>,
            version_keys: Vec<Compact<u64>>,
        ) -> DispatchResult {
            Self::do_batch_set_weights(origin, netuids, weights, version_keys)
        }

        /// Removes a subnet as `dissolve_network` does.
        #[pallet::call_index(120)]
        #[pallet::weight(LIGHT)]
        pub fn root_dissolve_network(origin: OriginFor<T>, netuid: u16) -> DispatchResult {
            ensure_root(origin)?;
            Self::do_dissolve_network(netuid)
        }

        /// Registers a hotkey unless that costs more than a limit.
        #[pallet::call_index(134)]
        #[pallet::weight(LIGHT)]
        pub fn register_limit(
            origin: OriginFor<T>,
            netuid: u16,
            hotkey: AccountId32,
            limit_price: u64,
        ) -> DispatchResult {
            Self::do_register_limit(origin, netuid, &hotkey, limit_price)
        }

        /// Sets the tempo of a subnet; its owner may.
        #[pallet::call_index(139)]
        #[pallet::weight(LIGHT)]
        pub fn set_tempo(origin: OriginFor<T>, netuid: u16, tempo: u16) -> DispatchResult {
            Self::do_set_tempo(origin, netuid, tempo)
        }

        /// Sets after how many thousandths of a tempo without weights a neuron counts as inactive.
        #[pallet::call_index(140)]
        #[pallet::weight(LIGHT)]
        pub fn set_activity_cutoff_factor(origin: OriginFor<T>, netuid: u16, factor_milli: u32) -> DispatchResult {
            Self::do_set_activity_cutoff_factor(origin, netuid, factor_milli)
        }

        /// Puts an epoch at the end of a freeze window that starts now.
        #[pallet::call_index(141)]
        #[pallet::weight(LIGHT)]
        pub fn trigger_epoch(origin: OriginFor<T>, netuid: u16) -> DispatchResult {
            Self::do_trigger_epoch(origin, netuid)
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
