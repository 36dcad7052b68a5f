//! `btauth/1`: requests signed by a hotkey and bound to their receiver, as Bittensor's own clients sign them.
//!
//! The signature covers eight lines joined by `\n`: `btauth/1`, the scheme, the method, the request target as sent, the
//! SHA-256 of the body in hex, the nonce (nanoseconds since the Unix epoch), the sender's address and the receiver's.

mod replay;
#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue};
use incentive::units::Hotkey;
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};

use crate::keystore::{self, Keypair, Scheme, SignedMessage, ss58};
use replay::{Refused, Replays};

const VERSION: HeaderName = HeaderName::from_static("x-bittensor-version");
const HOTKEY: HeaderName = HeaderName::from_static("x-bittensor-hotkey");
const NONCE: HeaderName = HeaderName::from_static("x-bittensor-nonce");
const SIGNATURE: HeaderName = HeaderName::from_static("x-bittensor-signature");
const CRYPTO: HeaderName = HeaderName::from_static("x-bittensor-crypto");
const RECEIVER: HeaderName = HeaderName::from_static("x-bittensor-receiver");

/// How old a request may be.
pub const MAX_AGE: Duration = Duration::from_secs(10);
/// How far a sender's clock may be ahead.
pub const MAX_AHEAD: Duration = Duration::from_secs(2);

/// Why a request is not believed. No variant carries anything of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum AuthError {
    /// A header is missing, double, or not in its form.
    #[error("the request is not signed, or not as btauth/1 says; see the headers X-Bittensor-*")]
    Malformed,
    /// The request is meant for another hotkey, or for anybody.
    #[error("the request is bound to another receiver; look this hotkey's address up again")]
    WrongReceiver,
    /// Made too long ago, or in the future.
    #[error("the request is older than 10 s or more than 2 s ahead; check both clocks")]
    Stale,
    /// The signature does not belong to this request and sender.
    #[error("the signature does not fit the request and its sender")]
    BadSignature,
    /// Seen before.
    #[error("the request was received before; sign each request anew")]
    Replayed,
    /// More fresh requests than are remembered.
    #[error("too many requests at once; try again in a minute")]
    Flooded,
}

/// Checks requests to one receiver and remembers them, so that none is accepted twice.
pub struct Verifier {
    receiver: String,
    replays: Mutex<Replays>,
}

/// A request as it was received.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method.
    pub method: &'a str,
    /// The path with its query, exactly as it was sent.
    pub target: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body, before anything is parsed.
    pub body: &'a [u8],
}

/// What a signature covers.
struct Signed<'a> {
    scheme: Scheme,
    method: &'a str,
    target: &'a str,
    body: &'a [u8],
    nonce: &'a str,
    sender: &'a str,
    receiver: &'a str,
}

/// The headers of a request, in their form.
struct Claims<'a> {
    scheme: Scheme,
    sender: &'a str,
    key: Hotkey,
    receiver: Option<&'a str>,
    nonce: &'a str,
    nanoseconds: u64,
    signature: [u8; 64],
}

// === impl AuthError ===

impl AuthError {
    /// The stable name: problem document and metric label.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "malformed_auth",
            Self::WrongReceiver => "wrong_receiver",
            Self::Stale => "stale_request",
            Self::BadSignature => "bad_signature",
            Self::Replayed => "replayed_request",
            Self::Flooded => "too_many_requests",
        }
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Malformed | Self::Stale | Self::BadSignature | Self::Replayed => 401,
            Self::WrongReceiver => 421,
            Self::Flooded => 429,
        }
    }
}

// === impl Verifier ===

impl Verifier {
    /// A verifier for requests to `receiver`.
    #[must_use]
    pub fn new(receiver: Hotkey) -> Self {
        Self { receiver: ss58(&receiver), replays: Mutex::default() }
    }

    /// Who sent this, if it is well formed, meant for this receiver, fresh, signed and not seen before.
    ///
    /// # Errors
    /// The first of these that fails, in this order. Nothing is remembered of a request that fails.
    pub fn verify(
        &self,
        method: &str,
        target: &str,
        headers: &HeaderMap,
        body: &[u8],
        now: SystemTime,
    ) -> Result<Hotkey, AuthError> {
        let now = nanoseconds(now);
        let (claims, text) = self.claims(&Request { method, target, headers, body }, now)?;
        if !claims.scheme.verify(&claims.key, text.as_bytes(), &claims.signature) {
            return Err(AuthError::BadSignature);
        }
        self.remember(&claims, now)
    }

