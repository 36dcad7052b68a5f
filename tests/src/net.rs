//! A subnet for one test: a real chain inside the test, real binaries beside it, everything on loopback and port 0.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use incentive::policy::Policy;
use incentive::units::{Block, Hotkey, NetUid, Rao};
use localnet::runtime::upgrade::{Form, Upgrade};
use localnet::{LocalNet, Preset, Seal};
use neuron_common::chain::{ChainClient, ChainConfig, Role, Snapshot};
use neuron_common::keystore::{self, Keypair, WalletPath};
use neuron_common::window::{OpenWindow, WindowClock};
use proof::window::admissible;
use tempfile::TempDir;

use crate::deadline::until;

/// The development account that owns the subnet and pays for everybody.
const PAYER: &str = "//Alice";
/// The folder name of the only wallet; every neuron is one hotkey of it.
const WALLET: &str = "test";
/// Stake of a validator: far above what a permit needs.
const STAKE: Rao = Rao(1_000_000_000_000);

/// A chain with one subnet, and a folder for wallets and configuration. Everything is gone when it is dropped.
pub struct TestNet {
    /// There but for the moment of a restart.
    net: Option<LocalNet>,
    url: String,
    chain: ChainClient,
    payer: Keypair,
    netuid: NetUid,
    policy: Policy,
    folder: TempDir,
}

impl TestNet {
    /// A chain that makes a block for every extrinsic and otherwise on request, and a started subnet without neurons.
    ///
    /// # Errors
    /// When the chain refuses a step.
    pub async fn start(policy: Policy) -> Result<Self> {
        let folder = TempDir::new()?;
        let net = node(folder.path(), 0).await?;
        let url = net.url();
        let chain = ChainClient::connect(&ChainConfig::at(url.clone()), Role::Owner).await?;
        let payer = Keypair::from_uri(PAYER)?;
        let netuid = chain.register_network(&payer, Keypair::generate()?.hotkey()).await?;
        chain.start_call(&payer, netuid).await?;
        std::fs::write(folder.path().join("policy.toml"), toml::to_string(&policy)?)?;
        Ok(Self { net: Some(net), url, chain, payer, netuid, policy, folder })
    }

    /// Makes `count` blocks.
    ///
    /// # Errors
    /// When a block cannot be made.
    pub async fn produce(&self, count: u32) -> Result<()> {
        self.node()?.produce(count).await?;
        Ok(())
    }

    /// Makes blocks until the head is at `block`.
    ///
    /// # Errors
    /// When a block cannot be made.
    pub async fn advance_to(&self, block: Block) -> Result<()> {
        self.node()?.advance_to(u32::try_from(block.get())?).await?;
        Ok(())
    }

    /// Makes a block that ends with another runtime.
    ///
    /// # Errors
    /// When the version does not rise.
    pub async fn upgrade(&self, spec_version: u32, form: Form) -> Result<()> {
        self.node()?.upgrade(Upgrade { spec_version, transaction_version: 1, form }).await?;
        Ok(())
    }

