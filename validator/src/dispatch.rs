//! One window on the wire: everybody at once, roots until the deadline, then the openings.
//!
//! What a miner sends is hostile: its size, count and time are bounded before it is looked at. What it did wrong is a
//! [`Fault`], never an error of ours.

mod openings;
mod roots;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use incentive::policy::Policy;
use incentive::units::{Hotkey, Uid};
use incentive::verdict::Fault;
use neuron_common::auth;
use neuron_common::keystore::Keypair;
use neuron_common::wire::{self, WindowRequest};
use parity_scale_codec::Encode as _;
use proof::{Challenge, Commitment, Digest};
use reqwest::StatusCode;
use tokio::time::{Instant, timeout, timeout_at};

pub use openings::{Answer, openings, verify};
pub use roots::Roots;

/// How long a connection may take to be established.
const CONNECT: Duration = Duration::from_secs(5);

/// A miner that is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its place.
    pub uid: Uid,
    /// Its key.
    pub hotkey: Hotkey,
    /// Its announced address.
    pub address: SocketAddr,
}

/// What a miner sent inside the window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collected {
    /// The miner.
    pub target: Target,
    /// The counted roots, bound by signed heads.
    pub outcome: Result<Commitment, Fault>,
}

impl Collected {
    /// Rounds whose roots arrived in time, over all chains.
    #[must_use]
    pub fn rounds(&self) -> u64 {
        self.outcome.as_ref().map_or(0, |commitment| commitment.chains.iter().map(|roots| roots.len() as u64).sum())
    }
}

/// How punctual the validator itself was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Punctuality {
    /// From the first request to the last one on its way.
    pub spread: Duration,
    /// The longest time by which a timer of this process was late during the window.
    pub lag: Duration,
}

/// Sends requests to miners.
#[derive(Clone, Debug)]
pub struct Dispatch {
    http: reqwest::Client,
    key: Arc<Keypair>,
}

impl Dispatch {
    /// A client of its own: no proxy, no redirects, no compression.
    ///
    /// # Errors
    /// When the system cannot provide one.
    pub fn new(key: Arc<Keypair>) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .http1_only()
            .tcp_nodelay(true)
            .connect_timeout(CONNECT)
            .pool_idle_timeout(Duration::from_secs(90))
            .build()?;
        Ok(Self { http, key })
    }

    /// Establishes the connections, so that the window measures work and no handshakes. Who does not answer now is
    /// asked all the same.
    pub async fn connect(&self, targets: &[Target]) {
        join_all(targets.iter().map(|target| async move {
            let request = self.http.get(url(target.address, wire::HEALTH_PATH)).send();
            if let Ok(Ok(response)) = timeout(CONNECT, request).await {
                // Read to the end, or the connection would not be used again; `ok` and nothing more is expected.
                let _body = timeout(CONNECT, read(response, 64)).await;
            }
        }))
        .await;
    }

    /// Opens the common window for all targets at once and collects until it closes.
    pub async fn window(
        &self,
        targets: &[Target],
        challenge: &Challenge,
        policy: &Policy,
        secret: &Digest,
    ) -> (Vec<Collected>, Punctuality) {
        let body = WindowRequest {
            version: wire::VERSION,
            netuid: challenge.netuid,
            block: challenge.block,
            nonce: challenge.nonce,
            policy: proof::policy_digest(policy),
            secret_commitment: proof::secret_commitment(secret),
        }
        .encode();
        // Signatures take time: all are made before the first request leaves.
        let signed: Vec<_> = targets.iter().map(|target| self.signed(target, wire::WINDOW_PATH, &body)).collect();
        let start = Instant::now();
        let deadline = start + Duration::from_millis(policy.window.duration_ms.into());
        let tasks: Vec<_> = targets
            .iter()
            .zip(signed)
            .map(|(target, request)| {
                let roots = Roots::new(challenge, target.hotkey);
                tokio::spawn(collect(request, roots, start, deadline))
            })
            .collect();
        let lag = tokio::spawn(lag(deadline));
        let mut spread = Duration::ZERO;
        let mut collected = Vec::with_capacity(targets.len());
        for (target, task) in targets.iter().zip(tasks) {
            // A task that panicked is a defect of ours; the miner is not to blame, and not to be paid either.
            let (outcome, sent) = task.await.unwrap_or((Err(Fault::NoRoot), Duration::ZERO));
            spread = spread.max(sent);
            collected.push(Collected { target: *target, outcome });
        }
        (collected, Punctuality { spread, lag: lag.await.unwrap_or_default() })
    }

    fn signed(&self, target: &Target, path: &str, body: &[u8]) -> reqwest::RequestBuilder {
        let headers = auth::sign(&self.key, "POST", path, body, &target.hotkey, SystemTime::now());
        self.http.post(url(target.address, path)).headers(headers).body(body.to_vec())
    }
}

fn url(address: SocketAddr, path: &str) -> String {
    format!("http://{address}{path}")
}

/// Reads a body up to a limit; `None` when it is longer or breaks.
async fn read(mut response: reqwest::Response, limit: usize) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        if body.len() + chunk.len() > limit {
            return None;
        }
        body.extend_from_slice(&chunk);
    }
    Some(body)
}

/// Asks one miner and takes its roots until the deadline. Returns also how long after the start the request began.
async fn collect(
    request: reqwest::RequestBuilder,
    mut roots: Roots,
    start: Instant,
    deadline: Instant,
) -> (Result<Commitment, Fault>, Duration) {
    let sent = start.elapsed();
    let outcome = async {
        let Ok(response) = timeout_at(deadline, request.send()).await else { return Err(Fault::NoRoot) };
        let mut response = response.map_err(|_| Fault::Unreachable)?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::UPGRADE_REQUIRED => return Err(Fault::UnsupportedVersion),
            _ => return Err(Fault::WindowRefused),
        }
        let broke = loop {
            match timeout_at(deadline, response.chunk()).await {
                // A chunk counts when its last byte was here in time.
                Ok(Ok(Some(chunk))) if Instant::now() <= deadline => {
                    roots.take(&chunk)?;
                    if roots.is_full() {
                        break false;
                    }
                }
                Ok(Ok(Some(_)) | Ok(None)) | Err(_) => break false,
                Ok(Err(_)) => break true,
            }
        };
        if broke && roots.is_empty() { Err(Fault::Unreachable) } else { roots.finish() }
    };
    (outcome.await, sent)
}

/// The longest lateness of a timer until the deadline: while this process stands still, nobody's roots are measured.
pub(crate) async fn lag(deadline: Instant) -> Duration {
    let step = Duration::from_millis(5);
    let mut worst = Duration::ZERO;
    while Instant::now() < deadline {
        let before = Instant::now();
        tokio::time::sleep(step).await;
        worst = worst.max(before.elapsed().saturating_sub(step));
    }
    worst
}
