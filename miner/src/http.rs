//! The axon: what validators call.

mod error;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use incentive::policy::Policy;
use incentive::units::{Hotkey, NetUid};
use neuron_common::auth::Verifier;
use neuron_common::keystore::Keypair;
use neuron_common::wire::{self, OpenRequest, OpenResponse, WindowRequest};
use parity_scale_codec::Encode as _;
use parking_lot::Mutex;
use proof::{Challenge, Digest};
use tokio::sync::{Semaphore, watch};

use crate::admission::{self, Known};
use crate::metrics::Metrics;
use crate::run::{Run, Solving};
use crate::view::View;
use crate::work::Work;
use error::AxonError;

/// How long a window request waits for this miner's own view of the chain to reach the window's block.
const CATCH_UP: Duration = Duration::from_secs(6);
/// How long a body of at most [`wire::REQUEST_LIMIT`] bytes may take to arrive.
const BODY: Duration = Duration::from_secs(5);

/// Everything that a request needs.
pub struct Axon {
    /// This miner's key.
    pub key: Arc<Keypair>,
    /// The chain that is served.
    pub genesis: [u8; 32],
    /// The subnet that is served.
    pub netuid: NetUid,
    /// What is agreed.
    pub policy: Policy,
    /// Its digest.
    pub policy_digest: Digest,
    /// Chains per window.
    pub chains: u16,
    /// What solves.
    pub work: Arc<dyn Work>,
    /// The chain as last seen.
    pub view: watch::Receiver<View>,
    /// Checks requests.
    pub verifier: Verifier,
    /// The newest window and the one before it; older ones are dropped with all they hold.
    pub runs: Mutex<Vec<Arc<Run>>>,
    /// Requests at once.
    pub slots: Arc<Semaphore>,
    /// Counters.
    pub metrics: Metrics,
}

/// The routes of the axon.
pub fn router(axon: Arc<Axon>) -> Router {
    Router::new()
        .route(wire::WINDOW_PATH, post(window))
        .route(wire::OPEN_PATH, post(open))
        .route(wire::HEALTH_PATH, get(health))
        .fallback(async || AxonError::NotFound)
        .method_not_allowed_fallback(async || AxonError::MethodNotAllowed)
        .with_state(axon)
}

/// A request whose body has arrived. What it claims is not believed yet.
struct Letter {
    head: Parts,
    body: Bytes,
}

impl Letter {
    async fn read(request: Request) -> Result<Self, AxonError> {
        let (head, body) = request.into_parts();
        let body = tokio::time::timeout(BODY, to_bytes(body, wire::REQUEST_LIMIT));
        // A sender that breaks off does not see the answer, so only the length is left as a reason.
        let body = body.await.map_err(|_late| AxonError::BodyTimeout)?.map_err(|_long| AxonError::TooLarge)?;
        Ok(Self { head, body })
    }

    /// What was signed: path and query as sent.
    fn target(&self) -> &str {
        self.head.uri.path_and_query().map_or("/", |target| target.as_str())
    }
}

async fn health() -> &'static str {
    "ok\n"
}

async fn window(State(axon): State<Arc<Axon>>, request: Request) -> Result<Response, AxonError> {
    let run = axon.counted(axon.window(request).await)?;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], Body::from_stream(run.stream())).into_response())
}

async fn open(State(axon): State<Arc<Axon>>, request: Request) -> Result<Response, AxonError> {
    let response = axon.counted(axon.open(request).await)?;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], response.encode()).into_response())
}

impl Axon {
    fn counted<T>(&self, outcome: Result<T, AxonError>) -> Result<T, AxonError> {
        outcome.inspect_err(|error| self.metrics.refused(error.code()))
    }

    /// Who sent this, if it is fresh, meant for us, and signed.
    fn authenticate(&self, letter: &Letter) -> Result<Hotkey, AxonError> {
        let (head, now) = (&letter.head, SystemTime::now());
        Ok(self.verifier.verify(head.method.as_str(), letter.target(), &head.headers, &letter.body, now)?)
    }

    async fn window(&self, request: Request) -> Result<Arc<Run>, AxonError> {
        let letter = Letter::read(request).await?;
        let _slot = self.slots.try_acquire().map_err(|_| AxonError::Busy)?;
        let caller = self.authenticate(&letter)?;
        let request: WindowRequest = wire::decode(&letter.body)?;
        let snapshot = Arc::clone(&self.view.borrow().snapshot);
        admission::admit(
            &caller,
            &request,
            &Known { netuid: self.netuid, policy: &self.policy_digest, snapshot: &snapshot },
        )?;
        admission::same_window(&request, self.opened(&request).await)?;
        let run = self.run(&request)?;
        run.attach(caller, request.secret_commitment, self.duration());
        tracing::info!(validator = %neuron_common::keystore::ss58(&caller), block = %request.block, "window");
        Ok(run)
    }

    /// The window that the chain opened, once this miner's view has reached the block that is asked for.
    async fn opened(&self, request: &WindowRequest) -> Option<(incentive::units::Block, Digest)> {
        let mut view = self.view.clone();
        let reached = view.wait_for(|view| view.window.is_some_and(|window| window.block.number >= request.block));
        let view = tokio::time::timeout(CATCH_UP, reached).await.ok()?.ok()?;
        view.window.map(|window| (window.block.number, window.nonce))
    }

    /// The run of this window: the one that is going on, or a new one.
    fn run(&self, request: &WindowRequest) -> Result<Arc<Run>, AxonError> {
        let challenge = Challenge {
            genesis: self.genesis,
            netuid: self.netuid,
            block: request.block,
            nonce: request.nonce,
            compute: self.policy.compute.clone(),
        };
        let mut runs = self.runs.lock();
        if let Some(run) = runs.iter().find(|run| *run.challenge() == challenge) {
            return Ok(Arc::clone(run));
        }
        if runs.iter().any(|run| run.challenge().block >= request.block) {
            return Err(AxonError::SecondWindow);
        }
        let solving = Solving { key: &self.key, work: &self.work, chains: self.chains, metrics: &self.metrics };
        let run = Run::start(challenge, &solving, self.duration()).map_err(AxonError::Internal)?;
        self.metrics.window();
        runs.push(Arc::clone(&run));
        if runs.len() > 2 {
            runs.remove(0);
        }
        Ok(run)
    }

    fn duration(&self) -> Duration {
        Duration::from_millis(self.policy.window.duration_ms.into())
    }

    async fn open(&self, request: Request) -> Result<OpenResponse, AxonError> {
        let letter = Letter::read(request).await?;
        let _slot = self.slots.try_acquire().map_err(|_| AxonError::Busy)?;
        let caller = self.authenticate(&letter)?;
        let request: OpenRequest = wire::decode(&letter.body)?;
        let run = self.runs.lock().iter().find(|run| *run.id() == request.window).cloned();
        let run = run.ok_or(AxonError::UnknownWindow)?;
        let (samples, opening) = run.open(&caller, &request.secret, &request.counted).await?;
        self.metrics.opened();
        let digest = proof::opening_digest(run.id(), &self.key.hotkey(), &samples, &opening);
        Ok(OpenResponse { signature: self.key.sign(&digest), opening })
    }
}
