//! Binds everything that can fail, runs until stopped, drains.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use incentive::units::Block;
use incentive::verdict::Verdict;
use neuron_common::chain::{ChainClient, Role};
use neuron_common::keystore;
use neuron_common::window::WindowClock;
use neuron_common::{runtime, telemetry};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::api::{self, Api};
use crate::config::Config;
use crate::dispatch::Dispatch;
use crate::inference::between::{Prober, Probes};
use crate::inference::part::Inference;
use crate::inference::start::Setup;
use crate::metrics::Metrics;
use crate::plan::plan;
use crate::round::Rounds;
use crate::store::{Owner, Store};
use crate::submit::{Signed, Submitter};

/// Between two renewals of the connections to all miners; a server may close one that is silent for longer.
const KEEP: Duration = Duration::from_secs(20);
/// How long a submission that is on its way may still take after the signal to stop. It is found again at the next start.
const GRACE: Duration = Duration::from_secs(5);

/// A validator that is bound and not running yet.
pub struct App {
    rounds: Rounds,
    prober: Option<Prober>,
    submitter: Submitter<Signed>,
    telemetry: telemetry::Server,
    ended: watch::Sender<Option<Block>>,
    head: watch::Sender<Block>,
}

impl App {
    /// Opens the wallet, the database, the port and the chain, and voids the rounds that an earlier run left open.
    ///
    /// # Errors
    /// Names what is missing or taken, and the remedy.
    pub async fn bind(config: &Config) -> Result<Self> {
        let policy = Arc::new(config.policy.load()?);
        let key = Arc::new(config.wallet.load_hotkey()?);
        let store = Store::open(&config.database)?;
        let mut telemetry = telemetry::Server::bind(&config.telemetry).await?;
        let chain = ChainClient::connect(&config.chain, Role::Validator).await?;
        runtime::show(&chain, &mut telemetry);
        let own = key.hotkey();
        let (genesis, netuid) = (chain.genesis(), config.netuid);
        let snapshot = chain.snapshot(netuid, None).await?;
        if snapshot.neuron(&own).is_none() {
            bail!(
                "hotkey {} is not registered on subnet {netuid}; register it with `validator register --netuid {netuid}`, or correct `wallet` or `netuid`",
                keystore::ss58(&own)
            );
        }
        // Not before: a wrong wallet or subnet must not leave a database that refuses the right one.
        store.claim(&Owner { genesis, netuid, hotkey: own })?;
        for window in store.void_open_rounds()? {
            tracing::warn!(%window, "the last run ended inside this round: it is void");
        }
        let metrics = Metrics::new(telemetry.registry());
        let (ended, _) = watch::channel(store.last_round()?.map(|round| round.block));
        let (head, _) = watch::channel(snapshot.block.number);
        let dispatch = Dispatch::new(Arc::clone(&key)).context("starting the HTTP client")?;
        // Asked for only where it is needed: a chain without this constant costs the models and nothing else.
        let block_time = match policy.inference {
            Some(_) => chain.block_time().await?,
            None => Duration::ZERO,
        };
        let setup = Setup {
            config,
            policy: &policy,
            genesis,
            block_time,
            key: Arc::clone(&key),
            store: store.clone(),
            metrics: metrics.clone(),
        };
        let inference = Inference::start(setup).await?;
        let probes_per_epoch = config.inference.probes_per_epoch;
        let prober = inference.clone().filter(|_| probes_per_epoch > 0).map(|inference| {
            let (probes, chain) = (Arc::new(Probes::new(inference)), chain.clone());
            Prober { probes, chain, netuid, block_time, probes_per_epoch }
        });
        let rounds = Rounds {
            chain: chain.clone(),
            netuid,
            policy: Arc::clone(&policy),
            own,
            dispatch,
            store: store.clone(),
            metrics: metrics.clone(),
            lag_limit: Duration::from_millis(config.round.lag_limit_ms.into()),
            threads: threads(config.round.verify_threads),
            inference,
        };
        let chain = Signed { chain, key };
        let status = Arc::default();
        let submitter = Submitter {
            chain,
            netuid,
            genesis,
            own,
            policy: Arc::clone(&policy),
            store: store.clone(),
            metrics,
            status,
        };
        let status = Arc::clone(&submitter.status);
        telemetry.add_routes(api::routes(Api { store, policy, head: head.subscribe(), status }));
        Ok(Self { rounds, prober, submitter, telemetry, ended, head })
    }

