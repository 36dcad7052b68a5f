//! What models are paid for, and by which deadlines.

use std::fmt::Display;

use parity_scale_codec::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::rules::require;
use super::{PolicyError, WindowPolicy};
use crate::task::ModelDigest;

/// All of a subnet's weight, in the unit of shares.
pub(super) const WHOLE: u32 = 1000;

/// The part of the common window in which all miners answer at once, right after the compute part.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InferencePolicy {
    /// Milliseconds in which the load is raised, step by step, until goodput stops rising. Checked, not paid.
    ///
    /// A step finds an overload only if it is as long as the first tokens of an answer are due, and `streams_max` = 2^k
    /// takes about k + 10 of them.
    pub ramp_ms: u32,
    /// Milliseconds after them in which the load is held: what is paid is what arrives in them.
    ///
    /// Long against the spread of the starts, and long enough for a whole answer of every model: what counts is begun in
    /// it, so that prompts are read in it as often as in any other time.
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

impl InferencePolicy {
    /// The longest ramp, and the longest time that is paid.
    pub const MS_MAX: u32 = 600_000;
    /// The most answers of a hotkey at once: bounds a validator's memory and connections.
    pub const STREAMS_MAX: u32 = 4096;
    /// The shortest longest answer: in fewer tokens a cheat hides.
    pub const ANSWER_TOKENS_MIN: u32 = 16;
    /// The most tokens of an answer: bounds what is read and what is checked.
    pub const ANSWER_TOKENS_MAX: u32 = 4096;
    /// The most models: bounds tables, boards and records.
    pub const MODELS_MAX: usize = 32;

    /// Whether models can be measured this way after a window of these times.
    ///
    /// # Errors
    /// The first key whose value cannot work, with the remedy.
    pub fn validate(&self, window: &WindowPolicy) -> Result<(), PolicyError> {
        require(
            (100..=Self::MS_MAX).contains(&self.ramp_ms),
            "inference.ramp_ms",
            self.ramp_ms,
            "choose 100 to 600000 milliseconds",
        )?;
        require(
            (100..=Self::MS_MAX).contains(&self.hold_ms),
            "inference.hold_ms",
            self.hold_ms,
            "choose 100 to 600000 milliseconds",
        )?;
        // Exact division, so that no product can overflow: allowance ≤ hold / 10.
        require(
            window.allowance_ms <= self.hold_ms / 10,
            "inference.hold_ms",
            self.hold_ms,
            "choose at least ten times window.allowance_ms: who starts late gains or loses the delay",
        )?;
        require(
            (1..=Self::STREAMS_MAX).contains(&self.streams_max),
            "inference.streams_max",
            self.streams_max,
            "choose 1 to 4096 answers at once",
        )?;
        require(
            (Self::ANSWER_TOKENS_MIN..=Self::ANSWER_TOKENS_MAX).contains(&self.answer_tokens),
            "inference.answer_tokens",
            self.answer_tokens,
            "choose 16 to 4096 tokens: few of them prove little, many take long to check",
        )?;
        self.validate_models()
    }

    fn validate_models(&self) -> Result<(), PolicyError> {
        require(
            (1..=Self::MODELS_MAX).contains(&self.models.len()),
            "inference.models",
            self.models.len(),
            "list 1 to 32 models, or leave the table [inference] out",
        )?;
        let mut shares = 0_u64;
        for (index, model) in self.models.iter().enumerate() {
            model.validate(index)?;
            self.validate_times(model)?;
            let earlier = || self.models.iter().take(index);
            require(
                earlier().all(|other| other.id != model.id),
                "inference.models.id",
                &model.id,
                "list each model once: requests name it by its id",
            )?;
            require(
                earlier().all(|other| other.digest != model.digest),
                "inference.models.digest",
                model.of(model.digest),
                "list each model once: what has the same digest is the same model",
            )?;
            shares += u64::from(model.share);
        }
        require(
            shares <= u64::from(WHOLE),
            "inference.models.share",
            format_args!("{shares} (all together)"),
            "choose shares that add up to 1000 thousandths at most; compute has the rest",
        )
    }

    /// Whether the answers of a model fit into the ramp and the time that is paid.
    fn validate_times(&self, model: &ModelPolicy) -> Result<(), PolicyError> {
        require(
            model.first_ms <= self.ramp_ms,
            "inference.ramp_ms",
            model.of(self.ramp_ms),
            "choose at least the model's first_ms: answers must have begun before their tokens count",
        )?;
        let answer_us = u64::from(model.first_ms) * 1000 + u64::from(self.answer_tokens) * u64::from(model.token_us);
        require(
            answer_us <= u64::from(self.hold_ms) * 1000,
            "inference.hold_ms",
            model.of(self.hold_ms),
            "choose at least the time of a whole answer at its deadlines, first_ms + answer_tokens · token_us",
        )
    }
}

impl ModelPolicy {
    /// Most bytes of a name.
    pub const ID_MAX: usize = 128;
    /// Latest deadline of a first token.
    pub const FIRST_MS_MAX: u32 = 60_000;
    /// Most microseconds that a token of a prompt may add.
    pub const PROMPT_US_MAX: u32 = 100_000;
    /// Most microseconds between two deadlines.
    pub const TOKEN_US_MAX: u32 = 10_000_000;

    /// Whether this model can be asked for, timed and paid; `index` is its place in the list.
    fn validate(&self, index: usize) -> Result<(), PolicyError> {
        // Names go into requests, tables and logs as they are.
        let named = (1..=Self::ID_MAX).contains(&self.id.len()) && self.id.bytes().all(|byte| byte.is_ascii_graphic());
        require(
            named,
            "inference.models.id",
            format_args!("{} bytes (of model number {})", self.id.len(), index + 1),
            "choose 1 to 128 letters, digits and signs of ASCII, without spaces",
        )?;
        require(
            (1..=WHOLE).contains(&self.share),
            "inference.models.share",
            self.of(self.share),
            "choose 1 to 1000 thousandths, or leave the model out",
        )?;
        require(
            (1..=Self::FIRST_MS_MAX).contains(&self.first_ms),
            "inference.models.first_ms",
            self.of(self.first_ms),
            "choose 1 to 60000 milliseconds",
        )?;
        require(
            self.prompt_us <= Self::PROMPT_US_MAX,
            "inference.models.prompt_us",
            self.of(self.prompt_us),
            "choose at most 100000 microseconds",
        )?;
        require(
            (1..=Self::TOKEN_US_MAX).contains(&self.token_us),
            "inference.models.token_us",
            self.of(self.token_us),
            "choose 1 to 10000000 microseconds",
        )?;
        require(
            (1..=self.token_us).contains(&self.fastest_us),
            "inference.models.fastest_us",
            self.of(self.fastest_us),
            "choose 1 microsecond to token_us: what is in time cannot be too fast",
        )
    }

    /// A value with the model it belongs to.
    fn of(&self, value: impl Display) -> String {
        format!("{value} (of {})", self.id)
    }
}