    /// [`Verifier::verify`] for many requests at once, with less work for each; one answer for each, in order.
    #[must_use]
    pub fn verify_burst(&self, requests: &[Request<'_>], now: SystemTime) -> Vec<Result<Hotkey, AuthError>> {
        let now = nanoseconds(now);
        let all: Vec<_> = requests.iter().map(|request| self.claims(request, now)).collect();
        let signed: Vec<_> = all
            .iter()
            .flatten()
            .map(|(claims, text)| SignedMessage {
                signer: claims.key,
                scheme: claims.scheme,
                message: text.as_bytes(),
                signature: &claims.signature,
            })
            .collect();
        let mut verdicts = keystore::verify_batch(&signed).into_iter();
        all.iter()
            .map(|outcome| match outcome {
                Err(error) => Err(*error),
                Ok((claims, _)) if verdicts.next() == Some(true) => self.remember(claims, now),
                Ok(_) => Err(AuthError::BadSignature),
            })
            .collect()
    }

    /// What a request claims and the text that proves it, if it is well formed, meant for this receiver and fresh.
    fn claims<'a>(&self, request: &Request<'a>, now: u64) -> Result<(Claims<'a>, String), AuthError> {
        let claims = Claims::of(request.headers).ok_or(AuthError::Malformed)?;
        if claims.receiver != Some(&self.receiver) {
            return Err(AuthError::WrongReceiver);
        }
        if now.saturating_sub(claims.nanoseconds) > MAX_AGE.as_nanos() as u64
            || claims.nanoseconds.saturating_sub(now) > MAX_AHEAD.as_nanos() as u64
        {
            return Err(AuthError::Stale);
        }
        let (Request { method, target, body, .. }, Claims { scheme, nonce, sender, .. }) = (*request, &claims);
        let signed = Signed { scheme: *scheme, method, target, body, nonce, sender, receiver: &self.receiver };
        let text = signed.text();
        Ok((claims, text))
    }

    /// Accepts a request whose signature was verified, once.
    fn remember(&self, claims: &Claims<'_>, now: u64) -> Result<Hotkey, AuthError> {
        self.replays.lock().insert(claims.key, claims.nanoseconds, now).map_err(|refused| match refused {
            Refused::Seen => AuthError::Replayed,
            Refused::Full => AuthError::Flooded,
        })?;
        Ok(claims.key)
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier").field("receiver", &self.receiver).finish_non_exhaustive()
    }
}

// === impl Claims ===

impl<'a> Claims<'a> {
    fn of(headers: &'a HeaderMap) -> Option<Self> {
        if required(headers, &VERSION)? != "1" {
            return None;
        }
        let scheme = match optional(headers, &CRYPTO)? {
            None => Scheme::Sr25519,
            Some(name) => Scheme::parse(name)?,
        };
        let sender = required(headers, &HOTKEY)?;
        let nonce = required(headers, &NONCE)?;
        if nonce.len() > 20 || !nonce.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let mut signature = [0; 64];
        hex::decode_to_slice(required(headers, &SIGNATURE)?.strip_prefix("0x")?, &mut signature).ok()?;
        Some(Self {
            scheme,
            sender,
            key: keystore::parse_ss58(sender)?,
            receiver: optional(headers, &RECEIVER)?,
            nonce,
            nanoseconds: nonce.parse().ok()?,
            signature,
        })
    }
}

fn required<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    optional(headers, name)?
}

/// `None` when the header is there twice or is not text; `Some(None)` when it is not there.
fn optional<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Option<&'a str>> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Some(None),
        (Some(value), None) => Some(Some(value.to_str().ok()?)),
        (Some(_), Some(_)) => None,
    }
}

/// The headers that prove to `receiver` that `key` sends this body to this target now.
///
/// `target` is the path with its query, exactly as it is sent.
#[must_use]
pub fn sign(key: &Keypair, method: &str, target: &str, body: &[u8], receiver: &Hotkey, now: SystemTime) -> HeaderMap {
    let (scheme, sender) = (key.scheme(), key.address());
    let (receiver, nonce) = (ss58(receiver), nanoseconds(now).to_string());
    let signed = Signed { scheme, method, target, body, nonce: &nonce, sender, receiver: &receiver };
    let signature = format!("0x{}", hex::encode(key.sign(signed.text().as_bytes())));
    let mut headers = HeaderMap::with_capacity(6);
    headers.insert(VERSION, HeaderValue::from_static("1"));
    if scheme != Scheme::default() {
        headers.insert(CRYPTO, HeaderValue::from_static(scheme.name()));
    }
    for (name, value) in [(HOTKEY, sender), (NONCE, &nonce), (SIGNATURE, &signature), (RECEIVER, &receiver)] {
        // Addresses, digits and hex are always valid header values.
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    headers
}

impl Signed<'_> {
    fn text(&self) -> String {
        let Self { scheme, method, target, body, nonce, sender, receiver } = self;
        let (method, body) = (method.to_ascii_uppercase(), hex::encode(Sha256::digest(body)));
        ["btauth/1", scheme.name(), &method, target, &body, nonce, sender, receiver].join("\n")
    }
}

/// Nanoseconds since the Unix epoch; 0 before it, and the last u64 after the year 2554.
fn nanoseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
