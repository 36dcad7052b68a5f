//! The one door by which requests leave, whoever asks.

use proof::inference::nonce_of_seed;
use rand_chacha::rand_core::RngCore;
use serde_json::{Map, Value, json};

/// One request in so many asks for a fingerprint, where the model has them.
const FINGERPRINTS: u32 = 8;

/// A request on its way.
pub(super) struct Wrapped {
    pub body: Vec<u8>,
    pub nonce: [u8; 32],
    pub fingerprint: bool,
}

/// Names the model, asks for a stream and for what is needed to check the answer. A caller's own `seed` becomes the nonce, as
/// the miner would make it one.
pub(super) fn wrap(mut members: Map<String, Value>, model: &str, fingerprint: bool, rng: &mut impl RngCore) -> Wrapped {
    let mut nonce = [0; 32];
    rng.fill_bytes(&mut nonce);
    if let Some(seed) = members.remove("seed").as_ref().and_then(Value::as_i64) {
        nonce = nonce_of_seed(seed);
    }
    let fingerprint = fingerprint && rng.next_u32().is_multiple_of(FINGERPRINTS);
    let mut assay = json!({ "nonce": hex::encode(nonce), "token_ids": true });
    if fingerprint {
        assay["fingerprint"] = true.into();
    }
    members.insert("model".into(), model.into());
    members.insert("stream".into(), true.into());
    members.insert("assay".into(), assay);
    Wrapped { body: Value::Object(members).to_string().into_bytes(), nonce, fingerprint }
}

/// A user's request as a gateway that checks its traffic passes it on: the same members, and `assay` as in every probe. `None` if
/// it is no JSON object.
#[must_use]
pub fn as_organic(recorded: &str, model: &str, fingerprint: bool, rng: &mut impl RngCore) -> Option<Vec<u8>> {
    match serde_json::from_str(recorded).ok()? {
        Value::Object(members) => Some(wrap(members, model, fingerprint, rng).body),
        _ => None,
    }
}
