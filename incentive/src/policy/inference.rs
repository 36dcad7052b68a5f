//! What models are paid for, and by which deadlines.

use parity_scale_codec::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::task::ModelDigest;

/// The part of the common window in which all miners answer at once, right after the compute part.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InferencePolicy {
    /// Milliseconds in which the load is raised, step by step, until goodput stops rising. Checked, not paid.
    pub ramp_ms: u32,
    /// Milliseconds after them in which the load is held: what is paid is what arrives in them.
    pub hold_ms: u32,
    /// The most answers that one hotkey is asked for at once, by all validators together; each validator asks for its share
    /// by stake.
    pub streams_max: u32,
    /// Most tokens of an answer to a probe.
    pub answer_tokens: u32,
    /// The models, each once.
    pub models: Vec<ModelPolicy>,
}

/// One model.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelPolicy {
    /// Its name in requests.
    pub id: String,
    /// What it is; a name alone would let a smaller one answer.
    pub digest: ModelDigest,
    /// Thousandths of the subnet's weight. What the models leave belongs to compute.
    pub share: u32,
    /// Milliseconds until the first token of an empty prompt is due; holds the way through the network, the same for all.
    pub first_ms: u32,
    /// Microseconds by which each token of the prompt delays that.
    pub prompt_us: u32,
    /// Microseconds from one token's deadline to the next.
    pub token_us: u32,
    /// Microseconds between two tokens of one answer that no device of the field beats: faster is paid as this, and looked at.
    pub fastest_us: u32,
    /// Whether answers must come with a fingerprint of their activations when it is asked for.
    pub fingerprint: bool,
}
