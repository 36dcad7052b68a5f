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
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::http::{Axon, router};
use crate::inference::access::{Access, Keys};
use crate::inference::config::InferenceConfig;
use crate::inference::models::Opened;
use crate::inference::service::Service;
use crate::inference::{self, Identity};
use crate::metrics::Metrics;
use crate::serve::{Door, serve};
use crate::view::View;
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
    /// The models that are served, if any.
    inference: Option<Arc<Service>>,
}

impl App {
    /// Opens the wallet, the ports and the chain. `work` is what computes; `models` opens what answers, where the
    /// configuration names any ([`inference::models::open`]).
    ///
    /// # Errors
    /// Names what is missing or taken, and the remedy.
    pub async fn bind(
        config: &Config,
        work: impl Work,
        models: impl AsyncFnOnce(&InferenceConfig, Identity) -> Result<Opened>,
        stop: &CancellationToken,
    ) -> Result<Self> {
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
        let identity = Identity { genesis: chain.genesis(), netuid, own: key.hotkey() };
        let inference = if config.inference.models.is_empty() {
            None
        } else {
            let models = models(&config.inference, identity).await?;
            Some(service(&config.inference, models, identity, &view, &mut telemetry)?)
        };
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
        Ok(Self { axon, chain, listener, telemetry, announced, connections: config.axon.connections, inference })
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
        let Self { axon, chain, listener, telemetry, announced, connections, inference } = self;
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
        let mut routes = router(axon);
        if let Some(service) = inference {
            routes = routes.merge(service.routes());
            let stop = stop.clone();
            tokio::spawn(async move {
                stop.cancelled().await;
                service.close();
            });
        }
        serve(listener, routes, Door::new(connections), metrics, stop).await;
        Ok(())
    }
}

/// The models, with their queues and whom they answer.
fn service(
    settings: &InferenceConfig,
    models: Opened,
    identity: Identity,
    view: &watch::Receiver<View>,
    telemetry: &mut telemetry::Server,
) -> Result<Arc<Service>> {
    let keys = settings.api_keys_file.as_deref().map(Keys::load).transpose()?.unwrap_or_default();
    let access = Access::new(identity.own, view.clone(), keys, settings.anyone, settings.api_keys_stake);
    let metrics = inference::metrics::Metrics::new(telemetry.registry());
    Ok(Service::new(settings, models, access, identity, metrics))
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
