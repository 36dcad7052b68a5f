//! The chain as a neuron sees it: blocks, a subnet's metagraph, and the few extrinsics a neuron sends.
//!
//! Nothing is generated from metadata: items are resolved by the names in `runtime_metadata::items` and values are encoded
//! against the metadata of the connected runtime. An upgrade is noticed at the first block that it governs: what fits is
//! used at once, what does not is refused by name until a later upgrade brings it back. A lost connection is opened again in the
//! background of every operation, to the best of the endpoints; see [`Timing`] for how long each of them waits.

mod announce;
mod blocks;
mod cause;
mod choice;
mod commit;
mod config;
mod consensus;
mod endpoints;
mod error;
mod extrinsic;
mod link;
mod metagraph;
mod owner;
mod pool;
mod reads;
mod runtime;
mod search;
mod submit;
mod wallet;
mod weights;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use subxt::utils::H256;
use subxt::{OnlineClientAtBlock, SubstrateConfig};
use tokio::time::Instant;

pub use announce::Announced;
pub use blocks::Blocks;
pub use cause::{Cause, Reaction};
pub use commit::{COMMIT_REVEAL_VERSION, Commit};
pub use config::{ChainConfig, Endpoint};
pub use endpoints::EndpointHealth;
pub use error::ChainError;
pub use extrinsic::{Arguments, SHORTEST_LIFETIME, SignedExtrinsic};
pub use metagraph::{BlockRef, Neuron, Snapshot};
pub use owner::{Event, Receipt};
pub use reads::Epoch;
/// Whose needs the runtime is checked against, and what was found.
pub use runtime_metadata::{Report, items::Role};
/// A value of any type of the chain, for [`ChainClient::call`].
pub use scale_value::Value;
pub use submit::Inclusion;
pub use wallet::Quote;
pub use weights::SignedWeights;

use endpoints::Endpoints;
use link::{Link, until};
use runtime::Runtime;

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
    endpoints: Arc<Endpoints>,
    role: Role,
    /// On the runtime of the newest head that was read.
    report: parking_lot::Mutex<Arc<Report>>,
}

impl ChainClient {
    /// Connects, and checks that the chain is the right one. The runtime's report is logged, as far as `role` needs it; what
    /// is missing is refused by name when it is used, so that the rest goes on.
    ///
    /// # Errors
    /// At once, if nobody answers ([`ChainError::Unreachable`]) or if it is another chain ([`ChainError::WrongChain`],
    /// [`ChainError::NotSubtensor`]).
    pub async fn connect(config: &ChainConfig, role: Role) -> Result<Self, ChainError> {
        Self::connect_with(config, role, Timing::default()).await
    }

    /// [`ChainClient::connect`] with other waiting times.
    ///
    /// # Errors
    /// As [`ChainClient::connect`].
    pub async fn connect_with(config: &ChainConfig, role: Role, timing: Timing) -> Result<Self, ChainError> {
        let endpoints = Endpoints::connect(config, timing).await?;
        let at = current(&*endpoints.link().await?).await?;
        if at.metadata_ref().pallet_by_name("SubtensorModule").is_none() {
            return Err(ChainError::NotSubtensor { endpoint: endpoints.shown() });
        }
        let report = report(&at);
        log(&report, role);
        let inner = Inner { endpoints, role, report: parking_lot::Mutex::new(report) };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The hash of the genesis block.
    #[must_use]
    pub fn genesis(&self) -> [u8; 32] {
        self.inner.endpoints.genesis()
    }

    /// Whose needs the runtime is checked against.
    #[must_use]
    pub fn role(&self) -> Role {
        self.inner.role
    }

    /// The version of the runtime at the newest head that was read.
    #[must_use]
    pub fn spec_version(&self) -> u32 {
        self.inner.report.lock().spec_version.unwrap_or_default()
    }

    /// What was found of the runtime at the newest head that was read.
    #[must_use]
    pub fn report(&self) -> Arc<Report> {
        Arc::clone(&self.inner.report.lock())
    }

    /// Scheme, host and port of the endpoint in use: what may be shown.
    #[must_use]
    pub fn endpoint(&self) -> String {
        self.inner.endpoints.shown()
    }

    /// Looks at all endpoints at once, in the order of the configuration.
    pub async fn health(&self) -> Vec<EndpointHealth> {
        self.inner.endpoints.health().await
    }

    fn timing(&self) -> Timing {
        self.inner.endpoints.timing()
    }

    /// Runs `operation` on a live connection, again on another one if the connection was lost under it.
    async fn on_link<T, F>(&self, doing: &'static str, operation: impl Fn(Arc<Link>) -> F) -> Result<T, ChainError>
    where
        F: Future<Output = Result<T, ChainError>>,
    {
        let patience = self.timing().patience;
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
            let (endpoint, seconds) = (self.endpoint(), patience.as_secs());
            Err(ChainError::Timeout { doing, endpoint, seconds })
        })
    }

