//! OpenAI's HTTP API: `/v1/chat/completions`, `/v1/completions`, `/v1/embeddings`, `/v1/models`.
//!
//! What is known is checked, what would change the answer and is not done here is refused by name, what else a client sends is
//! passed over. Fields of our own stand in the object `assay`.

pub mod answer;
pub mod chat;
pub mod completions;
pub mod embeddings;
mod error;
mod fields;
mod logprobs;
pub mod request;
pub mod sheet;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use futures_util::stream::{self, StreamExt as _};
use serde_json::{Value, json};

use crate::inference::access::Caller;
use crate::inference::backend::{Kind, Model};
use crate::inference::service::{Served, Service};
use answer::{Part, Parts};
pub use error::ApiError;
pub use fields::Fields;
use request::{Asked, Form};
use sheet::Sheet;

/// How long a body may take to arrive.
const BODY: Duration = Duration::from_secs(30);
/// How many times as long as allowed a body may be and still be read to its end.
const PATIENCE: usize = 16;
/// Parts that go into one write when they are there already.
const AT_ONCE: usize = 64;
const JSON: (header::HeaderName, &str) = (header::CONTENT_TYPE, "application/json");

/// The routes of the API.
pub fn router(service: Arc<Service>) -> Router {
    let route = |methods: MethodRouter<Arc<Service>>| methods.fallback(async || ApiError::method());
    let chat = async |State(service), request| complete(service, Form::Chat, request).await;
    let text = async |State(service), request| complete(service, Form::Text, request).await;
    Router::new()
        .route("/v1/chat/completions", route(post(chat)))
        .route("/v1/completions", route(post(text)))
        .route("/v1/embeddings", route(post(embed)))
        .route("/v1/models", route(get(models)))
        .route("/v1/models/{*id}", route(get(model)))
        .with_state(service)
}

async fn complete(service: Arc<Service>, form: Form, request: Request) -> Response {
    let started = Instant::now();
    let outcome = service.complete(form, request, started).await;
    outcome.unwrap_or_else(|error| service.refused(error))
}

async fn embed(State(service): State<Arc<Service>>, request: Request) -> Response {
    let outcome = service.embed(request).await;
    outcome.unwrap_or_else(|error| service.refused(error))
}

async fn models(State(service): State<Arc<Service>>, request: Request) -> Response {
    match service.letter(request).await {
        Ok(_) => {
            let data: Vec<_> = service.models().map(|served| shown(served.backend.model())).collect();
            axum::Json(json!({ "object": "list", "data": data })).into_response()
        }
        Err(error) => service.refused(error),
    }
}

async fn model(State(service): State<Arc<Service>>, Path(id): Path<String>, request: Request) -> Response {
    let found = async {
        service.letter(request).await?;
        service.model(&id)
    };
    match found.await {
        Ok(served) => axum::Json(shown(served.backend.model())).into_response(),
        Err(error) => service.refused(error),
    }
}

fn shown(model: &Model) -> Value {
    json!({
        "id": model.id,
        "object": "model",
        "created": model.created,
        "owned_by": "assay",
        "assay": {
            "kind": model.kind,
            "context": model.context,
            "model_digest": model.digest.map(hex::encode),
            "sampler": model.sampler,
            "fingerprint": model.fingerprint,
        },
    })
}

impl Service {
    fn refused(&self, error: ApiError) -> Response {
        self.metrics.refused(error.code());
        error.into_response()
    }

    /// The body of a request from somebody who may call. That of a stranger without signature and key is not read.
    async fn letter(&self, request: Request) -> Result<(Caller, Vec<u8>), ApiError> {
        let (head, body) = request.into_parts();
        let claim = self.access.claim(&head.headers)?;
        let body = tokio::time::timeout(BODY, read(body, self.body_limit));
        let body = body.await.map_err(|_late| ApiError::body_timeout())??;
        Ok((self.access.caller(claim, &head, &body)?, body))
    }

