//! The subnet as the chain reports it, at the finalized head.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::Result;
use neuron_common::chain::{ChainClient, Neuron, Role, Snapshot};
use neuron_common::exit;
use neuron_common::keystore::ss58;
use serde_json::{Value, json};

use crate::config::Config;

/// Rao of one TAO or alpha.
const UNIT: f64 = 1e9;

/// Prints it, for people or with every field as JSON.
///
/// # Errors
/// When the chain does not answer or has no such subnet.
pub async fn run(config: &Config, json: bool) -> Result<ExitCode> {
    let chain = ChainClient::connect(&config.chain, Role::Validator).await?;
    let snapshot = chain.snapshot(config.netuid, None).await?;
    let text = if json { serde_json::to_string_pretty(&object(&snapshot))? + "\n" } else { table(&snapshot)? };
    exit::print(&text);
    Ok(ExitCode::SUCCESS)
}

fn object(snapshot: &Snapshot) -> Value {
    json!({
        "block": snapshot.block.number,
        "block_hash": format!("0x{}", hex::encode(snapshot.block.hash)),
        "netuid": snapshot.netuid,
        "tempo": snapshot.tempo,
        "last_epoch_block": snapshot.last_epoch_block,
        "epoch_index": snapshot.epoch_index,
        "weights_rate_limit": snapshot.weights_rate_limit,
        "weights_version_key": snapshot.weights_version_key,
        "commit_reveal": snapshot.commit_reveal,
        "owner_uid": snapshot.owner_uid,
        "neurons": snapshot.neurons.iter().map(neuron).collect::<Vec<_>>(),
    })
}

fn neuron(neuron: &Neuron) -> Value {
    json!({
        "uid": neuron.uid,
        "hotkey": ss58(&neuron.hotkey),
        "coldkey": ss58(&neuron.coldkey),
        "registered": neuron.registered,
        "axon": neuron.axon,
        "validator_permit": neuron.validator_permit,
        "active": neuron.active,
        "last_update": neuron.last_update,
        "incentive": neuron.incentive,
        "dividends": neuron.dividends,
        "emission": neuron.emission,
        "stake": neuron.stake,
    })
}

fn table(snapshot: &Snapshot) -> Result<String> {
    let (netuid, block, tempo) = (snapshot.netuid, snapshot.block.number, snapshot.tempo);
    let mut text = format!("subnet {netuid} at block {block}: tempo {tempo}, {} neurons\n", snapshot.neurons.len());
    writeln!(
        text,
        "{:>5}  {:48}  {:21}  {:>6}  {:>16}  {:>9}  {:>9}  {:>13}",
        "uid", "hotkey", "axon", "permit", "stake", "incentive", "dividends", "emission"
    )?;
    for neuron in &snapshot.neurons {
        writeln!(
            text,
            "{:>5}  {:48}  {:21}  {:>6}  {:>16.4}  {:>9}  {:>9}  {:>13.6}",
            neuron.uid.get(),
            ss58(&neuron.hotkey),
            neuron.axon.map_or_else(|| "-".to_owned(), |axon| axon.to_string()),
            if neuron.validator_permit { "yes" } else { "-" },
            neuron.stake.get() as f64 / UNIT,
            neuron.incentive,
            neuron.dividends,
            neuron.emission.get() as f64 / UNIT,
        )?;
    }
    Ok(text)
}
