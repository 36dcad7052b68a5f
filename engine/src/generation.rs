//! What is asked of a model, and what comes back. Speaks in token ids; text is the business of [`crate::text`].

use proof::inference::Params;
use tokio::sync::mpsc;

/// One sequence to generate.
#[derive(Clone, Debug, PartialEq)]
pub struct Generation {
    /// The prompt, not empty.
    pub prompt: Vec<u32>,
    /// How the next token is chosen.
    pub sampling: Sampling,
    /// Most tokens of the answer.
    pub max_tokens: usize,
    /// Tokens that end the answer; the one that ends it is part of it.
    pub stop: Vec<u32>,
    /// How many alternatives are reported for each token.
    pub top_logprobs: usize,
    /// Whether each token comes with the state from which it was chosen, for a fingerprint.
    pub states: bool,
}

/// How the next token is chosen, as PROTOCOL.md ("Seeded sampling") fixes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampling {
    /// 0 takes the largest logit.
    pub temperature: f32,
    /// Keeps the first so many; 0 keeps all.
    pub top_k: usize,
    /// Keeps the first whose probability reaches this sum; 1 keeps all.
    pub top_p: f32,
    /// Taken from the logit of every token that the answer has.
    pub presence_penalty: f32,
    /// Taken from it for each time that the answer has it.
    pub frequency_penalty: f32,
    /// Key of the noise.
    pub seed: [u8; 32],
}

impl Sampling {
    /// These parameters under this seed.
    #[must_use]
    pub const fn seeded(params: &Params, seed: [u8; 32]) -> Self {
        Self {
            temperature: params.temperature,
            top_k: params.top_k as usize,
            top_p: params.top_p,
            presence_penalty: params.presence_penalty,
            frequency_penalty: params.frequency_penalty,
            seed,
        }
    }

    /// The parameters; a `top_k` beyond any vocabulary keeps all either way.
    #[must_use]
    pub fn params(&self) -> Params {
        Params {
            temperature: self.temperature,
            top_k: u32::try_from(self.top_k).unwrap_or(u32::MAX),
            top_p: self.top_p,
            presence_penalty: self.presence_penalty,
            frequency_penalty: self.frequency_penalty,
        }
    }
}

/// One token of the answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// Its id.
    pub id: u32,
    /// Log probability under the raw logits: no temperature, no cut, no penalty.
    pub logprob: f32,
    /// The most probable tokens and their log probabilities, as many as asked for.
    pub top: Vec<(u32, f32)>,
}

/// What a generation says as it goes on.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The next token.
    Token {
        /// Which.
        token: Token,
        /// The last hidden state, after the final norm, from which it was chosen: bf16 patterns. Empty unless asked for.
        state: Vec<u16>,
    },
    /// The last event.
    End(Finish),
}

/// Why a generation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// A stop token came.
    Stop,
    /// `max_tokens` or the context is used up.
    Length,
}

/// Why there is no answer, or no more of it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum GenerationError {
    /// The prompt leaves no room for an answer.
    #[error("the prompt has {prompt} tokens and the model's context is {context}")]
    Context {
        /// Tokens of the prompt.
        prompt: usize,
        /// Longest sequence.
        context: usize,
    },
    /// The request is none that any model could serve: an empty prompt, an id that is no token, a parameter out of range.
    #[error("{0}")]
    Invalid(String),
    /// As many as may wait are waiting already.
    #[error("too many requests are waiting")]
    Busy,
    /// The engine is shutting down.
    #[error("the engine is shutting down")]
    Closed,
    /// The reader was too far behind for too long; its slot went to others.
    #[error("the answer was read too slowly")]
    Slow,
    /// The model failed; the text is for the operator.
    #[error("the model failed: {0}")]
    Failed(String),
}

/// The events of one generation, ending with [`Event::End`] or an error. Dropping it cancels the generation and frees its slot
/// before the next step.
pub type Events = mpsc::Receiver<Result<Event, GenerationError>>;
