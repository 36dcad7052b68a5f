//! How many answers this machine computes again in a time: by doing it.

use std::time::{Duration, Instant};

use super::{CheckError, Claim, check};
use crate::generation::Sampling;
use crate::model::Decoder;

/// What was computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Speed {
    /// Tokens of prompts and answers.
    pub tokens: u64,
    /// Answers.
    pub answers: u32,
    /// In what time.
    pub elapsed: Duration,
}

impl Speed {
    /// Tokens of prompts and answers in a second, rounded down.
    #[must_use]
    pub fn per_second(&self) -> u64 {
        let tokens = u128::from(self.tokens) * 1_000_000_000;
        u64::try_from(tokens.checked_div(self.elapsed.as_nanos()).unwrap_or(0)).unwrap_or(u64::MAX)
    }
}

/// Checks made-up answers of `answer` tokens after prompts of `prompt` tokens (each at least one, shortened together to
/// what a slot holds) until `time` is over, one of them at least. Nothing of the first, which warms caches, is counted
/// unless it takes all the time.
///
/// What the tokens are changes no step of the computation.
///
/// # Errors
/// See [`CheckError`].
pub fn speed(decoder: &mut dyn Decoder, prompt: usize, answer: usize, time: Duration) -> Result<Speed, CheckError> {
    let (context, vocabulary) = (decoder.info().context, decoder.info().vocabulary);
    let answer = answer.clamp(1, (context / 2).max(1));
    let prompt = prompt.clamp(1, context.saturating_sub(answer).max(1));
    let ids = |salt: usize, count: usize| -> Vec<u32> {
        (0..count).map(|index| ((index * 7_919 + salt * 104_729) % vocabulary.max(1)) as u32).collect()
    };
    let sampling = Sampling {
        temperature: 1.0,
        top_k: 0,
        top_p: 1.0,
        presence_penalty: 0.0,
        frequency_penalty: 0.0,
        seed: [0; 32],
    };
    let (begin, mut counted, mut answers) = (Instant::now(), None, 0);
    loop {
        let (prompt, answer) = (ids(answers as usize, prompt), ids(answers as usize + 1, answer));
        let claim = Claim { prompt: &prompt, answer: &answer, sampling: &sampling, stop: &[], hidden: false };
        check(decoder, 0, &claim)?;
        answers += 1;
        if begin.elapsed() >= time {
            let first = u32::from(counted.is_some());
            let from = counted.unwrap_or(begin);
            answers -= first;
            let tokens = u64::from(answers) * (prompt.len() + answer.len()) as u64;
            return Ok(Speed { tokens, answers, elapsed: from.elapsed() });
        }
        counted = counted.or_else(|| Some(Instant::now()));
    }
}
