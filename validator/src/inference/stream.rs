//! One request and its answer as it arrives: bounded in bytes, frames and time, every token with the time of the last byte
//! of its chunk.
//!
//! A connection is established before its request ([`connect`]) and serves this one. [`ask`] takes the time before the first
//! byte is written. What a miner sends is judged as it comes ([`Reading`]); what it did wrong is a [`Fault`], never an error of ours.
//! Nothing here computes: whoever verifies does so on other threads, or the clock would wait for it.

mod binding;
mod event;
mod reading;
#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::http::{HeaderValue, Request, StatusCode, header};
use engine::generation::Finish;
use futures_util::StreamExt as _;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use incentive::verdict::Fault;
use neuron_common::auth;
use neuron_common::keystore::Keypair;
use proof::fingerprint::Fingerprint;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::task::AbortOnDropHandle;

pub use binding::{Bound, binding};
pub use reading::{Expected, Reading};

use super::traffic::Probe;
use crate::dispatch::Target;

/// How long a connection may take to be established.
const CONNECT: Duration = Duration::from_secs(5);
/// Most bytes of the status line and the headers of an answer.
const HEAD: usize = 16 << 10;
/// Most headers.
const HEADERS: usize = 64;

/// What a miner answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    /// When the request began to be written.
    pub began: Instant,
    /// Token ids in their order.
    pub ids: Vec<u32>,
    /// For each of them, microseconds from `began` to the last byte of its chunk.
    pub arrivals_us: Vec<u64>,
    /// What the answer says that it is bound to.
    pub binding: Option<Binding>,
    /// The last head of the chain of tokens, and how many tokens it covers.
    pub chain: Option<([u8; 32], usize)>,
    /// One for each chunk of 32 tokens, if they were asked for.
    pub fingerprints: Vec<Fingerprint>,
    /// How it came to its end.
    pub end: End,
}

/// How an answer came to its end. Whatever arrived before counts as far as it goes, but after a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The miner says why.
    Finished(Finish),
    /// By us: as many tokens as are read of an answer are here, or the time is over. Some tokens came.
    Cut,
    /// In the middle, with some tokens: the connection closed, or the miner reports a failure of its own.
    Broke,
    /// Refused with 429 or 503: more load than the miner takes. No fault of an answer; its goodput is zero.
    Busy,
    /// Something that no honest miner does, or no answer at all.
    Fault(Fault),
}

/// What an answer says that it is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Of the tokens of the prompt and the parameters; `None` where the miner does not know the prompt's tokens.
    pub request: Option<[u8; 32]>,
    /// The nonce that was used.
    pub nonce: [u8; 32],
    /// The model, where the miner holds it itself.
    pub model: Option<[u8; 32]>,
    /// Whether tokens are chosen by [`proof::inference::SAMPLER`].
    pub seeded: bool,
}

/// An established connection, for one request.
#[derive(Debug)]
pub struct Line {
    sender: http1::SendRequest<Body>,
    /// Moves the bytes; ends with this.
    _driver: AbortOnDropHandle<()>,
}

/// Connects to a miner.
///
/// # Errors
/// [`Fault::Unreachable`], also after 5 s.
pub async fn connect(target: &Target) -> Result<Line, Fault> {
    let established = async {
        let stream = TcpStream::connect(target.address).await.ok()?;
        stream.set_nodelay(true).ok()?;
        let mut client = http1::Builder::new();
        client.max_buf_size(HEAD).max_headers(HEADERS);
        let (sender, driver) = client.handshake(TokioIo::new(stream)).await.ok()?;
        // Its error is also that of the request or of the body.
        let driver = AbortOnDropHandle::new(tokio::spawn(async move { drop(driver.await) }));
        Some(Line { sender, _driver: driver })
    };
    timeout(CONNECT, established).await.ok().flatten().ok_or(Fault::Unreachable)
}

/// The signed request for a probe. Requests older than 10 s are refused, so it is signed when it is needed.
#[must_use]
pub fn request(key: &Keypair, target: &Target, probe: &Probe) -> Request<Body> {
    let mut request = Request::new(Body::from(probe.body.clone()));
    *request.method_mut() = axum::http::Method::POST;
    *request.uri_mut() = axum::http::Uri::from_static(probe.path);
    let headers = request.headers_mut();
    *headers = auth::sign(key, "POST", probe.path, &probe.body, &target.hotkey, SystemTime::now());
    if let Ok(host) = HeaderValue::from_str(&target.address.to_string()) {
        headers.insert(header::HOST, host);
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::ACCEPT, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    request
}

/// Sends a request and reads its answer until it ends, is long enough, or the deadline.
pub async fn ask(line: Line, request: Request<Body>, expected: Expected, deadline: Instant) -> Received {
    let Line { mut sender, _driver } = line;
    let mut reading = Reading::new(Instant::now(), expected);
    let response = match timeout_at(deadline, sender.send_request(request)).await {
        Err(_late) => return reading.end(End::Cut),
        Ok(Err(error)) if error.is_parse() => return reading.end(End::Fault(Fault::Malformed)),
        Ok(Err(_)) => return reading.end(End::Broke),
        Ok(Ok(response)) => response,
    };
    let (head, body) = response.into_parts();
    if let Some(end) = refusal(head.status, &head.headers) {
        return reading.end(end);
    }
    let mut pieces = Body::new(body).into_data_stream();
    loop {
        let end = match timeout_at(deadline, pieces.next()).await {
            Ok(Some(Ok(piece))) => {
                // A piece counts when its last byte was here in time.
                let now = Instant::now();
                if now > deadline {
                    return reading.end(End::Cut);
                }
                reading.take(&piece, now)
            }
            Ok(Some(Err(_)) | None) => Some(End::Broke),
            Err(_late) => Some(End::Cut),
        };
        if let Some(end) = end {
            return reading.end(end);
        }
    }
}

/// Why there is no stream to read, if so. A miner without models has no such path, and does not serve the model either.
fn refusal(status: StatusCode, headers: &axum::http::HeaderMap) -> Option<End> {
    match status {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND => return Some(End::Fault(Fault::NotServed)),
        StatusCode::UPGRADE_REQUIRED => return Some(End::Fault(Fault::UnsupportedVersion)),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => return Some(End::Busy),
        _ => return Some(End::Fault(Fault::WindowRefused)),
    }
    let text = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or_default());
    let stream = text(header::CONTENT_TYPE).is_some_and(|kind| {
        kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/event-stream"))
    });
    let plain = text(header::CONTENT_ENCODING).is_none_or(|coding| coding.eq_ignore_ascii_case("identity"));
    if stream && plain { None } else { Some(End::Fault(Fault::Malformed)) }
}

impl Received {
    /// The answer of a miner that could not even be connected to.
    #[must_use]
    pub fn nothing(began: Instant, fault: Fault) -> Self {
        let (ids, arrivals_us, fingerprints) = (Vec::new(), Vec::new(), Vec::new());
        Self { began, ids, arrivals_us, binding: None, chain: None, fingerprints, end: End::Fault(fault) }
    }

    /// Why it ended, if the miner says so.
    #[must_use]
    pub const fn finish(&self) -> Option<Finish> {
        match self.end {
            End::Finished(finish) => Some(finish),
            End::Cut | End::Broke | End::Busy | End::Fault(_) => None,
        }
    }

    /// What is wrong with it already. Refused load is no fault.
    #[must_use]
    pub const fn fault(&self) -> Option<Fault> {
        match self.end {
            End::Fault(fault) => Some(fault),
            End::Finished(_) | End::Cut | End::Broke | End::Busy => None,
        }
    }
}
