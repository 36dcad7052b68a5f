//! Margins of tokens become certainty about a model: blocks of tokens, charts that remember, and the table of what is honest.
//!
//! Margins enter as whole micro-logits, so that everybody who has them gets the same bits.
//!
//! - [`Table`]: what honest answers look like
//! - [`Open`]: tokens become blocks
//! - [`Charts`]: blocks become evidence that is not forgotten
//! - [`judge`]: one checked answer

mod blocks;
mod charts;
mod judge;
mod table;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use blocks::{Open, clipped};
pub use charts::{Charts, Standing};
pub use judge::{Judgement, judge};
pub use table::TableError;

use crate::task::ModelDigest;

/// What honest answers of one model look like to one checker. Made by `validator calibrate`; a table is used for nothing
/// but what it was made for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Layout of this structure.
    pub version: u32,
    /// Whose answers; the digest covers weights, precision and tokenizer.
    pub model: ModelDigest,
    /// The rule by which tokens are chosen (`proof::inference::SAMPLER`).
    pub sampler: String,
    /// What computes the logits of the checking side: program, version, arithmetic.
    pub checker: String,
    /// One for each range of temperatures, ascending.
    pub strata: Vec<Stratum>,
    /// How far honest fingerprints lie apart; `None` where a fingerprint of constants would pass, and none is asked for.
    pub fingerprint: Option<FingerprintLimits>,
    /// The pairs of honest engines it was made from, and what they showed; for people.
    pub pairs: Vec<Pair>,
}

/// What holds for a range of temperatures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stratum {
    /// From this temperature, in thousandths.
    pub from: u32,
    /// Below this one.
    pub to: u32,
    /// Tokens of a block.
    pub block: u32,
    /// Honest blocks that it rests on.
    pub blocks: u32,
    /// The mean clipped margin of a block that honest ones exceed with the probability `false_positive_ppm` at most, in
    /// micro-logits.
    pub soft: u32,
    /// The mean clipped margin that no honest block reaches: over it the answer is rejected at once.
    pub hard: u32,
    /// Upper bound, with 95 % confidence, of the share of honest blocks over `soft`, in parts per million.
    pub false_positive_ppm: u32,
    /// Evidence of a block by its mean clipped margin: the last entry has no upper end.
    pub evidence: Vec<Bin>,
    /// The unclipped margin of an end of answer that no honest answer reaches, in micro-logits.
    pub end: u32,
}

/// Evidence of blocks whose mean clipped margin is at most `up_to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bin {
    /// Micro-logits; `u32::MAX` for the last.
    pub up_to: u32,
    /// Logarithm of how much more often the mildest cheat has such blocks than honest engines, in thousandths of a nat.
    pub weight: i32,
}

/// How far two honest fingerprints of the same tokens may lie apart (TOPLOC's metrics).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FingerprintLimits {
    /// Entries of the top k whose exponents differ.
    pub exponents: u32,
    /// Mean difference of the mantissas, in thousandths.
    pub mean: u32,
    /// Median difference of the mantissas.
    pub median: u32,
}

/// Two ways to compute the same honest answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// Which, such as `decode bf16 against prefill f32`.
    pub name: String,
    /// Blocks.
    pub blocks: u32,
    /// Share of tokens that agree, in parts per million.
    pub agreement_ppm: u32,
    /// Mean of the blocks' means, in micro-logits.
    pub mean: u32,
    /// The largest of them.
    pub largest: u32,
}

/// One checked token, as evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// How far it was from being chosen, in micro-logits (score difference times temperature), unclipped; `None` where
    /// top-k or top-p exclude it by more than the honest noise of their edge.
    pub margin: Option<u32>,
    /// How much less likely it is than the likeliest token there, before temperature and filters: the difference of their
    /// log probabilities in micro-nats.
    pub gap: u32,
    /// Whether the answer ends with it, or the token that would have been chosen instead ends an answer.
    pub end: bool,
}
