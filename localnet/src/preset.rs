//! The state of block 0.

use parity_scale_codec::Encode as _;
use sp_core::storage::{Storage, well_known_keys};
use sp_keyring::Sr25519Keyring;
use sp_runtime::BuildStorage as _;
use sp_state_machine::BasicExternalities;

use crate::{
    drand::{development, types::BeaconConfiguration},
    runtime::{
        AccountId, Balance, BalancesConfig, DrandConfig, Runtime, RuntimeGenesisConfig, SlotDurationMs,
        SubtensorModuleConfig, SudoConfig,
    },
    subtensor::types::SubnetDefaults,
};

/// One TAO in rao.
pub const TAO: Balance = 1_000_000_000;

/// A beacon by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BeaconChoice {
    /// The development beacon, which the node itself runs.
    #[default]
    Own,
    /// drand's quicknet. Somebody has to bring its pulses, by `Drand.write_pulse`.
    Quicknet,
}

/// What a chain starts with. Everything a subnet owner or a test may want to differ is a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preset {
    /// `dev` or `mainnet`, as the command line names it.
    pub name: &'static str,
    /// Hyperparameters of a new subnet.
    pub new_subnet: SubnetDefaults,
    /// Blocks between two new subnets.
    pub network_rate_limit: u64,
    /// Blocks between a subnet's registration and its start.
    pub start_call_delay: u64,
    /// Whether a neuron may announce 127.0.0.1, as everything on one machine must.
    pub allow_loopback: bool,
    /// Whose pulses open time-locked weights.
    pub beacon: BeaconChoice,
    /// Free balances in rao besides the well-known development accounts.
    pub balances: Vec<(AccountId, Balance)>,
}

impl Preset {
    /// Quick epochs, no waiting times, everything on one machine.
    #[must_use]
    pub const fn dev() -> Self {
        Self {
            name: "dev",
            new_subnet: SubnetDefaults {
                tempo: 20,
                weights_rate_limit: 0,
                serving_rate_limit: 0,
                immunity_period: 100,
                commit_reveal: true,
            },
            network_rate_limit: 0,
            start_call_delay: 0,
            allow_loopback: false,
            beacon: BeaconChoice::Own,
            balances: Vec::new(),
        }
    }

    /// The same, but new subnets take weights as they are, without a commit.
    #[must_use]
    pub const fn plain_weights(mut self) -> Self {
        self.new_subnet.commit_reveal = false;
        self
    }

    /// The values of the main network.
    #[must_use]
    pub const fn mainnet() -> Self {
        Self {
            name: "mainnet",
            new_subnet: SubnetDefaults::MAINNET,
            network_rate_limit: 7200,
            start_call_delay: 0,
            allow_loopback: false,
            beacon: BeaconChoice::Own,
            balances: Vec::new(),
        }
    }
}

/// The genesis state of a chain with a block every `block_ms` milliseconds.
///
/// `:code` holds no code, since the runtime is part of this program, but a digest of its metadata: a chain with
/// another interface has another genesis hash, and clients that cache metadata by it do not mix the two up.
///
/// # Errors
/// Names the pallet whose genesis is refused.
pub fn genesis_storage(preset: &Preset, block_ms: u64) -> Result<Storage, GenesisError> {
    let mut storage = genesis_config(preset, block_ms).build_storage().map_err(GenesisError)?;
    storage.top.insert(SlotDurationMs::key().to_vec(), block_ms.encode());
    let metadata = BasicExternalities::new(storage.clone()).execute_with(|| Runtime::metadata().encode());
    let mut code = b"native:".to_vec();
    code.extend(sp_crypto_hashing::blake2_256(&metadata));
    storage.top.insert(well_known_keys::CODE.to_vec(), code);
    Ok(storage)
}

/// A pallet refused its genesis values.
#[derive(Debug, thiserror::Error)]
#[error("genesis refused: {0}; check the balances of the preset")]
pub struct GenesisError(String);

fn genesis_config(preset: &Preset, block_ms: u64) -> RuntimeGenesisConfig {
    let mut balances = well_known_balances();
    for (account, free) in &preset.balances {
        balances.retain(|(known, _)| known != account);
        balances.push((account.clone(), *free));
    }
    RuntimeGenesisConfig {
        balances: BalancesConfig { balances, ..Default::default() },
        subtensor_module: SubtensorModuleConfig {
            new_subnet: preset.new_subnet.clone(),
            allow_loopback: preset.allow_loopback,
            network_rate_limit: preset.network_rate_limit,
            start_call_delay: preset.start_call_delay,
            ..Default::default()
        },
        drand: DrandConfig { beacon: beacon(preset.beacon, block_ms), ..Default::default() },
        sudo: SudoConfig { key: Some(Sr25519Keyring::Alice.to_account_id()) },
        ..Default::default()
    }
}

fn beacon(choice: BeaconChoice, block_ms: u64) -> BeaconConfiguration {
    match choice {
        BeaconChoice::Own => development::configuration(block_ms),
        BeaconChoice::Quicknet => BeaconConfiguration::default(),
    }
}

fn well_known_balances() -> Vec<(AccountId, Balance)> {
    use Sr25519Keyring::{Alice, Bob, Charlie, Dave, Eve, Ferdie, One, Two};
    let rich = [Alice, Bob, Charlie].map(|key| (key.to_account_id(), 1_000_000 * TAO));
    let modest = [Dave, Eve, Ferdie, One, Two].map(|key| (key.to_account_id(), 2_000 * TAO));
    rich.into_iter().chain(modest).collect()
}