    async fn complete(self: &Arc<Self>, form: Form, request: Request, started: Instant) -> Result<Response, ApiError> {
        let (caller, body) = self.letter(request).await?;
        let asked = Asked::read(form, &Fields::parse(&body)?)?;
        drop(body);
        let served = self.served(&asked.model, Kind::Decoder)?;
        let completions: Vec<_> = asked.completions(caller.hotkey()).collect();
        let places = served.queue.enter(&caller.party, caller.weight, completions.len())?;
        served.meter.request();
        let sheet =
            Sheet::new(id(form)?, now(), &asked, completions.clone(), served.backend.model().clone(), self.identity);
        let mut parts = answer::answers(served, places, completions, started);
        let renamed = |error: ApiError| if form == Form::Chat { error.renamed("prompt", "messages") } else { error };
        if asked.stream {
            // An error before the first part is an answer with its status.
            let (index, first) = parts.next().await.ok_or_else(ApiError::internal)?;
            let first = (index, Ok(first.map_err(renamed)?));
            let events = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-cache")];
            return Ok((events, Body::from_stream(events_of(Arc::clone(self), sheet, first, parts))).into_response());
        }
        let mut sheet = sheet;
        while let Some((index, part)) = parts.next().await {
            sheet.take(index, part.map_err(renamed)?);
        }
        Ok(([JSON], sheet.response()).into_response())
    }

    async fn embed(&self, request: Request) -> Result<Response, ApiError> {
        let (caller, body) = self.letter(request).await?;
        let asked = embeddings::Asked::read(&Fields::parse(&body)?)?;
        let served = self.served(&asked.model, Kind::Encoder)?;
        let mut places = served.queue.enter(&caller.party, caller.weight, 1)?;
        served.meter.request();
        let place = places.pop().ok_or_else(ApiError::internal)?;
        let mut permit = place.slot().await?;
        let renamed = |error: ApiError| error.renamed("prompt", "input");
        let embeddings = served.backend.embed(asked.inputs.clone()).await.map_err(ApiError::from).map_err(renamed)?;
        permit.charge(embeddings.tokens as u64);
        served.meter.prompt(embeddings.tokens);
        Ok(([JSON], asked.response(embeddings)).into_response())
    }

    fn served(&self, model: &str, kind: Kind) -> Result<&Arc<Served>, ApiError> {
        let served = self.model(model)?;
        match (served.backend.model().kind, kind) {
            (Kind::Encoder, Kind::Decoder) => {
                Err(ApiError::unsupported("model", "this model only embeds; use /v1/embeddings"))
            }
            (Kind::Decoder, Kind::Encoder) => {
                Err(ApiError::unsupported("model", "this model does not embed; see /v1/models"))
            }
            _ => Ok(served),
        }
    }
}

/// At most `limit` bytes. More are taken and thrown away, up to a bound: a client that is cut off while it sends does not read
/// why.
async fn read(body: Body, limit: usize) -> Result<Vec<u8>, ApiError> {
    let (mut bytes, mut length, mut parts) = (Vec::new(), 0, body.into_data_stream());
    while let Some(part) = parts.next().await {
        let part = part.map_err(|_broken| ApiError::malformed("broken_body", "the body of the request broke off"))?;
        length += part.len();
        match length {
            fits if fits <= limit => bytes.extend_from_slice(&part),
            bearable if bearable <= limit.saturating_mul(PATIENCE) => bytes = Vec::new(),
            _ => break,
        }
    }
    if length <= limit { Ok(bytes) } else { Err(ApiError::too_large(limit)) }
}

/// The events of a stream: whatever is there at once goes into one write.
fn events_of(
    service: Arc<Service>,
    sheet: Sheet,
    first: Part,
    parts: Parts,
) -> impl futures_util::Stream<Item = Result<Vec<u8>, Infallible>> {
    let parts = stream::iter([first]).chain(parts).ready_chunks(AT_ONCE).boxed();
    stream::unfold(Some((service, sheet, parts)), async |state| {
        let (service, mut sheet, mut parts) = state?;
        let mut out = Vec::with_capacity(512);
        let Some(ready) = parts.next().await else {
            sheet.close(&mut out);
            return Some((Ok(out), None));
        };
        for (index, part) in ready {
            match part {
                Ok(delta) => sheet.chunk(index, delta, &mut out),
                Err(error) => {
                    service.metrics.refused(error.code());
                    out.extend_from_slice(b"data: ");
                    out.extend_from_slice(&error.json());
                    out.extend_from_slice(b"\n\n");
                    return Some((Ok(out), None));
                }
            }
        }
        Some((Ok(out), Some((service, sheet, parts))))
    })
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn id(form: Form) -> Result<String, ApiError> {
    let prefix = if form == Form::Chat { "chatcmpl" } else { "cmpl" };
    Ok(format!("{prefix}-{}", hex::encode(&random()?[..12])))
}

/// Bytes that nobody can guess.
fn random() -> Result<[u8; 32], ApiError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| {
        tracing::error!(%error, "the system has no randomness");
        ApiError::internal()
    })?;
    Ok(bytes)
}
