//! Would it work? Each part with a clear line, in the order in which they depend on each other.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use incentive::policy::Policy;
use incentive::units::NetUid;
use neuron_common::chain::{ChainClient, Commit, Role, Snapshot};
use neuron_common::check::{Checks, arithmetic, chain_clock, wallet};
use neuron_common::keystore::Keypair;

use crate::config::Config;
use crate::inference::budget::{self, Cost, Epoch, Finding, Grade};
use crate::inference::models::{self, LocalCopy};
use crate::inference::traffic::Traffic;
use crate::store::{Owner, Store, StoreError};
use crate::submit::{Skip, WEIGHTS_VERSION};

/// Checks and prints; exit code 0 only if all is well.
///
/// # Errors
/// When the result cannot be printed.
pub async fn run(config: &Config, json: bool) -> Result<ExitCode> {
    checks(config).await.print(json)
}

async fn checks(config: &Config) -> Checks {
    let mut checks = Checks::default();
    if let Some(policy) = checks.take("policy", config.policy.load().map_err(Into::into)) {
        checks
            .ok("policy", format!("{} with digest 0x{}", config.policy.0, hex::encode(proof::policy_digest(&policy))));
    }
    let costs = models(&mut checks, config).await;
    let key = wallet(&mut checks, &config.wallet);
    let database = config.database.display();
    let store = match Store::open(&config.database) {
        Ok(store) => {
            checks.ok("database", format!("{database} can be written"));
            Some(store)
        }
        // A running validator may be checked as well.
        Err(StoreError::Locked { .. }) => {
            checks.ok("database", format!("{database} is in use by a validator that runs"));
            None
        }
        Err(error) => {
            checks.failed("database", error.to_string());
            None
        }
    };
    if let Some(chain) =
        checks.take("chain", ChainClient::connect(&config.chain, Role::Validator).await.map_err(Into::into))
    {
        checks.endpoints(&chain).await;
        checks.runtime(&chain);
        checks.add("clock", chain_clock(&chain).await);
        arithmetic(&mut checks, &chain, config.netuid).await;
        if let (Some(store), Some(key)) = (store, &key) {
            let owner = Owner { genesis: chain.genesis(), netuid: config.netuid, hotkey: key.hotkey() };
            let belongs = store.belongs_to(&owner).map_err(Into::into);
            checks.add("owner", belongs.map(|()| "the database is that of this chain, subnet and hotkey".to_owned()));
        }
        let snapshot = chain.snapshot(config.netuid, None).await.map_err(anyhow::Error::from);
        if let (Some(snapshot), Some(key)) = (checks.take("subnet", snapshot), &key) {
            subnet(&mut checks, &snapshot, key);
            budget(&mut checks, config, &costs, &snapshot, &chain).await;
        }
        checks.add("commit-reveal", commit_reveal(&chain, config.netuid).await);
    }
    checks
}

