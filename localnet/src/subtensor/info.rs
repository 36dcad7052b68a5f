//! Answers to the runtime APIs: what clients ask for instead of reading a hundred storage items.

pub mod answers;
mod hyperparameters;
mod metagraph;
mod neurons;

use answers::{HyperparamEntry, Metagraph, NeuronInfo, NeuronInfoLite};

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

    /// The pools of subnets.
    pub trait SwapRuntimeApi {
        /// Rao of TAO for one whole alpha.
        fn current_alpha_price(netuid: u16) -> u64;
    }
}
