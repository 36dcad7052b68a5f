//! The chain as a neuron sees it: blocks, a subnet's metagraph, and the few extrinsics a neuron sends.
//!
//! Nothing is generated from metadata: items are resolved by the names in `runtime_metadata::items` and values are encoded
//! against the metadata of the connected runtime, also after an upgrade. A lost connection is opened again in the
//! background of every operation; see [`Timing`] for how long each of them waits.

mod announce;
mod blocks;
mod config;
mod consensus;
mod error;
mod extrinsic;
mod link;
mod metagraph;
mod owner;
mod pool;
mod reads;
mod submit;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use runtime_metadata::items::Role;
use subxt::{Metadata, OnlineClientAtBlock, SubstrateConfig};
use tokio::sync::Mutex;
use tokio::time::Instant;

pub use announce::Announced;
pub use blocks::Blocks;
pub use config::ChainConfig;
pub use error::ChainError;
pub use extrinsic::{Arguments, SignedExtrinsic};
pub use metagraph::{BlockRef, Neuron, Snapshot};
pub use owner::{Event, Receipt};
pub use reads::Epoch;
/// A value of any type of the chain, for [`ChainClient::call`].
pub use scale_value::Value;
pub use submit::Inclusion;

use link::{Backoff, Link, origin, until};

/// The runtime at one block.
type At = OnlineClientAtBlock<SubstrateConfig>;

/// How long operations wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// For one answer of the node; after that the connection counts as dead.
    pub request: Duration,
    /// For one operation, reconnecting included.
    pub patience: Duration,
    /// For an extrinsic to be in a finalized block.
    pub finality: Duration,
    /// Between two looks at the head when the node says nothing.
    pub poll: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            request: Duration::from_secs(20),
            patience: Duration::from_secs(60),
            finality: Duration::from_secs(300),
            poll: Duration::from_secs(6),
        }
    }
}

/// A client of one chain. Clones share the connection.
#[derive(Clone)]
pub struct ChainClient {
    inner: Arc<Inner>,
}

struct Inner {
    endpoint: String,
    timing: Timing,
    genesis: [u8; 32],
    spec_version: AtomicU32,
    link: Mutex<Arc<Link>>,
}

impl ChainClient {
    /// Connects, and checks that the chain is the right one and that its runtime offers what neurons need.
    ///
    /// # Errors
    /// At once, if nobody answers ([`ChainError::Unreachable`]) or if it is another chain ([`ChainError::WrongChain`],
    /// [`ChainError::NotSubtensor`], [`ChainError::Incompatible`]).
    pub async fn connect(config: &ChainConfig) -> Result<Self, ChainError> {
        Self::connect_with(config, Timing::default()).await
    }