/// Whether every model that the policy pays for can be judged: its copy loads and has the policy's digest, its table is for it
/// and says how often an honest block is over its limit, and there are requests that fit it. Measures what their checks cost
/// on this machine.
async fn models(checks: &mut Checks, config: &Config) -> Vec<Cost> {
    let mut costs = Vec::new();
    let Ok(Policy { inference: Some(part), .. }) = config.policy.load() else { return costs };
    let traffic = match &config.inference.traffic {
        Some(path) => Traffic::load(path),
        None => Traffic::built_in(),
    };
    let traffic = checks.take("traffic", traffic.map(Arc::new).map_err(Into::into));
    let (settings, answer_tokens) = (config.inference.clone(), part.answer_tokens);
    let loaded = tokio::task::spawn_blocking(move || models::load(&settings, &part)).await;
    let Some((copies, problems)) = checks.take("models", loaded.map_err(Into::into)) else { return costs };
    let time = budget::MEASURED / u32::try_from(copies.len().max(1)).unwrap_or(u32::MAX);
    for LocalCopy { model, mut decoder } in copies {
        let blocks: u64 = model.table.strata.iter().map(|stratum| u64::from(stratum.blocks)).sum();
        let most = model.table.strata.iter().map(|stratum| stratum.false_positive_ppm).max().unwrap_or(1_000_000);
        let (id, digest, precision) = (&model.policy.id, model.policy.digest, &decoder.info().precision);
        let text = format!(
            "{id} in {precision} is {digest}; of a million honest blocks at most {most} are suspicious (table of {blocks} blocks, 95 % sure)"
        );
        checks.ok("model", text);
        let Some(traffic) = &traffic else { continue };
        let source = match traffic.asking(model.asked(answer_tokens)) {
            Ok(source) => source,
            Err(problem) => {
                checks.failed("traffic", problem.to_string());
                continue;
            }
        };
        let measured = move || budget::measure(&model, decoder.as_mut(), &source, answer_tokens, time);
        let cost = tokio::task::spawn_blocking(measured).await;
        costs.extend(checks.take("inference", cost.map_err(Into::into).and_then(|cost| Ok(cost?))));
    }
    problems.iter().for_each(|problem| checks.failed("model", problem.to_string()));
    costs
}

/// Whether this machine keeps up with the checks of an epoch, if everybody on the subnet but itself answers.
async fn budget(checks: &mut Checks, config: &Config, costs: &[Cost], snapshot: &Snapshot, chain: &ChainClient) {
    let Ok(Policy { inference: Some(part), window, .. }) = config.policy.load() else { return };
    let Some(block) = checks.take("inference", chain.block_time().await.map_err(Into::into)) else { return };
    let epoch = Epoch {
        miners: u32::try_from(snapshot.neurons.len().saturating_sub(1)).unwrap_or(u32::MAX),
        answer_tokens: part.answer_tokens,
        window: block * window.reserve_blocks / 2,
        between: block * u32::from(snapshot.tempo).saturating_sub(window.reserve_blocks),
        probes: config.inference.probes_per_epoch,
        percent: config.inference.audit_percent,
        budget: config.inference.budget_tokens,
    };
    for Finding { grade, text } in budget::assess(&epoch, costs) {
        match grade {
            Grade::Enough => checks.ok("inference", text),
            Grade::Partly => checks.warn("inference", text),
            Grade::Failed => checks.failed("inference", text),
        }
    }
}

/// Whether weights can be brought to the chain in the form that the subnet wants.
async fn commit_reveal(chain: &ChainClient, netuid: NetUid) -> Result<String> {
    Ok(chain.foresee_commit(netuid).await?.map_or_else(
        || "off: weights are set plainly".to_owned(),
        |Commit { reveal_block, round, .. }| {
            format!("on: weights committed now are revealed at block {reveal_block}, with round {round} of the beacon")
        },
    ))
}

fn subnet(checks: &mut Checks, snapshot: &Snapshot, key: &Keypair) {
    let netuid = snapshot.netuid;
    checks.ok("subnet", format!("{netuid} with {} neurons, tempo {}", snapshot.neurons.len(), snapshot.tempo));
    let mut require = |part, holds: bool, text: String, skip: Skip| {
        if holds { checks.ok(part, text) } else { checks.failed(part, skip.to_string()) }
    };
    let (asked, own) = (snapshot.weights_version_key, WEIGHTS_VERSION);
    require("version", asked <= own, format!("{own} is accepted"), Skip::Version(asked));
    let Some(neuron) = snapshot.neuron(&key.hotkey()) else {
        return checks.failed("registration", Skip::NotRegistered(netuid).to_string());
    };
    require("registration", true, format!("uid {}", neuron.uid), Skip::NotRegistered(netuid));
    let stake = neuron.stake.get() / 1_000_000_000;
    require("permit", neuron.validator_permit, format!("held, stake weight {stake}"), Skip::NoPermit(neuron.uid));
}
