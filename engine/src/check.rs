//! Was this answer chosen by this model? One prefill over prompt and answer tells for every token how far it was from
//! being chosen under the seed.
//!
//! Two honest machines add the same numbers in another order, so their logits differ in the last bits and, once in some
//! hundred tokens, so does the choice; the difference of scores is then small. A margin says how small. It is given in
//! logits (score times temperature), because that is what rounding disturbs, whatever the temperature. The prefill is
//! the checker's own sequence: the token that was sent stands in it, not the one that should have been, so that one
//! fault does not make all that follow look wrong.
//!
//! # Top-k and top-p
//! A token at the edge of the cut may be kept by one side and excluded by the other. The edge is taken where, within
//! [`EDGE`], it is kindest to the token; one that is excluded even then has no margin.
//!
//! # Ends
//! An end token is chosen like any other, so its faults are margins too:
//! - *too early*: an end token was sent and another was right: [`Placed::end`] with a large margin;
//! - *passed over*: an end token was right and another was sent: [`Placed::end_margin`] 0 with a large margin;
//! - *sent on*: tokens follow an end token: [`Placed::end`] before the last place;
//! - *broken off*: the answer has fewer tokens than were asked for and its last is no end token. No margin tells: the
//!   caller knows how many were asked for, and which texts stop an answer.

mod speed;

use rayon::prelude::*;

pub use speed::{Speed, speed};

use crate::generation::Sampling;
use crate::model::{Decoder, ModelError, Output, Segment, Want};
use crate::sampler::{Row, SamplerError, place, probability};

/// How far two honest machines may see the difference of two logits apart, in logits, before the edge of top-k and top-p
/// is no excuse. On small models, 0.1 left no honest token of transformers in bf16 excluded, and 0 left 23 of 30,000.
pub const EDGE: f32 = 0.25;

/// Bytes of logits that are held at once; a pass makes as many again.
const LOGITS: usize = 32 << 20;
/// Rows of a piece at most: more gain nothing.
const ROWS: usize = 240;

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
#[derive(Clone, Debug, Default, PartialEq)]
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
    /// The same of the best end token: 0 where the checker would have ended the answer here. `None` where none is possible.
    pub end_margin: Option<f32>,
    /// Log probability under the checker's raw logits.
    pub logprob: f32,
    /// The largest log probability at this place.
    pub best_logprob: f32,
    /// Whether it is one of the tokens that end an answer.
    pub end: bool,
}

