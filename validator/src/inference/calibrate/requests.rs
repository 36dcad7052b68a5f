//! Requests of a calibration: text of our own, parameters as clients send them, all from one number.

use anyhow::{Context as _, Result};
use engine::generation::{Generation, Sampling};
use engine::text::Text;
use proof::inference::Params;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};
use serde_json::json;

use super::strata::Temperatures;

/// Text that prompts are cut from.
const PROSE: &str = include_str!("../../../../LICENSE");
/// Words of a prompt.
const WORDS: (u32, u32) = (4, 120);
/// Tokens of an answer: one block, so that no request counts more than once.
pub const ANSWER: usize = 64;

/// A source of requests that never ends and never repeats itself.
pub struct Requests<'a> {
    text: &'a Text,
    /// Tokens of prompt and answer together.
    context: usize,
    random: ChaCha8Rng,
    words: Vec<&'static str>,
}

impl<'a> Requests<'a> {
    /// Those of a purpose: no two purposes have a prompt or a seed in common.
    #[must_use]
    pub fn new(text: &'a Text, context: usize, purpose: &str, seed: u64) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("assay calibration requests v1");
        hasher.update(&seed.to_le_bytes()).update(purpose.as_bytes());
        let random = ChaCha8Rng::from_seed(*hasher.finalize().as_bytes());
        Self { text, context, random, words: PROSE.split_whitespace().collect() }
    }

    /// The next ones in a range of temperatures.
    ///
    /// # Errors
    /// When the tokenizer refuses its text, or the context has no room.
    pub fn take(&mut self, temperatures: &Temperatures, count: usize) -> Result<Vec<Generation>> {
        (0..count).map(|_| self.one(temperatures)).collect()
    }

    fn one(&mut self, temperatures: &Temperatures) -> Result<Generation> {
        let room = self.context.saturating_sub(ANSWER).min(4096);
        anyhow::ensure!(room >= 16, "a context of {} tokens is too short to calibrate; 80 are needed", self.context);
        let mut prompt = self.prompt()?;
        prompt.truncate(room);
        let params = self.params(temperatures);
        let mut seed = [0; 32];
        self.random.fill_bytes(&mut seed);
        Ok(Generation {
            prompt,
            sampling: Sampling::seeded(&params, seed),
            max_tokens: ANSWER,
            stop: self.text.stop_tokens().to_vec(),
            top_logprobs: 0,
            states: true,
        })
    }

    /// Half of them conversations, where the model has a template.
    fn prompt(&mut self) -> Result<Vec<u32>> {
        let count = self.between(WORDS) as usize;
        let start = self.between((0, (self.words.len() - count) as u32)) as usize;
        let mut words: Vec<&str> = self.words[start..start + count].to_vec();
        // A number makes it a text of its own.
        let (number, place) = (self.random.next_u32().to_string(), self.between((0, count as u32)) as usize);
        words.insert(place, &number);
        let text = words.join(" ");
        if self.text.has_template() && self.one_of(2) {
            return self.text.chat(&[json!({ "role": "user", "content": text })]).context("the chat template");
        }
        let ids = self.text.encode(&text, true).context("the tokenizer")?;
        anyhow::ensure!(!ids.is_empty(), "the tokenizer makes no tokens of {text:?}");
        Ok(ids)
    }

    /// Half of the requests cut nothing, as probes and clients mostly do.
    fn params(&mut self, temperatures: &Temperatures) -> Params {
        let steps = (temperatures.to - temperatures.from).div_ceil(50);
        let thousandths = (temperatures.from + 50 * self.between((0, steps))).min(temperatures.to - 1);
        let (mut top_p, mut top_k) = (1.0, 0);
        match self.random.next_u32() % 6 {
            0 => top_p = 0.9,
            1 => top_p = 0.95,
            2 => top_k = [20, 40, 50][(self.random.next_u32() % 3) as usize],
            _ => {}
        }
        let penalty = if self.one_of(6) { 0.5 } else { 0.0 };
        let presence = if self.one_of(6) { 0.5 } else { 0.0 };
        Params {
            temperature: thousandths as f32 / 1000.0,
            top_k,
            top_p,
            presence_penalty: presence,
            frequency_penalty: penalty,
        }
    }

    /// From the first to before the second.
    fn between(&mut self, (from, to): (u32, u32)) -> u32 {
        from + self.random.next_u32() % (to - from).max(1)
    }

    fn one_of(&mut self, count: u32) -> bool {
        self.random.next_u32().is_multiple_of(count)
    }
}
