//! Puts a subnet on the chain: owner, registrations, stake, start.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use incentive::units::NetUid;
use neuron_common::chain::{self, ChainClient, Value};
use neuron_common::config::ChainConfig;
use neuron_common::keystore::{self, Keypair, WalletPath};

use super::Options;
use super::cast::Role;

/// The well-known development accounts that pay. The owner's own hotkeys are never paid by the chain, so miners belong to another.
const OWNER: &str = "//Alice";
const VALIDATORS: &str = "//Bob";
const MINERS: &str = "//Charlie";
/// Enough for a permit against the owner, who holds one too; much more would move the price and favour who stakes first.
const STAKE: u64 = 100_000_000_000;
/// The name of the wallet that holds all hotkeys of a run.
const WALLET: &str = "localnet";

/// One hotkey of the subnet.
#[derive(Debug)]
pub struct Neuron {
    /// Name of its process, wallet hotkey, configuration and log.
    pub name: String,
    /// What it does.
    pub role: Role,
    /// Its key.
    pub key: Keypair,
}

/// A subnet that is on the chain and started, with nobody running yet.
pub struct Subnet {
    /// Its number.
    pub netuid: NetUid,
    /// A client of its chain.
    pub chain: ChainClient,
    /// All hotkeys but the owner's.
    pub neurons: Vec<Neuron>,
    /// The folder of the wallet files.
    pub wallets: PathBuf,
}

/// The name of the wallet in [`Subnet::wallets`].
#[must_use]
pub const fn wallet() -> &'static str {
    WALLET
}

/// Registers, stakes and starts.
///
/// # Errors
/// When the chain refuses a step.
pub async fn subnet(url: &str, options: &Options, base: &Path) -> Result<Subnet> {
    let chain = ChainClient::connect(&ChainConfig::at(url), chain::Role::Owner).await?;
    let wallets = base.join("wallets");
    let neurons = neurons(options, &wallets)?;
    let owner = Keypair::from_uri(OWNER)?;
    let netuid =
        chain.register_network(&owner, Keypair::generate()?.hotkey()).await.context("registering the subnet")?;
    chain.start_call(&owner, netuid).await.context("starting the subnet")?;

    let register = |neuron: &Neuron| {
        variant("burned_register", [("netuid", netuid_value(netuid)), ("hotkey", account(&neuron.key))])
    };
    let stake = |neuron: &Neuron| {
        variant(
            "add_stake",
            [
                ("hotkey", account(&neuron.key)),
                ("netuid", netuid_value(netuid)),
                ("amount_staked", Value::u128(STAKE.into())),
            ],
        )
    };
    let (validators, miners): (Vec<&Neuron>, Vec<&Neuron>) =
        neurons.iter().partition(|neuron| neuron.role == Role::Validator);
    let mut calls: Vec<Value> = validators.iter().map(|neuron| register(neuron)).collect();
    calls.extend(validators.iter().map(|neuron| stake(neuron)));
    batch(&chain, VALIDATORS, calls).await.context("registering the validators")?;
    batch(&chain, MINERS, miners.iter().map(|neuron| register(neuron)).collect())
        .await
        .context("registering the miners")?;
    Ok(Subnet { netuid, chain, neurons, wallets })
}

/// Makes a fresh key for every neuron and writes it where the programs look for it.
fn neurons(options: &Options, wallets: &Path) -> Result<Vec<Neuron>> {
    let mut cast: Vec<(String, Role)> = Vec::new();
    cast.extend((1..=options.validators).map(|number| (format!("validator-{number}"), Role::Validator)));
    cast.extend((1..=options.miners).map(|number| (format!("miner-{number}"), Role::Miner)));
    for cheat in &options.cheats.0 {
        match cheat.hotkeys() {
            1 => cast.push((cheat.name().to_owned(), Role::Cheat(*cheat))),
            several => {
                cast.extend((1..=several).map(|number| (format!("{}-{number}", cheat.name()), Role::Cheat(*cheat))));
            }
        }
    }
    cast.into_iter()
        .map(|(name, role)| {
            let key = Keypair::generate()?;
            keystore::write_hotkey(&WalletPath::new(wallets, WALLET, &name)?, &key, None)?;
            Ok(Neuron { name, role, key })
        })
        .collect()
}

/// All calls or none, in one extrinsic: a block each would take most of an epoch.
async fn batch(chain: &ChainClient, signer: &str, calls: Vec<Value>) -> Result<()> {
    let signer = Keypair::from_uri(signer)?;
    let calls = calls.into_iter().map(|call| Value::unnamed_variant("SubtensorModule", [call]));
    chain.call(&signer, "Utility", "batch_all", vec![("calls".to_owned(), Value::unnamed_composite(calls))]).await?;
    Ok(())
}

fn variant<const N: usize>(name: &str, fields: [(&str, Value); N]) -> Value {
    Value::named_variant(name, fields)
}

fn netuid_value(netuid: NetUid) -> Value {
    Value::u128(netuid.get().into())
}

fn account(key: &Keypair) -> Value {
    Value::from_bytes(key.hotkey().0)
}
