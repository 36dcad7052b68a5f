//! Binds everything that can fail, serves, drains.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use neuron_common::auth::Verifier;
use neuron_common::chain::{ChainClient, Role};
use neuron_common::keystore::{self, Keypair};
use neuron_common::{runtime, telemetry};
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::http::{Axon, router};
use crate::metrics::Metrics;
use crate::serve::{Door, serve};
use crate::work::Work;
use crate::{announce, view};

/// A miner that is bound and not serving yet.
pub struct App {
    axon: Arc<Axon>,
    chain: ChainClient,
    listener: TcpListener,
    telemetry: telemetry::Server,
    /// The address to announce, if any.
    announced: Option<SocketAddr>,
    connections: usize,
}

impl App {
    /// Opens the wallet, the ports and the chain.
    ///
    /// # Errors
    /// Names what is missing or taken, and the remedy.
    pub async fn bind(config: &Config, work: impl Work, stop: &CancellationToken) -> Result<Self> {
        let policy = config.policy()?;
        let key = Arc::new(config.wallet.load_hotkey()?);
        let listener = TcpListener::bind(config.axon.listen).await.with_context(|| {
            format!("cannot listen on {}; choose another `axon.listen` (--listen)", config.axon.listen)
        })?;
        let listening = listener.local_addr()?;
        let announced = config.axon.announce.then(|| announce::address(&config.axon, listening)).transpose()?;
        let chain = ChainClient::connect(&config.chain, Role::Miner).await?;
        let netuid = config.netuid;
        let view = view::follow(chain.clone(), netuid, &policy, stop.clone()).await?;
        registered(&key, netuid, &view.borrow().snapshot)?;
        let mut telemetry = telemetry::Server::bind(&config.telemetry).await?;
        runtime::show(&chain, &mut telemetry);
        let metrics = Metrics::new(telemetry.registry());
        work.register(telemetry.registry());
        let axon = Arc::new(Axon {
            verifier: Verifier::new(key.hotkey()),
            genesis: chain.genesis(),
            netuid,
            policy_digest: proof::policy_digest(&policy),
            policy,
            chains: work.chains().unwrap_or(config.compute.threads),
            work: Arc::new(work),
            view,
            runs: Mutex::default(),
            slots: Arc::new(Semaphore::new(config.axon.requests)),
            metrics,
            key,
        });
        Ok(Self { axon, chain, listener, telemetry, announced, connections: config.axon.connections })
    }

    /// Where the axon listens.
    ///
    /// # Errors
    /// When the system does not know.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop`, then lets running requests end.
    ///
    /// # Errors
    /// When a listener fails.
    pub async fn run(self, stop: CancellationToken) -> Result<()> {
        let Self { axon, chain, listener, telemetry, announced, connections } = self;
        let (key, netuid) = (Arc::clone(&axon.key), axon.netuid);
        if let Some(address) = announced {
            let stop = stop.clone();
            tokio::spawn(async move {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = announce::announce(chain, key, netuid, address) => {}
                }
            });
        }
        tokio::spawn(telemetry.run(stop.clone()));
        let metrics = axon.metrics.clone();
        serve(listener, router(axon), Door::new(connections), metrics, stop).await;
        Ok(())
    }
}

pub(crate) fn registered(
    key: &Keypair,
    netuid: incentive::units::NetUid,
    snapshot: &neuron_common::chain::Snapshot,
) -> Result<()> {
    let hotkey = key.hotkey();
    anyhow::ensure!(
        snapshot.neuron(&hotkey).is_some(),
        "hotkey {} is not registered on subnet {netuid}; register it with `miner register --netuid {netuid}`, or correct `wallet` or `netuid`",
        keystore::ss58(&hotkey),
    );
    Ok(())
}
