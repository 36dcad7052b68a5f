//! From answers to the margins of their tokens and the means of their blocks.

use anyhow::{Context as _, Result};
use engine::check::{Claim, Placed, check};
use engine::model::Decoder;
use incentive::evidence::Token;
use proof::fingerprint::{self, Distance};

use super::answers::Answer;

/// Placed tokens as evidence takes them: in millionths, to the nearest. An end that was passed over is as much an end as one
/// that was sent: either way the token beside it is what was wrong.
#[must_use]
pub fn tokens(placed: &[Placed]) -> Vec<Token> {
    let micro = |value: f32| (f64::from(value.max(0.0)) * 1e6).round() as u32;
    let one = |token: &Placed| Token {
        margin: token.margin.map(micro),
        gap: micro(token.best_logprob - token.logprob),
        end: token.end || token.end_margin == Some(0.0),
    };
    placed.iter().map(one).collect()
}

/// What the checker has found of an answer.
pub struct Seen {
    /// The margins.
    pub tokens: Vec<Token>,
    /// How far each of its fingerprints lies from the checker's own states.
    pub distances: Vec<Distance>,
    /// The checker's states, where the answer has fingerprints.
    pub states: Vec<u16>,
}

/// Checks an answer.
///
/// # Errors
/// When the answer is none of this model, or the model fails.
pub fn see(checker: &mut dyn Decoder, answer: &Answer, stop: &[u32]) -> Result<Seen> {
    let Answer { prompt, sampling, ids, fingerprints } = answer;
    let claim = Claim { prompt, answer: ids, sampling, stop, hidden: !fingerprints.is_empty() };
    let found = check(checker, 0, &claim).context("an answer cannot be checked")?;
    let width = checker.info().hidden;
    let distances = fingerprint::distances(fingerprints, &found.hidden, width, true).unwrap_or_default();
    Ok(Seen { tokens: tokens(&found.tokens), distances, states: found.hidden })
}
