//! The knobs of a subnet owner: what all neurons of a subnet must agree on.
//!
//! A policy is data. Validators and miners load the same one (a preset by name, or a file) and compare digests before
//! any work starts, so that a disagreement is an error message and not a wrong score.

use parity_scale_codec::{Decode, Encode};
use serde::{Deserialize, Deserializer, Serialize};

mod inference;
mod presets;
mod rules;
#[cfg(test)]
mod tests;

use crate::task::{ModelDigest, Task};

pub use inference::{InferencePolicy, ModelPolicy};

/// Everything the neurons of a subnet must agree on.
///
/// As text it is a version and TOML tables (`[window]`, `[compute]`, `[reputation]`, and `[inference]` where models are
/// paid); keys nobody knows are refused.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Layout of this structure. Only [`Policy::VERSION`] is understood; a text of version 1, which had no `[inference]`,
    /// reads as the same policy in this layout.
    #[serde(deserialize_with = "layout")]
    pub version: u32,
    /// When and for how long everybody works.
    pub window: WindowPolicy,
    /// The work itself.
    pub compute: ComputePolicy,
    /// How the verdicts of several windows become one score.
    pub reputation: ReputationPolicy,
    /// Which models are paid for; without it only compute is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inference: Option<InferencePolicy>,
}

/// When and for how long everybody works.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowPolicy {
    /// Length of a window in milliseconds, from the validator's request to the last root that counts, by its clock.
    ///
    /// Whoever shares one device between hotkeys, or starts late, gains or loses at most skew ÷ duration, so it is
    /// long against every delay of a network.
    pub duration_ms: u32,
    /// Milliseconds of a window that nobody is asked to work, the same for all: the way of a request and of the last
    /// root, the derivation of the weights, and the spread of the starts.
    ///
    /// A near miner can claim it too, so it is worth at most allowance ÷ duration and must stay a small part.
    pub allowance_ms: u32,
    /// Blocks at the end of a tempo in which no window opens: what is left for the window, the openings, the answers of
    /// models, the checks and the weight extrinsic before the epoch. See [`Policy::round_ms`].
    pub reserve_blocks: u32,
    /// Milliseconds from a request to open until the whole answer is there. Later counts as refused.
    ///
    /// A miner keeps leaf hashes only and computes the opened rows again, so this covers about `openings` rows.
    pub opening_deadline_ms: u32,
}

/// The work itself: chained rounds of exact integer matrix layers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComputePolicy {
    /// Columns and rows of a weight matrix (n).
    ///
    /// A multiple of 16, which tensor cores want, and at most [`ComputePolicy::WIDTH_MAX`], so that a sum in f32 is
    /// exact in any order.
    pub width: u32,
    /// Matrices that a row passes in one round (T). They cannot be merged: the function between them is not linear.
    pub layers: u32,
    /// Rows of a round (m), the leaves of its Merkle tree: a power of two. They parallelise, rounds do not.
    pub rows: u32,
    /// Rows that a validator draws from all rounds of a window and computes again (k), with replacement.
    ///
    /// A miner that computes the share f of its rows passes with probability f^k.
    pub openings: u32,
    /// Independent chains of one hotkey: at least two for each device that works, so that none idles between rounds.
    pub chains_max: u16,
    /// Rounds of one chain in one window that a validator counts; it bounds what a root stream may hold.
    pub rounds_max: u32,
}

/// How the verdicts of several windows become one score.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReputationPolicy {
    /// Windows whose median is the score; a window that earned nothing counts as 0. Never the best of several: that
    /// would pay for luck.
    pub windows: u32,
    /// Tempos for which a proven fraud earns nothing.
    pub fraud_tempos: u32,
}

/// A policy that cannot work, and what would.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("policy: {key} = {value}: {remedy}")]
pub struct PolicyError {
    /// The offending key, with its table.
    pub key: &'static str,
    /// Its value, and whose it is where a table is listed more than once.
    pub value: String,
    /// What to write instead, and why.
    pub remedy: &'static str,
}

impl Policy {
    /// What is measured: compute, then the models in their order.
    pub fn tasks(&self) -> impl Iterator<Item = Task> + '_ {
        std::iter::once(Task::Compute).chain(self.models().iter().map(|model| Task::Inference(model.digest)))
    }

    /// Whether a task is measured under this policy.
    #[must_use]
    pub fn has(&self, task: Task) -> bool {
        match task {
            Task::Compute => true,
            Task::Inference(digest) => self.model(&digest).is_some(),
        }
    }

    /// Thousandths of the subnet's weight that belong to a task: never more than 1000, 0 for one that is not in this policy.
    #[must_use]
    pub fn task_share(&self, task: Task) -> u32 {
        match task {
            Task::Compute => {
                self.models().iter().fold(inference::WHOLE, |left, model| left.saturating_sub(model.share))
            }
            Task::Inference(digest) => self.model(&digest).map_or(0, |model| model.share.min(inference::WHOLE)),
        }
    }

    /// What is paid for this model, if it is.
    #[must_use]
    pub fn model(&self, digest: &ModelDigest) -> Option<&ModelPolicy> {
        self.models().iter().find(|model| model.digest == *digest)
    }

    /// All models.
    #[must_use]
    pub fn models(&self) -> &[ModelPolicy] {
        self.inference.as_ref().map_or(&[], |inference| &inference.models)
    }

    /// Milliseconds from the opening of a window until the last answer can be in: the part of the reserve that asking takes,
    /// before anything is checked.
    #[must_use]
    pub fn round_ms(&self) -> u64 {
        let compute = u64::from(self.window.duration_ms) + u64::from(self.window.opening_deadline_ms);
        let inference =
            self.inference.as_ref().map_or(0, |inference| u64::from(inference.ramp_ms) + u64::from(inference.hold_ms));
        compute + inference
    }
}

/// Reads the number of a layout. Version 1 is a part of version 2, so one policy has one digest, however it is written.
fn layout<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let written = u32::deserialize(deserializer)?;
    Ok(if written == 1 { Policy::VERSION } else { written })
}

impl ComputePolicy {
    /// The widest matrix. Weights reach 2^7 and inputs 2^4, so n of their products reach 2^24 at n = 8192: up to there
    /// every partial sum is an integer that f32 holds exactly.
    pub const WIDTH_MAX: u32 = 8192;
    /// The largest round: leaf hashes of many rounds must fit a miner's memory.
    pub const ROWS_MAX: u32 = 1 << 20;
    /// The most layers of a round.
    pub const LAYERS_MAX: u32 = 1024;
    /// The most rows that may be opened: bounds the answer before it is decoded.
    pub const OPENINGS_MAX: u32 = 4096;
    /// The most chains of a hotkey: bounds a validator's memory.
    pub const CHAINS_MAX: u16 = 64;
    /// The most rounds of a chain: bounds a validator's memory.
    pub const ROUNDS_MAX: u32 = 4096;

    /// Operations of one round: every row meets n² weights in every layer, and a product and its sum are two.
    #[must_use]
    pub const fn operations_per_round(&self) -> u128 {
        let width = self.width as u128;
        // At most 2^1 · 2^32 · 2^32 · 2^64: saturating for hostile values, exact for valid ones.
        (2 * self.rows as u128).saturating_mul(self.layers as u128).saturating_mul(width * width)
    }
}
