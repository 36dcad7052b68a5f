//! The chain of a run: a copy of a template, in which a validator holds a permit and blocks are made on request.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use incentive::units::{NetUid, Rao};
use localnet::{Clock, LocalNet, Preset, Seal};
use neuron_common::chain::{ChainClient, ChainConfig, Role};
use neuron_common::keystore::Keypair;
use tempfile::TempDir;
use tokio::time::Instant;

use super::fault::Fault;
use crate::proxy::Proxy;

/// Blocks of an epoch: room for a submission that expires and the one after it.
pub const TEMPO: u16 = 36;
/// How far the chain's clock is ahead under [`Fault::Skew`].
const SKEW_MS: u64 = 5 * 3600 * 1000;

/// A chain that was prepared once and is copied for every run.
pub struct Template {
    wall: Prepared,
    /// The same with a clock that is ahead, which also sets the genesis apart.
    ahead: Prepared,
}

struct Prepared {
    folder: TempDir,
    clock: Clock,
    netuid: NetUid,
}

/// The validator's key. Development keys: the chains live as long as their test.
///
/// # Errors
/// Never for this seed.
pub fn validator() -> Result<Keypair> {
    Ok(Keypair::from_uri("//validator")?)
}

/// The key of the miner that is paid.
///
/// # Errors
/// Never for this seed.
pub fn miner() -> Result<Keypair> {
    Ok(Keypair::from_uri("//miner")?)
}

fn preset() -> Preset {
    let mut preset = Preset::dev();
    preset.new_subnet.tempo = TEMPO;
    // The chain itself must not forbid a second weight set: it would hide what is counted.
    preset.new_subnet.weights_rate_limit = 0;
    preset.new_subnet.commit_reveal = false;
    preset
}

async fn node(folder: &Path, seal: Seal, clock: Clock, port: u16) -> Result<LocalNet> {
    let builder = LocalNet::builder().preset(preset()).seal(seal).clock(clock);
    Ok(builder.base_path(Some(folder.to_owned())).port(port).start().await?)
}

impl Template {
    /// A subnet with one validator that holds a permit, and one miner, for either clock.
    ///
    /// # Errors
    /// When the chain refuses a step.
    pub async fn new() -> Result<Self> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
        let ahead = Clock::Fixed { genesis_ms: u64::try_from(now)? + SKEW_MS, step_ms: 12_000 };
        Ok(Self { wall: Prepared::new(Clock::Wall).await?, ahead: Prepared::new(ahead).await? })
    }

    const fn of(&self, fault: Fault) -> &Prepared {
        match fault {
            Fault::Skew => &self.ahead,
            _ => &self.wall,
        }
    }
}

impl Prepared {
    async fn new(clock: Clock) -> Result<Self> {
        let folder = TempDir::new()?;
        let net = node(folder.path(), Seal::Instant, clock, 0).await?;
        let chain = ChainClient::connect(&ChainConfig::at(net.url()), Role::Owner).await?;
        let (owner, payer) = (Keypair::from_uri("//Alice")?, Keypair::from_uri("//Bob")?);
        let netuid = chain.register_network(&owner, Keypair::from_uri("//owner")?.hotkey()).await?;
        chain.start_call(&owner, netuid).await?;
        let hotkey = validator()?.hotkey();
        chain.burned_register(&payer, netuid, hotkey).await?;
        chain.burned_register(&payer, netuid, miner()?.hotkey()).await?;
        chain.add_stake(&payer, hotkey, netuid, Rao(1_000_000_000_000)).await?;
        for _ in 0..2 * u32::from(TEMPO) + 2 {
            let snapshot = chain.snapshot(netuid, None).await?;
            if snapshot.neuron(&hotkey).is_some_and(|neuron| neuron.validator_permit) {
                net.shutdown().await;
                return Ok(Self { folder, clock, netuid });
            }
            net.produce(1).await?;
        }
        anyhow::bail!("the validator got no permit within two tempos")
    }
}

/// A running chain and the proxies in front of it.
pub struct World {
    folder: TempDir,
    net: Option<LocalNet>,
    /// A node of the same chain that makes no blocks any more.
    stuck: Option<LocalNet>,
    clock: Clock,
    address: SocketAddr,
    /// The preferred endpoint first.
    pub proxies: Vec<Proxy>,
    /// The subnet.
    pub netuid: NetUid,
}

impl World {
    /// A copy of the template, with the endpoints that the fault needs.
    ///
    /// # Errors
    /// When the node does not start.
    pub async fn new(template: &Template, fault: Fault) -> Result<Self> {
        let Prepared { folder: prepared, clock, netuid } = template.of(fault);
        let (folder, clock) = (TempDir::new()?, *clock);
        copy(prepared.path(), &folder.path().join("chain"))?;
        let net = node(&folder.path().join("chain"), Seal::Manual, clock, 0).await?;
        let address = address(&net)?;
        let mut proxies = Vec::new();
        for _ in 0..fault.endpoints() {
            proxies.push(Proxy::start(address).await?);
        }
        let mut stuck = None;
        if fault == Fault::PreferredStuck {
            copy(prepared.path(), &folder.path().join("stuck"))?;
            let other = node(&folder.path().join("stuck"), Seal::Manual, clock, 0).await?;
            proxies[0].lead(self::address(&other)?);
            stuck = Some(other);
        }
        Ok(Self { folder, net: Some(net), stuck, clock, address, proxies, netuid: *netuid })
    }

    /// The node that makes the blocks.
    ///
    /// # Errors
    /// Never outside of a restart.
    pub fn net(&self) -> Result<&LocalNet> {
        self.net.as_ref().context("the node is being restarted")
    }

    /// Where the node listens, without a proxy.
    #[must_use]
    pub fn direct(&self) -> ChainConfig {
        ChainConfig::at(format!("ws://{}", self.address))
    }

    /// Where the submitter connects.
    #[must_use]
    pub fn config(&self) -> ChainConfig {
        let endpoints = self.proxies.iter().map(|proxy| neuron_common::chain::Endpoint::new(proxy.url())).collect();
        ChainConfig { endpoints, genesis: None }
    }

    /// A file of this run.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Stops the node, which forgets its pool, and starts it again from its journal.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn restart(&mut self) -> Result<()> {
        if let Some(net) = self.net.take() {
            net.shutdown().await;
        }
        // The server of the last life gives its port back a moment after it was told to stop.
        let chain = self.folder.path().join("chain");
        let end = Instant::now() + Duration::from_secs(20);
        self.net = loop {
            match node(&chain, Seal::Manual, self.clock, self.address.port()).await {
                Ok(net) => break Some(net),
                Err(error) if Instant::now() >= end => return Err(error),
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        };
        Ok(())
    }

    /// Whether the pool holds an extrinsic of the hotkey.
    ///
    /// # Errors
    /// Never outside of a restart.
    pub fn pooled(&self, hotkey: &[u8; 32]) -> Result<bool> {
        let pending = self.net()?.engine().pool().lock().pending();
        Ok(pending.iter().any(|bytes| bytes.windows(32).any(|window| window == hotkey)))
    }

    /// Ends all nodes.
    pub async fn end(self) {
        for net in [self.net, self.stuck].into_iter().flatten() {
            net.shutdown().await;
        }
    }
}

fn address(net: &LocalNet) -> Result<SocketAddr> {
    Ok(net.url().trim_start_matches("ws://").parse()?)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}