    /// [`ChainClient::connect`] with other waiting times.
    ///
    /// # Errors
    /// As [`ChainClient::connect`].
    pub async fn connect_with(config: &ChainConfig, timing: Timing) -> Result<Self, ChainError> {
        let link = Link::open(&config.endpoint, timing.request).await?;
        let genesis = config.genesis.unwrap_or_else(|| link.genesis());
        same_chain(&config.endpoint, &link, genesis)?;
        let at = current(&link).await?;
        if at.metadata_ref().pallet_by_name("SubtensorModule").is_none() {
            return Err(ChainError::NotSubtensor { endpoint: origin(&config.endpoint) });
        }
        fitting(at.metadata_ref(), at.spec_version())?;
        let spec_version = AtomicU32::new(at.spec_version());
        let link = Mutex::new(Arc::new(link));
        let inner = Inner { endpoint: config.endpoint.clone(), timing, genesis, spec_version, link };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The hash of the genesis block.
    #[must_use]
    pub fn genesis(&self) -> [u8; 32] {
        self.inner.genesis
    }

    /// The version of the runtime that was seen last.
    #[must_use]
    pub fn spec_version(&self) -> u32 {
        self.inner.spec_version.load(Ordering::Relaxed)
    }

    /// Scheme, host and port of the endpoint: what may be shown.
    #[must_use]
    pub fn endpoint(&self) -> String {
        origin(&self.inner.endpoint)
    }

    fn timing(&self) -> Timing {
        self.inner.timing
    }

    /// Runs `operation` on a live connection, again on another one if the connection was lost under it.
    async fn on_link<T, F>(&self, doing: &'static str, operation: impl Fn(Arc<Link>) -> F) -> Result<T, ChainError>
    where
        F: Future<Output = Result<T, ChainError>>,
    {
        let patience = self.inner.timing.patience;
        let deadline = Instant::now() + patience;
        let attempts = async {
            loop {
                let link = self.link_patiently().await?;
                match operation(link.clone()).await {
                    Err(error) if link.is_lost() => tracing::debug!(%error, doing, "connection lost; asking again"),
                    answer => return answer,
                }
            }
        };
        until(deadline, attempts).await.unwrap_or_else(|| {
            let (endpoint, seconds) = (origin(&self.inner.endpoint), patience.as_secs());
            Err(ChainError::Timeout { doing, endpoint, seconds })
        })
    }

    /// The live connection; opens a new one, for as long as it takes. Cancel safe.
    async fn link_patiently(&self) -> Result<Arc<Link>, ChainError> {
        let mut slot = self.inner.link.lock().await;
        if !slot.is_lost() {
            return Ok(slot.clone());
        }
        let mut backoff = Backoff::new();
        loop {
            match Link::open(&self.inner.endpoint, self.inner.timing.request).await {
                Ok(link) => {
                    same_chain(&self.inner.endpoint, &link, self.inner.genesis)?;
                    tracing::info!(endpoint = self.endpoint(), "connected to the chain again");
                    *slot = Arc::new(link);
                    return Ok(slot.clone());
                }
                Err(error) => tracing::warn!(%error, "connecting to the chain again"),
            }
            backoff.wait().await;
        }
    }

    /// The runtime at a block, or at the finalized head.
    async fn at(&self, link: &Link, block: Option<[u8; 32]>) -> Result<At, ChainError> {
        let at = match block {
            Some(hash) => at_hash(link, hash).await?,
            None => current(link).await?,
        };
        let before = self.inner.spec_version.swap(at.spec_version(), Ordering::Relaxed);
        if before != at.spec_version() {
            match fitting(at.metadata_ref(), at.spec_version()) {
                Ok(()) => tracing::info!(before, now = at.spec_version(), "the chain's runtime has changed"),
                Err(error) => tracing::error!(%error, "the chain's runtime has changed"),
            }
        }
        Ok(at)
    }
}

async fn current(link: &Link) -> Result<At, ChainError> {
    link.online.at_current_block().await.map_err(node("reading the finalized head"))
}

async fn at_hash(link: &Link, hash: [u8; 32]) -> Result<At, ChainError> {
    use subxt::error::OnlineClientAtBlockError as Error;
    let hash = subxt::utils::H256(hash);
    link.online.at_block(hash).await.map_err(|error| match error {
        Error::BlockHeaderNotFound { .. } => ChainError::NoSuchBlock { hash: hex::encode(hash) },
        other => node("reading a block")(other),
    })
}

fn same_chain(endpoint: &str, link: &Link, expected: [u8; 32]) -> Result<(), ChainError> {
    if link.genesis() == expected {
        return Ok(());
    }
    Err(ChainError::WrongChain {
        endpoint: origin(endpoint),
        found: hex::encode(link.genesis()),
        expected: hex::encode(expected),
    })
}

fn fitting(metadata: &Metadata, spec_version: u32) -> Result<(), ChainError> {
    let report = runtime_metadata::check(metadata);
    let missing: Vec<String> = report.missing(Role::Neuron).map(ToString::to_string).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(ChainError::Incompatible { spec_version, items: missing.join("; ") })
}

/// An error of the typed client.
fn node<E: std::fmt::Display>(doing: &'static str) -> impl Fn(E) -> ChainError {
    move |error| ChainError::Node { doing, message: error.to_string() }
}

/// An error of a plain request.
fn rpc(doing: &'static str) -> impl Fn(subxt_rpcs::Error) -> ChainError {
    move |error| match error {
        subxt_rpcs::Error::User(error) => {
            let data = error.data.as_ref().map_or("", |data| data.get());
            ChainError::Node { doing, message: format!("{} ({}) {data}", error.message, error.code).trim().to_owned() }
        }
        other => ChainError::Node { doing, message: other.to_string() },
    }
}

/// What does not fit the runtime's types.
fn codec<E: std::fmt::Display>(doing: &'static str) -> impl Fn(E) -> ChainError {
    move |error| ChainError::Codec { doing, message: error.to_string() }
}

#[cfg(test)]
mod tests;