    /// Where the read API, metrics and health are served.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.telemetry.address()
    }

    /// Holds rounds and submits weights until `stop`. A round that is cut off is void at the next start.
    ///
    /// # Errors
    /// When the database fails or a task panics: going on would mean forgetting.
    pub async fn run(self, stop: CancellationToken) -> Result<()> {
        let Self { rounds, prober, submitter, telemetry, ended, head } = self;
        let serving = tokio::spawn(telemetry.run(stop.clone()));
        let submitting = {
            let (ended, head) = (ended.subscribe(), head.subscribe());
            tokio::spawn(async move { submitter.run(ended, head).await })
        };
        let following = tokio::spawn(follow(rounds.chain.clone(), head));
        let keeping = tokio::spawn(keep(rounds.clone()));
        let holding = tokio::spawn(hold(rounds, ended));
        let probing = tokio::spawn(async move {
            match prober {
                Some(prober) => prober.run().await,
                None => std::future::pending().await,
            }
        });
        // Each of these goes on for ever; the first one to end is a failure.
        let aborts = [following.abort_handle(), keeping.abort_handle(), holding.abort_handle(), probing.abort_handle()];
        let mut submitting = submitting;
        let outcome = tokio::select! {
            () = stop.cancelled() => Ok(()),
            done = &mut submitting => done.context("submitting weights").and_then(|done| Ok(done?)),
            done = following => done.context("following the chain"),
            done = keeping => done.context("keeping connections"),
            done = probing => done.context("sending probes").and_then(|done| done),
            done = holding => done.context("holding rounds").and_then(|done| done),
        };
        stop.cancel();
        for task in aborts {
            task.abort();
        }
        // With the rounds gone, the submitter ends by itself once nothing is on its way.
        if !submitting.is_finished() && tokio::time::timeout(GRACE, &mut submitting).await.is_err() {
            submitting.abort();
        }
        serving.await.context("serving the board")?;
        outcome
    }
}

/// One round per window, one after the other.
async fn hold(rounds: Rounds, ended: watch::Sender<Option<Block>>) -> Result<()> {
    let mut clock = WindowClock::new(rounds.chain.clone(), rounds.netuid, &rounds.policy);
    loop {
        rounds.prepare().await;
        let window = clock.next().await;
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let Some(end) = Box::pin(rounds.hold(window, u64::try_from(unix.as_millis()).unwrap_or(u64::MAX))).await?
        else {
            continue;
        };
        let accepted = end.outcomes.iter().filter(|outcome| matches!(outcome.verdict, Verdict::Accepted(_))).count();
        match end.void {
            None => {
                tracing::info!(window = %end.block, neurons = end.outcomes.len(), accepted, took_ms = end.took_ms, "round")
            }
            Some(reason) => tracing::warn!(window = %end.block, %reason, remedy = reason.remedy(), "void round"),
        }
        ended.send_replace(Some(end.block));
    }
}

/// Tells the newest finalized block.
async fn follow(chain: ChainClient, head: watch::Sender<Block>) {
    let mut blocks = chain.blocks();
    loop {
        head.send_replace(blocks.next().await.number);
    }
}

/// Keeps a connection to every miner, so that a window measures work and no handshakes.
async fn keep(rounds: Rounds) {
    let mut interval = tokio::time::interval(KEEP);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        match rounds.chain.snapshot(rounds.netuid, None).await {
            Ok(snapshot) => {
                let targets: Vec<_> =
                    plan(&snapshot, &rounds.own).targets.into_iter().map(|(target, _)| target).collect();
                rounds.dispatch.connect(&targets).await;
            }
            Err(error) => tracing::warn!(%error, "the subnet cannot be read: connections are not renewed"),
        }
    }
}

fn threads(configured: usize) -> NonZeroUsize {
    NonZeroUsize::new(configured).or_else(|| std::thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN)
}
