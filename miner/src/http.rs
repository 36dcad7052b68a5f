//! The axon: what validators call.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use incentive::policy::Policy;
use incentive::units::{Hotkey, NetUid};
use neuron_common::auth::{AuthError, Verifier};
use neuron_common::keystore::Keypair;
use neuron_common::problem::Problem;
use neuron_common::wire::{self, OpenRequest, OpenResponse, WindowRequest};
use parity_scale_codec::Encode as _;
use parking_lot::Mutex;
use proof::{Challenge, Digest};
use tokio::sync::{Semaphore, watch};

use crate::admission::{self, Known, Refusal};
use crate::metrics::Metrics;
use crate::run::{OpenRefusal, Run};
use crate::view::View;
use crate::work::Work;

/// How long a window request waits for this miner's own view of the chain to reach the window's block.
const CATCH_UP: Duration = Duration::from_secs(6);

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
    /// Chains, and so threads, per window.
    pub threads: u16,
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
        .layer(DefaultBodyLimit::max(wire::REQUEST_LIMIT))
        .with_state(axon)
}

/// Why a request gets no answer.
#[derive(Debug, thiserror::Error)]
enum AxonError {
    #[error(transparent)]
    Auth(#[from] AuthError),
    #[error("the body is not a message of version {}", wire::VERSION)]
    Malformed,
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Opening(#[from] OpenRefusal),
    #[error("this miner does not hold that window")]
    UnknownWindow,
    #[error("too many requests at once; try again later")]
    Busy,
    #[error("this tempo's window was served already")]
    SecondWindow,
    #[error("this miner failed; see its log")]
    Internal(#[source] anyhow::Error),
}

impl AxonError {
    const fn code(&self) -> &'static str {
        match self {
            Self::Auth(error) => error.code(),
            Self::Malformed => "malformed",
            Self::Refused(refusal) => refusal.code(),
            Self::Opening(OpenRefusal::Stranger | OpenRefusal::WrongSecret) => "wrong_secret",
            Self::Opening(OpenRefusal::Again) => "opened_already",
            Self::Opening(OpenRefusal::Miscounted) => "miscounted",
            Self::Opening(OpenRefusal::Unable) => "cannot_open",
            Self::UnknownWindow => "unknown_window",
            Self::Busy => "busy",
            Self::SecondWindow => "second_window",
            Self::Internal(_) => "internal",
        }
    }

    fn status(&self) -> StatusCode {
        let code = match self {
            Self::Auth(error) => error.status(),
            Self::Malformed => 400,
            Self::Refused(refusal) => refusal.status(),
            Self::Opening(OpenRefusal::Stranger | OpenRefusal::WrongSecret) => 403,
            Self::Opening(OpenRefusal::Again | OpenRefusal::Miscounted) => 409,
            Self::Opening(OpenRefusal::Unable) => 503,
            Self::UnknownWindow => 404,
            Self::Busy | Self::SecondWindow => 429,
            Self::Internal(_) => 500,
        };
        StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl IntoResponse for AxonError {
    fn into_response(self) -> Response {
        if let Self::Internal(error) = &self {
            tracing::error!(%error, "a request failed here");
        }
        Problem::new(self.status(), self.code(), self.to_string()).into_response()
    }
}

/// What was signed: path and query as sent.
fn target(uri: &Uri) -> &str {
    uri.path_and_query().map_or("/", |target| target.as_str())
}

async fn health() -> &'static str {
    "ok\n"
}

async fn window(
    State(axon): State<Arc<Axon>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, AxonError> {
    let run = axon.counted(axon.window(&method, target(&uri), &headers, &body).await)?;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], Body::from_stream(run.stream())).into_response())
}

async fn open(
    State(axon): State<Arc<Axon>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, AxonError> {
    let response = axon.counted(axon.open(&method, target(&uri), &headers, &body).await)?;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], response.encode()).into_response())
}

impl Axon {
    fn counted<T>(&self, outcome: Result<T, AxonError>) -> Result<T, AxonError> {
        outcome.inspect_err(|error| self.metrics.refused(error.code()))
    }

    /// Who sent this, if it is fresh, meant for us, and signed.
    fn authenticate(
        &self,
        method: &Method,
        target: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Hotkey, AxonError> {
        Ok(self.verifier.verify(method.as_str(), target, headers, body, SystemTime::now())?)
    }

    async fn window(
        &self,
        method: &Method,
        target: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Arc<Run>, AxonError> {
        let _slot = self.slots.try_acquire().map_err(|_| AxonError::Busy)?;
        let caller = self.authenticate(method, target, headers, body)?;
        let request: WindowRequest = wire::decode(body).map_err(|_| AxonError::Malformed)?;
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
        let run =
            Run::start(challenge, &self.key, &self.work, self.threads, self.duration()).map_err(AxonError::Internal)?;
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

    async fn open(
        &self,
        method: &Method,
        target: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<OpenResponse, AxonError> {
        let _slot = self.slots.try_acquire().map_err(|_| AxonError::Busy)?;
        let caller = self.authenticate(method, target, headers, body)?;
        let request: OpenRequest = wire::decode(body).map_err(|_| AxonError::Malformed)?;
        if request.version != wire::VERSION {
            return Err(Refusal::UnsupportedVersion.into());
        }
        let run = self.runs.lock().iter().find(|run| *run.id() == request.window).cloned();
        let run = run.ok_or(AxonError::UnknownWindow)?;
        let (samples, opening) = run.open(&caller, &request.secret, &request.counted).await?;
        let digest = proof::opening_digest(run.id(), &self.key.hotkey(), &samples, &opening);
        Ok(OpenResponse { signature: self.key.sign(&digest), opening })
    }
}
