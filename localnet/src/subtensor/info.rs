//! Answers to the runtime APIs: what clients ask for instead of reading a hundred storage items.

pub mod answers;
mod delegates;
mod hyperparameters;
mod metagraph;
mod neurons;
mod prices;
mod stakes;

use std::collections::BTreeMap;

use answers::{
    DelegateInfo, Holding, HyperparamEntry, Metagraph, NeuronInfo, NeuronInfoLite, SimSwapResult, StakeAvailability,
    StakeInfo, SubnetPrice,
};
use sp_runtime::AccountId32;

sp_api::decl_runtime_apis! {
    /// Neurons of a subnet.
    pub trait NeuronInfoRuntimeApi {
        /// All of them, with weights and bonds.
        fn get_neurons(netuid: u16) -> Vec<NeuronInfo>;
        /// One, with weights and bonds.
        fn get_neuron(netuid: u16, uid: u16) -> Option<NeuronInfo>;
        /// All of them.
        fn get_neurons_lite(netuid: u16) -> Vec<NeuronInfoLite>;
        /// One.
        fn get_neuron_lite(netuid: u16, uid: u16) -> Option<NeuronInfoLite>;
    }

    /// Subnets.
    #[api_version(2)]
    pub trait SubnetInfoRuntimeApi {
        /// A whole subnet at once.
        fn get_metagraph(netuid: u16) -> Option<Metagraph>;
        /// All hyperparameters by name.
        fn get_subnet_hyperparams_v3(netuid: u16) -> Option<Vec<HyperparamEntry>>;
        /// The block in which the next epoch runs.
        fn get_next_epoch_start_block(netuid: u16) -> Option<u64>;
    }

    /// What a subnet costs.
    pub trait SubnetRegistrationRuntimeApi {
        /// Rao.
        fn get_network_registration_cost() -> u64;
    }

    /// What coldkeys hold.
    pub trait StakeInfoRuntimeApi {
        /// All of a coldkey's stake.
        fn get_stake_info_for_coldkey(coldkey_account: AccountId32) -> Vec<StakeInfo>;
        /// All stake of several coldkeys.
        fn get_stake_info_for_coldkeys(coldkey_accounts: Vec<AccountId32>) -> Vec<(AccountId32, Vec<StakeInfo>)>;
        /// What a coldkey holds behind one hotkey on one subnet; an entry of zero where that is nothing.
        fn get_stake_info_for_hotkey_coldkey_netuid(
            hotkey_account: AccountId32,
            coldkey_account: AccountId32,
            netuid: u16,
        ) -> Option<StakeInfo>;
        /// What several coldkeys could withdraw, by subnet.
        fn get_stake_availability_for_coldkeys(
            coldkey_accounts: Vec<AccountId32>,
            netuids: Option<Vec<u16>>,
        ) -> BTreeMap<AccountId32, BTreeMap<u16, StakeAvailability>>;
    }

    /// Hotkeys that have set their take.
    pub trait DelegateInfoRuntimeApi {
        /// All of them.
        fn get_delegates() -> Vec<DelegateInfo>;
        /// One.
        fn get_delegate(delegate_account: AccountId32) -> Option<DelegateInfo>;
        /// Those behind which a coldkey holds stake, once for each subnet, with that stake.
        fn get_delegated(delegatee_account: AccountId32) -> Vec<(DelegateInfo, Holding)>;
    }

    /// The pools of subnets.
    pub trait SwapRuntimeApi {
        /// Rao of TAO for one whole alpha.
        fn current_alpha_price(netuid: u16) -> u64;
        /// The same of every subnet.
        fn current_alpha_price_all() -> Vec<SubnetPrice>;
        /// What TAO would buy now.
        fn sim_swap_tao_for_alpha(netuid: u16, tao: u64) -> SimSwapResult;
        /// What alpha would sell for now.
        fn sim_swap_alpha_for_tao(netuid: u16, alpha: u64) -> SimSwapResult;
    }
}