    /// Stops the node and starts it again from its journal at the same address.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn restart(&mut self) -> Result<()> {
        if let Some(net) = self.net.take() {
            net.shutdown().await;
        }
        let port = self.url.rsplit(':').next().context("the address has a port")?.parse()?;
        self.net = Some(node(self.folder.path(), port).await?);
        Ok(())
    }

    fn node(&self) -> Result<&LocalNet> {
        self.net.as_ref().context("the node is being restarted")
    }

    /// A client of the chain.
    #[must_use]
    pub const fn chain(&self) -> &ChainClient {
        &self.chain
    }

    /// The subnet.
    #[must_use]
    pub const fn netuid(&self) -> NetUid {
        self.netuid
    }

    /// What everybody agrees on.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Where wallets and configuration lie.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A fresh hotkey in the wallet, not registered.
    ///
    /// # Errors
    /// When the wallet cannot be written.
    pub fn wallet(&self, name: &str) -> Result<Keypair> {
        let key = Keypair::generate()?;
        keystore::write_hotkey(&WalletPath::new(&self.folder.path().join("wallets"), WALLET, name)?, &key, None)?;
        Ok(key)
    }

    /// A fresh hotkey in the wallet with a place on the subnet.
    ///
    /// # Errors
    /// When the chain refuses.
    pub async fn miner(&self, name: &str) -> Result<Keypair> {
        let key = self.wallet(name)?;
        self.chain.burned_register(&self.payer, self.netuid, key.hotkey()).await?;
        Ok(key)
    }

    /// A registered hotkey that holds a permit.
    ///
    /// # Errors
    /// When the chain refuses, or grants no permit within two tempos.
    pub async fn validator(&self, name: &str) -> Result<Keypair> {
        let key = self.miner(name).await?;
        self.chain.add_stake(&self.payer, key.hotkey(), self.netuid, STAKE).await?;
        let tempo = self.snapshot().await?.tempo;
        for _ in 0..2 * u32::from(tempo) + 1 {
            if self.snapshot().await?.neuron(&key.hotkey()).is_some_and(|neuron| neuron.validator_permit) {
                return Ok(key);
            }
            self.produce(1).await?;
        }
        anyhow::bail!("{name} got no permit within two tempos")
    }

    /// The subnet now.
    ///
    /// # Errors
    /// When the chain cannot be read.
    pub async fn snapshot(&self) -> Result<Snapshot> {
        Ok(self.chain.snapshot(self.netuid, None).await?)
    }

    /// The configuration of a miner with this hotkey: free ports, announced where it listens. `change` may rewrite it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn miner_config(&self, hotkey: &str, change: impl FnOnce(String) -> String) -> Result<PathBuf> {
        self.config("", hotkey, "[axon]\nlisten = \"127.0.0.1:0\"\n", change)
    }

    /// The configuration of a validator with this hotkey and a database of its own. `change` may rewrite it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn validator_config(&self, hotkey: &str, change: impl FnOnce(String) -> String) -> Result<PathBuf> {
        let database = format!("database = \"{}/{hotkey}.db\"", self.folder.path().display());
        // A busy machine is no reason to void a round of a test.
        self.config(&database, hotkey, "[round]\nlag_limit_ms = 60000\n", change)
    }

    fn config(&self, key: &str, hotkey: &str, section: &str, change: impl FnOnce(String) -> String) -> Result<PathBuf> {
        let folder = self.folder.path().display();
        let (endpoint, netuid) = (&self.url, self.netuid);
        let text = change(format!(
            r#"netuid = {netuid}
{key}
policy = "{folder}/policy.toml"

[chain]
endpoint = "{endpoint}"

[wallet]
path = "{folder}/wallets"
name = "{WALLET}"
hotkey = "{hotkey}"

{section}
[telemetry]
listen = "127.0.0.1:0"
"#
        ));
        let path = self.folder.path().join(format!("{hotkey}.toml"));
        std::fs::write(&path, text)?;
        Ok(path)
    }

    /// Waits until the chain holds an address for each of these hotkeys.
    ///
    /// # Errors
    /// After the deadline.
    pub async fn announced(&self, hotkeys: &[Hotkey], deadline: Duration) -> Result<Snapshot> {
        until("every axon is announced", deadline, async || {
            let snapshot = self.snapshot().await.ok()?;
            let known =
                hotkeys.iter().all(|hotkey| snapshot.neuron(hotkey).is_some_and(|neuron| neuron.axon.is_some()));
            known.then_some(snapshot)
        })
        .await
    }

    /// Goes to the next tempo and makes blocks until its window opens.
    ///
    /// # Errors
    /// When the rule opens none within two tempos.
    pub async fn window(&self) -> Result<OpenWindow> {
        let before = self.snapshot().await?;
        let next_epoch = before.last_epoch_block.0 + u64::from(before.tempo);
        self.advance_to(Block(next_epoch)).await?;
        let mut clock = WindowClock::new(self.chain.clone(), self.netuid, &self.policy);
        let blocks = admissible(before.tempo.into(), self.policy.window.reserve_blocks.into()) + 1;
        for _ in 0..blocks {
            // A window of the tempo before may come first; it is over.
            while let Ok(window) = tokio::time::timeout(Duration::from_millis(200), clock.next()).await {
                if window.epoch_start.0 >= next_epoch {
                    return Ok(window);
                }
            }
            self.produce(1).await?;
        }
        let last = tokio::time::timeout(Duration::from_secs(10), clock.next()).await;
        last.context("no window opened in a whole tempo")
    }
}

/// A node that makes a block for every extrinsic and keeps its journal in `folder`.
async fn node(folder: &Path, port: u16) -> Result<LocalNet> {
    // Not every system has a second loopback address.
    let preset = Preset { allow_loopback: true, ..Preset::dev().plain_weights() };
    let builder =
        LocalNet::builder().preset(preset).seal(Seal::Instant).base_path(Some(folder.join("chain"))).port(port);
    Ok(builder.start().await?)
}
