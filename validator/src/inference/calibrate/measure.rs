//! From answers to the margins of their tokens and the means of their blocks.

use anyhow::{Context as _, Result};
use engine::check::{Claim, Placed, check};
use engine::model::Decoder;
use incentive::evidence::Token;

use super::answers::Answer;

/// Margins of placed tokens as evidence takes them: micro-logits, to the nearest. An end that was passed over is as much an
/// end as one that was sent: either way the token beside it is what was wrong.
#[must_use]
pub fn tokens(placed: &[Placed]) -> Vec<Token> {
    let micro = |margin: f32| (f64::from(margin.max(0.0)) * 1e6).round() as u32;
    let end = |token: &Placed| token.end || token.end_margin == Some(0.0);
    placed.iter().map(|token| Token { margin: token.margin.map(micro), end: end(token) }).collect()
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
