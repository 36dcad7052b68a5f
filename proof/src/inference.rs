//! What a sampled answer is derived from and bound by. `PROTOCOL.md`, "Seeded sampling".
//!
//! A caller sends a nonce, never a seed. The miner that answers derives the seed from the nonce *and its own hotkey*,
//! so an answer that another miner computed for the same nonce is worth nothing to it.

use incentive::units::{Hotkey, NetUid};

use crate::digest::{Digest, derive};

/// The name of the rule by which tokens are chosen, as answers carry it.
pub const SAMPLER: &str = "gumbel-chacha8-1";

/// The smallest temperature besides 0: below, no f32 logit may grow beyond all bounds when divided by it.
pub const MIN_TEMPERATURE: f32 = 0.01;

/// What a request says about sampling, as far as tokens depend on it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Params {
    /// 0 takes the largest logit.
    pub temperature: f32,
    /// Keeps the first so many; 0 keeps all.
    pub top_k: u32,
    /// Keeps the first whose probability reaches this sum; 1 keeps all.
    pub top_p: f32,
    /// Taken from the logit of every token that the answer has.
    pub presence_penalty: f32,
    /// Taken from it for each time that the answer has it.
    pub frequency_penalty: f32,
}

/// A parameter that no sampler takes.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("{name} is {value}; it must be {range}")]
pub struct ParamsError {
    /// As requests name it.
    pub name: &'static str,
    /// What was given.
    pub value: f32,
    /// What is admitted, in words.
    pub range: &'static str,
}

impl Params {
    /// The largest logit, nothing else.
    pub const GREEDY: Self =
        Self { temperature: 0.0, top_k: 0, top_p: 1.0, presence_penalty: 0.0, frequency_penalty: 0.0 };

    /// Whether every parameter is in its range.
    ///
    /// # Errors
    /// Names the first that is not.
    pub fn check(&self) -> Result<(), ParamsError> {
        let temperature = self.temperature == 0.0 || (MIN_TEMPERATURE..=2.0).contains(&self.temperature);
        let top_p = self.top_p > 0.0 && self.top_p <= 1.0;
        let penalty = |value| (-2.0..=2.0).contains(&value);
        for (holds, name, value, range) in [
            (temperature, "temperature", self.temperature, "0, or from 0.01 to 2"),
            (top_p, "top_p", self.top_p, "above 0 and at most 1"),
            (penalty(self.presence_penalty), "presence_penalty", self.presence_penalty, "from -2 to 2"),
            (penalty(self.frequency_penalty), "frequency_penalty", self.frequency_penalty, "from -2 to 2"),
        ] {
            if !holds {
                return Err(ParamsError { name, value, range });
            }
        }
        Ok(())
    }

    /// 20 bytes: five words in the order of the fields, floats by their bits. The two zeros are one value.
    fn encode(&self) -> [u8; 20] {
        let bits = |value: f32| (value + 0.0).to_bits();
        let words = [
            bits(self.temperature),
            self.top_k,
            bits(self.top_p),
            bits(self.presence_penalty),
            bits(self.frequency_penalty),
        ];
        let mut bytes = [0; 20];
        for (to, word) in bytes.chunks_exact_mut(4).zip(words) {
            to.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }
}

/// What is asked: token ids of the prompt, and how to go on. The number of tokens asked for is no part of it, so that a
/// shorter answer is the beginning of a longer one.
#[must_use]
pub fn request_digest(prompt: &[u32], params: &Params) -> Digest {
    derive("assay inference request v1", &[&params.encode(), &ids(prompt)])
}

/// The key of the noise under which the miner `own` samples its answer to `caller` (zeros for one without hotkey).
#[must_use]
pub fn seed(
    genesis: &[u8; 32],
    netuid: NetUid,
    caller: &Hotkey,
    own: &Hotkey,
    nonce: &[u8; 32],
    request: &Digest,
) -> Digest {
    derive("assay inference seed v1", &[genesis, &netuid.0.to_le_bytes(), &caller.0, &own.0, nonce, request])
}

/// The nonce of the answer number `index`, where one request asks for several. The first has the request's own.
#[must_use]
pub fn choice_nonce(nonce: &[u8; 32], index: u32) -> [u8; 32] {
    if index == 0 { *nonce } else { derive("assay inference choice v1", &[nonce, &index.to_le_bytes()]) }
}

/// The nonce that stands for the integer `seed` of the OpenAI API: the same caller gets the same answer from the same
/// miner.
#[must_use]
pub fn nonce_of_seed(seed: i64) -> [u8; 32] {
    derive("assay inference integer v1", &[&seed.to_le_bytes()])
}

/// Binds the tokens of an answer in their order, and through the seed to the question. Its head travels with every part
/// of a stream: who sent it cannot give the tokens before another value later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenChain {
    head: Digest,
}

impl TokenChain {
    /// The chain before the first token.
    #[must_use]
    pub fn new(seed: &Digest) -> Self {
        Self { head: derive("assay inference chain v1", &[seed]) }
    }

    /// Takes the next token and returns the head after it.
    pub fn push(&mut self, id: u32) -> Digest {
        self.head = derive("assay inference chain v1", &[&self.head, &id.to_le_bytes()]);
        self.head
    }

    /// The head after the last token.
    #[must_use]
    pub const fn head(&self) -> &Digest {
        &self.head
    }
}

impl Extend<u32> for TokenChain {
    fn extend<I: IntoIterator<Item = u32>>(&mut self, ids: I) {
        for id in ids {
            self.push(id);
        }
    }
}

fn ids(ids: &[u32]) -> Vec<u8> {
    ids.iter().flat_map(|id| id.to_le_bytes()).collect()
}
