//! Would it work? Each part with a clear line, in the order in which they depend on each other.

use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use neuron_common::chain::{ChainClient, Role, Snapshot};
use neuron_common::check::{Checks, arithmetic, chain_clock, wallet};
use neuron_common::keystore::Keypair;
use neuron_common::wire;

use crate::Config;
use crate::device::cuda;
use crate::device::open::open;
use crate::device::plan::Share;
use crate::inference::models;

/// How long the axon may take to answer.
const ANSWER: Duration = Duration::from_secs(5);

/// Checks and prints; exit code 0 only if all is well.
///
/// # Errors
/// When the result cannot be printed.
pub async fn run(config: &Config, json: bool) -> Result<ExitCode> {
    let mut checks = Checks::default();
    if let Some(policy) = checks.take("policy", config.policy().map_err(Into::into)) {
        checks
            .ok("policy", format!("{} with digest 0x{}", config.policy.0, hex::encode(proof::policy_digest(&policy))));
    }
    for row in models::rows(&config.inference, false).await {
        let source = row.found.unwrap_or(row.source);
        match row.problem {
            None if row.payable => checks.ok("model", format!("{} from {source}", row.id)),
            None => checks.warn("model", format!("{} from {source}", row.id)),
            Some(problem) => checks.failed("model", format!("{}: {problem}", row.id)),
        }
    }
    devices(&mut checks, config);
    let key = wallet(&mut checks, &config.wallet);
    if let Some(chain) =
        checks.take("chain", ChainClient::connect(&config.chain, Role::Miner).await.map_err(Into::into))
    {
        checks.endpoints(&chain).await;
        checks.runtime(&chain);
        checks.add("clock", chain_clock(&chain).await);
        arithmetic(&mut checks, &chain, config.netuid).await;
        let snapshot = chain.snapshot(config.netuid, None).await.map_err(anyhow::Error::from);
        if let (Some(snapshot), Some(key)) = (checks.take("subnet", snapshot), &key) {
            checks.ok("subnet", format!("{} with {} neurons", config.netuid, snapshot.neurons.len()));
            neuron(&mut checks, &snapshot, key).await;
        }
    }
    checks.print(json)
}

/// What would compute, and whether each device can be opened.
fn devices(checks: &mut Checks, config: &Config) {
    const PART: &str = "devices";
    let plan = config.policy().and_then(|policy| config.plan(&policy)).map_err(Into::into);
    let Some(plan) = checks.take(PART, plan) else { return };
    for Share { device, chains, .. } in plan.shares() {
        if let Some(opened) = checks.take(PART, open(*device, NonZeroUsize::MIN)) {
            checks.ok(PART, format!("{device} with {chains} chain(s): {}", opened.about()));
        }
    }
    if let Some(reason) = plan.fallback(&config.compute, cuda::indices) {
        checks.warn(PART, reason);
    }
}

async fn neuron(checks: &mut Checks, snapshot: &Snapshot, key: &Keypair) {
    let netuid = snapshot.netuid;
    let Some(neuron) = snapshot.neuron(&key.hotkey()) else {
        let remedy = format!("not registered; register it with `miner register --netuid {netuid}`");
        return checks.failed("registration", remedy);
    };
    checks.ok("registration", format!("uid {}", neuron.uid));
    let Some(axon) = neuron.axon else {
        return checks.failed("axon", "not announced; `miner run` announces it, or `miner serve`".to_owned());
    };
    let answer = async {
        let http = reqwest::Client::builder().no_proxy().timeout(ANSWER).build()?;
        http.get(format!("http://{axon}{}", wire::HEALTH_PATH)).send().await?.error_for_status()
    };
    match answer.await {
        Ok(_) => checks.ok("axon", format!("{axon} answers")),
        Err(_) => checks.failed(
            "axon",
            format!("nobody answers at {axon}; is `miner run` running, and is the port open from outside?"),
        ),
    }
}
