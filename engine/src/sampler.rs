//! Which token comes next: Gumbel-max under a seed, so that anybody who has the logits can say which token was right.
//! The rule is `PROTOCOL.md`, "Seeded sampling"; whoever serves and whoever checks run these functions.
//!
//! In the order in which they act: `scale` (penalties, temperature), `cut` (top-k, top-p), `noise` (the seed's word for
//! each token), `contest` (the largest sum). [`mod@probability`] is beside them: what is reported, not what is chosen
//! by.
//!
//! The rule speaks of every token; the work is done only for those that can win. Where that is done, it is exact: a
//! bound decides, and where a bound cannot, the rule itself.

mod contest;
mod cut;
mod noise;
mod place;
pub mod probability;
mod scale;

use proof::inference::ParamsError;

use crate::generation::Sampling;
pub use noise::{Noise, gumbel};
pub use place::{Place, place};

/// Logits at one place of a sequence.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// One for each token id.
    pub logits: &'a [f32],
    /// The tokens of the answer before this place; penalties count them.
    pub answer: &'a [u32],
    /// Index of the token to choose in prompt and answer, from 0.
    pub position: u64,
    /// Rows of the model's logits with padding, as its configuration has it; never fewer than `logits`.
    pub vocabulary: usize,
}

impl<'a> Row<'a> {
    /// A row that is whole.
    #[must_use]
    pub const fn new(logits: &'a [f32], answer: &'a [u32], position: u64) -> Self {
        Self { logits, answer, position, vocabulary: logits.len() }
    }
}

/// The token that the rule chooses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    /// Its id.
    pub id: u32,
    /// What it won with: scaled logit and noise; at temperature 0 the logit.
    pub score: f32,
}

/// Why no token can be chosen.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SamplerError {
    /// The model computed something that is no logit.
    #[error("the logit of token {id} is {value}")]
    Logit {
        /// The first such token.
        id: u32,
        /// NaN or positive infinity.
        value: f32,
    },
    /// No logits, more than the vocabulary has, or none above negative infinity.
    #[error("no token is possible among {0} logits")]
    Empty(usize),
    /// A parameter out of its range.
    #[error(transparent)]
    Params(#[from] ParamsError),
}

/// Chooses the next token.
///
/// # Errors
/// When a parameter is out of range, or the logits are none.
pub fn choose(row: &Row<'_>, sampling: &Sampling) -> Result<Choice, SamplerError> {
    let mut scaled = scale::scale(row, sampling)?;
    if sampling.temperature == 0.0 {
        let id = scale::first(&scaled.z, scaled.max);
        return Ok(Choice { id, score: scaled.max });
    }
    if let Some(kept) = cut::cut(&scaled, sampling) {
        scaled.keep(&kept);
    }
    Ok(contest::winner(&scaled, &Noise::new(&sampling.seed, row.position, row.vocabulary)))
}

/// How far `token` is from being chosen: the score of the chosen one less its own, 0 for the chosen one, `None` where
/// top-k or top-p excludes it (at temperature 0 they exclude nothing), its logit is negative infinity, or it is no token.
///
/// # Errors
/// As [`choose`].
pub fn margin(row: &Row<'_>, sampling: &Sampling, token: u32) -> Result<Option<f32>, SamplerError> {
    Ok(place(row, sampling, token, &[], 0.0)?.margin)
}

/// The tokens that top-k and top-p leave, ascending; all where they exclude none.
///
/// # Errors
/// As [`choose`].
pub fn kept(row: &Row<'_>, sampling: &Sampling) -> Result<Vec<u32>, SamplerError> {
    let scaled = scale::scale(row, sampling)?;
    let mut kept = cut::cut(&scaled, sampling).unwrap_or_else(|| scaled.ids().collect());
    kept.sort_unstable();
    Ok(kept)
}

#[cfg(test)]
mod tests;
