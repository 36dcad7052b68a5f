//! From answers to the margins of their tokens and the means of their blocks.

use anyhow::{Context as _, Result};
use engine::check::{Claim, Placed, check};
use engine::model::Decoder;
use incentive::evidence::Token;

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

/// The margins of an answer under the checker's logits.
///
/// # Errors
/// When the answer is none of this model, or the model fails.
pub fn margins(checker: &mut dyn Decoder, answer: &Answer, stop: &[u32]) -> Result<Vec<Token>> {
    let Answer { prompt, sampling, ids } = answer;
    let claim = Claim { prompt, answer: ids, sampling, stop, hidden: false };
    Ok(tokens(&check(checker, 0, &claim).context("an answer cannot be checked")?.tokens))
}