    /// The live connection; opens a new one, for as long as it takes. Cancel safe.
    async fn link_patiently(&self) -> Result<Arc<Link>, ChainError> {
        self.inner.endpoints.link().await
    }

    /// The runtime at the finalized head.
    async fn at_head(&self, link: &Link) -> Result<Runtime, ChainError> {
        Ok(self.newest(current(link).await?))
    }

    /// The runtime at a finalized block that was handed out as the newest.
    async fn at_block(&self, link: &Link, block: BlockRef) -> Result<Runtime, ChainError> {
        let at = link.online.at_block_hash_and_number(H256(block.hash), block.number.get()).await;
        Ok(self.newest(at.map_err(node("reading a block"))?))
    }

    /// The runtime at any block.
    async fn at_hash(&self, link: &Link, hash: [u8; 32]) -> Result<Runtime, ChainError> {
        let at = at_hash(link, hash).await?;
        let report = self.known(&at).unwrap_or_else(|| report(&at));
        Ok(Runtime::new(at, report))
    }

    /// Notices an upgrade.
    fn newest(&self, at: At) -> Runtime {
        let known = self.known(&at);
        let report = known.unwrap_or_else(|| {
            let report = report(&at);
            let before = std::mem::replace(&mut *self.inner.report.lock(), Arc::clone(&report));
            tracing::warn!(before = before.spec_version, now = report.spec_version, "the chain's runtime has changed");
            log(&report, self.inner.role);
            report
        });
        Runtime::new(at, report)
    }

    fn known(&self, at: &At) -> Option<Arc<Report>> {
        let newest = self.inner.report.lock();
        (newest.spec_version == Some(at.spec_version())).then(|| Arc::clone(&newest))
    }
}

/// The node says which version it runs; the metadata's own word is only a fallback for files.
fn report(at: &At) -> Arc<Report> {
    let report = runtime_metadata::check(at.metadata_ref());
    Arc::new(Report { spec_version: Some(at.spec_version()), ..report })
}

fn log(report: &Report, role: Role) {
    let [found, handled, missing] = report.counts(role);
    let spec_version = report.spec_version;
    match report.cause(role) {
        None => tracing::info!(spec_version, found, handled, "the runtime fits"),
        Some(cause) => tracing::error!(
            spec_version,
            found,
            handled,
            missing,
            cause,
            "the runtime does not fit: what needs the missing items stops; install a release that supports it"
        ),
    }
}

async fn current(link: &Link) -> Result<At, ChainError> {
    link.online.at_current_block().await.map_err(node("reading the finalized head"))
}

async fn at_hash(link: &Link, hash: [u8; 32]) -> Result<At, ChainError> {
    use subxt::error::OnlineClientAtBlockError as Error;
    let hash = H256(hash);
    link.online.at_block(hash).await.map_err(|error| match error {
        Error::BlockHeaderNotFound { .. } => ChainError::NoSuchBlock { hash: hex::encode(hash) },
        other => node("reading a block")(other),
    })
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
