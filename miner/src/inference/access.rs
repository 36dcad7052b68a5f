//! Who may call: a validator with a permit by its signature, the holder of an API key, or anybody where the operator says so.

use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context as _, Result, ensure};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use incentive::units::Hotkey;
use neuron_common::auth::Verifier;
use neuron_common::chain::Snapshot;
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;

use super::openai::ApiError;
use crate::view::View;

/// More than any list of keys.
const MAX_FILE_BYTES: u64 = 1024 * 1024;
/// Rao of one TAO, or of one alpha.
const RAO: u64 = 1_000_000_000;
/// Every party has at least this part of the largest stake, one in so many, so that nobody starves.
const LEAST: u64 = 100;

/// Among whom slots are shared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Party {
    /// One validator.
    Validator(Hotkey),
    /// All holders of API keys together.
    Keys,
    /// All callers without either.
    Anyone,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// As whom it shares.
    pub party: Party,
    /// What its share is proportional to.
    pub weight: u64,
}

/// What a request claims before its body is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// To be signed, which is known only with the body.
    Signed,
    /// A key that is known.
    Key,
    /// Nothing, where nothing is needed.
    Nothing,
}

/// Who is let in.
#[derive(Debug)]
pub struct Access {
    verifier: Verifier,
    view: watch::Receiver<View>,
    keys: Keys,
    anyone: bool,
    /// The stake that the holders of keys, and anybody, share as.
    stake: u64,
}

/// SHA-256 digests of the keys; the keys themselves are nowhere.
#[derive(Clone, Default)]
pub struct Keys(Vec<[u8; 32]>);

// === impl Caller ===

impl Caller {
    /// The hotkey that the seed is derived for; zeros for a caller without.
    #[must_use]
    pub const fn hotkey(&self) -> Hotkey {
        match self.party {
            Party::Validator(hotkey) => hotkey,
            Party::Keys | Party::Anyone => Hotkey([0; 32]),
        }
    }
}

// === impl Access ===

impl Access {
    /// Lets in validators of the subnet that sign for `own`, the holders of keys, and everybody if `anyone`. `stake` in
    /// TAO.
    #[must_use]
    pub fn new(own: Hotkey, view: watch::Receiver<View>, keys: Keys, anyone: bool, stake: u64) -> Self {
        Self { verifier: Verifier::new(own), view, keys, anyone, stake: stake.saturating_mul(RAO) }
    }

    /// What can be said before the body is read, so that a stranger's body never is.
    ///
    /// # Errors
    /// 401 if there is neither a signature nor a key, or the key is unknown.
    pub fn claim(&self, headers: &HeaderMap) -> Result<Claim, ApiError> {
        if headers.contains_key("x-bittensor-signature") {
            return Ok(Claim::Signed);
        }
        match bearer(headers) {
            Some(key) if self.keys.contains(key) => Ok(Claim::Key),
            _ if self.anyone => Ok(Claim::Nothing),
            Some(_) if self.keys.0.is_empty() => Err(ApiError::unauthorized(
                "invalid_api_key",
                "this miner takes no API keys; sign requests with a validator's hotkey (btauth/1)",
            )),
            Some(_) => Err(ApiError::unauthorized("invalid_api_key", "incorrect API key")),
            None => Err(ApiError::unauthorized(
                "missing_credentials",
                "sign the request with a validator's hotkey (btauth/1), or send `Authorization: Bearer KEY`",
            )),
        }
    }

    /// Who asks, once the body is there.
    ///
    /// # Errors
    /// 401 if a signature is not believed, 403 without permit.
    pub fn caller(&self, claim: Claim, head: &Parts, body: &[u8]) -> Result<Caller, ApiError> {
        let snapshot = std::sync::Arc::clone(&self.view.borrow().snapshot);
        let shared = |party| Caller { party, weight: weight(self.stake, &snapshot) };
        match claim {
            Claim::Key => Ok(shared(Party::Keys)),
            Claim::Nothing => Ok(shared(Party::Anyone)),
            Claim::Signed => {
                let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
                let hotkey =
                    self.verifier.verify(head.method.as_str(), target, &head.headers, body, SystemTime::now())?;
                let neuron = snapshot.neuron(&hotkey).filter(|neuron| neuron.validator_permit);
                let neuron = neuron.ok_or_else(ApiError::no_permit)?;
                Ok(Caller { party: Party::Validator(hotkey), weight: weight(neuron.stake.0, &snapshot) })
            }
        }
    }
}

fn weight(stake: u64, snapshot: &Snapshot) -> u64 {
    let validators = snapshot.neurons.iter().filter(|neuron| neuron.validator_permit);
    let most = validators.map(|neuron| neuron.stake.0).max().unwrap_or(0);
    stake.max(most / LEAST).max(1)
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, key) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| key.trim_ascii())
}

// === impl Keys ===

impl Keys {
    /// Reads digests as `sha256sum` prints them, one a line: 64 hex digits, and whatever follows as a name. Empty lines and
    /// lines that begin with `#` are skipped.
    ///
    /// # Errors
    /// Names the file and the line.
    pub fn load(path: &Path) -> Result<Self> {
        let named = || format!("`inference.api_keys_file` {}", path.display());
        let length = std::fs::metadata(path).with_context(named)?.len();
        ensure!(length <= MAX_FILE_BYTES, "{} is larger than any list of keys", named());
        Self::parse(&std::fs::read_to_string(path).with_context(named)?).with_context(named)
    }

    /// [`Keys::load`] from text.
    ///
    /// # Errors
    /// Names the line, never what stands in it: it may be a key by mistake.
    pub fn parse(text: &str) -> Result<Self> {
        let mut keys = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let digits = line.split_whitespace().next().unwrap_or_default();
            let mut digest = [0; 32];
            hex::decode_to_slice(digits, &mut digest).ok().with_context(|| {
                format!("line {number} is no SHA-256 digest; write `printf %s KEY | sha256sum`, not the key")
            })?;
            keys.push(digest);
        }
        Ok(Self(keys))
    }

    /// Whether a key is one of these. Takes as long whichever it is, and whether it is.
    fn contains(&self, key: &[u8]) -> bool {
        let digest: [u8; 32] = Sha256::digest(key).into();
        let differs = |known: &[u8; 32]| known.iter().zip(digest).fold(0, |bits, (a, b)| bits | (a ^ b));
        self.0.iter().fold(false, |found, known| found | (std::hint::black_box(differs(known)) == 0))
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keys({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_by_their_digest_alone() {
        // `printf %s abc | sha256sum`, FIPS 180-2.
        let line = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  -";
        let keys = Keys::parse(&format!("# the first\n\n{line}\n")).unwrap();
        assert!(
            keys.contains(b"abc") && !keys.contains(b"abd") && !keys.contains(b"") && !Keys::default().contains(b"")
        );
        assert_eq!(format!("{keys:?}"), "Keys(1)");
    }

    #[test]
    fn a_key_in_the_file_is_an_error_that_does_not_show_it() {
        let error = format!("{:#}", Keys::parse("# keys\nsk-secret\n").unwrap_err());
        assert!(error.contains("line 2") && !error.contains("secret"), "{error}");
    }

    #[test]
    fn a_bearer_is_read_as_clients_send_it() {
        let with = |value: &'static str| HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())]);
        assert_eq!(bearer(&with("Bearer abc")), Some(&b"abc"[..]));
        assert_eq!(bearer(&with("bearer abc ")), Some(&b"abc"[..]));
        for other in ["Basic abc", "Bearer", "abc", ""] {
            assert_eq!(bearer(&with(other)), None, "{other}");
        }
    }
}