impl Placed {
    /// Whether an answer ends here on one side at least: an end token was sent, or would have been right.
    #[must_use]
    pub fn ending(&self) -> bool {
        self.end || self.end_margin == Some(0.0)
    }
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

/// Computes prompt and answer in one pass, in pieces of bounded memory, in `slot`, which is emptied before and holds them
/// after, all but the last token.
///
/// # Errors
/// See [`CheckError`].
pub fn check(decoder: &mut dyn Decoder, slot: usize, claim: &Claim<'_>) -> Result<Checked, CheckError> {
    let rows = (LOGITS / 4 / decoder.info().vocabulary.max(1)).clamp(1, ROWS);
    in_pieces(decoder, slot, claim, rows)
}

/// [`check`], at most so many rows of logits at once.
fn in_pieces(decoder: &mut dyn Decoder, slot: usize, claim: &Claim<'_>, rows: usize) -> Result<Checked, CheckError> {
    refuse(decoder, slot, claim)?;
    decoder.truncate(slot, 0);
    let (prompt, last) = claim.prompt.split_at(claim.prompt.len() - 1);
    if !prompt.is_empty() {
        decoder.forward(&[Segment { slot, ids: prompt, want: Want::Nothing }])?;
    }
    // The row of a token decides the next one.
    let ids = [last, &claim.answer[..claim.answer.len() - 1]].concat();
    let mut checked = Checked::default();
    for ids in ids.chunks(rows) {
        let outputs = decoder.forward(&[Segment { slot, ids, want: Want::All }])?;
        let output = outputs.into_iter().next().unwrap_or_default();
        judge(claim, decoder.info().vocabulary, ids.len(), &output, &mut checked)?;
    }
    Ok(checked)
}

/// What cannot be a sequence of this model is no reason to compute anything.
fn refuse(decoder: &dyn Decoder, slot: usize, claim: &Claim<'_>) -> Result<(), CheckError> {
    let info = decoder.info();
    let tokens = claim.prompt.len().saturating_add(claim.answer.len());
    let mut ids = claim.prompt.iter().chain(claim.answer);
    let problem = if claim.prompt.is_empty() {
        "the prompt is empty".to_owned()
    } else if claim.answer.is_empty() {
        "the answer is empty".to_owned()
    } else if tokens > info.context {
        format!("prompt and answer have {tokens} tokens and the model's context is {}", info.context)
    } else if let Some(id) = ids.find(|id| **id as usize >= info.vocabulary) {
        format!("{id} is no token of this model, which has {}", info.vocabulary)
    } else if slot >= decoder.slots() {
        format!("there is no slot {slot} among {}", decoder.slots())
    } else {
        return claim.sampling.params().check().map_err(|error| CheckError::Sampler(error.into()));
    };
    Err(CheckError::Claim(problem))
}

/// Places the next tokens of the answer by their rows.
fn judge(
    claim: &Claim<'_>,
    vocabulary: usize,
    rows: usize,
    output: &Output,
    checked: &mut Checked,
) -> Result<(), CheckError> {
    if output.logits.len() != rows * vocabulary {
        return Err(SamplerError::Empty(output.logits.len()).into());
    }
    let first = checked.tokens.len();
    let placed: Result<Vec<_>, _> =
        output.logits.par_chunks(vocabulary).enumerate().map(|(row, logits)| one(claim, first + row, logits)).collect();
    checked.tokens.extend(placed?);
    if claim.hidden {
        checked.hidden.extend(output.hidden.iter().map(|value| half::bf16::from_f32(*value).to_bits()));
    }
    Ok(())
}

/// Places token number `index` of the answer.
fn one(claim: &Claim<'_>, index: usize, logits: &[f32]) -> Result<Placed, SamplerError> {
    let (token, temperature) = (claim.answer[index], claim.sampling.temperature);
    let row = Row::new(logits, &claim.answer[..index], (claim.prompt.len() + index) as u64);
    let place = place(&row, claim.sampling, token, claim.stop, EDGE)?;
    let in_logits = |margin: f32| if temperature == 0.0 { margin } else { temperature * margin };
    let (logprob, best_logprob) = probability::own_and_best(logits, token);
    Ok(Placed {
        margin: place.margin.map(in_logits),
        end_margin: place.end.map(in_logits),
        logprob,
        best_logprob,
        end: claim.stop.contains(&token),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Config, LoadOptions, Precision, random};

    #[test]
    fn the_size_of_pieces_does_not_matter() {
        let shape = serde_json::json!({
            "model_type": "llama", "vocab_size": 90, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
            "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512,
        });
        let config = Config::from_json(&shape).expect("a shape");
        let options = LoadOptions { precision: Some(Precision::Q8_0), ..LoadOptions::default() };
        let mut decoder = random(&config, 3, &options).expect("it fits");
        let ids: Vec<u32> = (0..300).map(|at| (at * at * 7 + at) % 90).collect();
        let (prompt, answer) = ids.split_at(40);
        let sampling = Sampling {
            temperature: 0.8,
            top_k: 30,
            top_p: 0.9,
            presence_penalty: 0.1,
            frequency_penalty: 0.2,
            seed: [4; 32],
        };
        let claim = Claim { prompt, answer, sampling: &sampling, stop: &[1, 2], hidden: true };
        let whole = in_pieces(&mut *decoder, 0, &claim, 1000).expect("a sound claim");
        assert_eq!((whole.tokens.len(), whole.hidden.len()), (260, 260 * 64));
        for rows in [1, 7, 64, 240] {
            assert!(in_pieces(&mut *decoder, 0, &claim, rows).expect("a sound claim") == whole, "{rows}");
        }
        assert!(check(&mut *decoder, 0, &claim).expect("a sound claim") == whole);
    }
}
