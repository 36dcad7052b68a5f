//! What answers: the engine of this process, or a server that speaks the OpenAI API. Speaks in text; carries token ids
//! wherever they are known, because only they can be checked.

use engine::generation::{Finish, Token};
use futures_util::future::BoxFuture;
use incentive::units::Hotkey;
use proof::fingerprint::Fingerprint;
use proof::inference::Params;
use tokio::sync::mpsc;

/// One model, wherever it runs.
pub trait Backend: Send + Sync + 'static {
    /// What it serves.
    fn model(&self) -> &Model;

    /// Begins to answer. Errors before the first delta are the result; later ones end the stream. Dropping the receiver
    /// cancels the work.
    fn complete(&self, request: Completion) -> BoxFuture<'_, Result<Deltas, BackendError>>;

    /// Embeds texts or token ids, one vector for each, or says that this model does not embed.
    fn embed(&self, inputs: Vec<Prompt>) -> BoxFuture<'_, Result<Embeddings, BackendError>>;
}

/// A model as `/v1/models` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// Its name in requests.
    pub id: String,
    /// The digest of weights, tokenizer, precision and quantisation; unknown where another server holds the model.
    pub digest: Option<[u8; 32]>,
    /// Longest sequence, prompt and answer.
    pub context: usize,
    /// Unix time of its loading.
    pub created: u64,
    /// What it does.
    pub kind: Kind,
    /// The rule by which it chooses tokens ([`proof::inference::SAMPLER`]); unknown where another server chooses by a rule of
    /// its own.
    pub sampler: Option<&'static str>,
    /// The name of its fingerprints ([`proof::fingerprint::FINGERPRINT`]); none where the hidden states are not at hand.
    pub fingerprint: Option<&'static str>,
}

/// What a model does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Continues text.
    #[default]
    Decoder,
    /// Turns text into vectors.
    Encoder,
}

/// What is continued or embedded.
#[derive(Clone, Debug, PartialEq)]
pub enum Prompt {
    /// A conversation: the `messages` of the request, for the model's chat template.
    Chat(Vec<serde_json::Value>),
    /// Text, tokenised as it is.
    Text(String),
    /// Token ids.
    Tokens(Vec<u32>),
}

/// A checked request for one answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Completion {
    /// What is continued.
    pub prompt: Prompt,
    /// See [`engine::generation::Sampling`]; the seed is derived from [`Completion::nonce`].
    pub temperature: f32,
    /// See there.
    pub top_k: usize,
    /// See there.
    pub top_p: f32,
    /// See there.
    pub presence_penalty: f32,
    /// See there.
    pub frequency_penalty: f32,
    /// Most tokens of the answer; what the context leaves, if absent.
    pub max_tokens: Option<usize>,
    /// Texts that end the answer and are not part of it.
    pub stop: Vec<String>,
    /// Whether the end-of-sequence token is passed over (a benchmark wants a fixed length).
    pub ignore_eos: bool,
    /// How many alternatives are reported for each token; `None` reports no log probabilities.
    pub logprobs: Option<usize>,
    /// Whether the answer comes with fingerprints of its activations, where the model has them.
    pub fingerprint: bool,
    /// Who asks; zeros for a caller without hotkey.
    pub caller: Hotkey,
    /// What the seed is derived from, with the caller, this miner's own hotkey and the prompt. A raw seed is never taken.
    pub nonce: [u8; 32],
}

/// The parts of an answer.
pub type Deltas = mpsc::Receiver<Result<Delta, BackendError>>;

/// A part of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Delta {
    /// The prompt is taken: comes first.
    Begin {
        /// Its tokens, as many as the server says where it does not show them.
        prompt_tokens: usize,
        /// Their ids; empty where the server does not show them.
        prompt_ids: Vec<u32>,
    },
    /// Text that is complete UTF-8, and the tokens that it comes from. Either may be empty: a token may be part of a
    /// character, a stop text may be held back.
    Text {
        /// What is shown.
        text: String,
        /// Tokens since the delta before; empty where the server does not show ids.
        tokens: Vec<Token>,
        /// The same tokens as log probabilities show them; empty unless asked for.
        logprobs: Vec<Logprob>,
    },
    /// The fingerprint of a chunk of the answer: comes before the part with the chunk's last token, and that of the rest before
    /// the end.
    Fingerprint(Fingerprint),
    /// The last part.
    End {
        /// Why.
        finish: Finish,
        /// Tokens of the answer.
        tokens: usize,
    },
}

/// A token with its log probability, in bytes, because a token may be part of a character.
#[derive(Clone, Debug, PartialEq)]
pub struct Logprob {
    /// What the token stands for.
    pub bytes: Vec<u8>,
    /// See [`Token::logprob`].
    pub logprob: f32,
    /// The most probable tokens, as many as asked for.
    pub top: Vec<(Vec<u8>, f32)>,
}

/// Vectors, one for each input.
#[derive(Clone, Debug, PartialEq)]
pub struct Embeddings {
    /// Each of unit length.
    pub vectors: Vec<Vec<f32>>,
    /// Tokens of all inputs.
    pub tokens: usize,
}

/// Why there is no answer, or no more of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BackendError {
    /// The caller's fault: the parameter, and what is wrong with it.
    #[error("{message}")]
    Invalid {
        /// The parameter, as the API names it.
        parameter: &'static str,
        /// The stable code, such as `context_length_exceeded`.
        code: &'static str,
        /// For people.
        message: String,
    },
    /// More requests wait than may.
    #[error("the model is busy")]
    Busy,
    /// The server behind does not answer, or answers with an error. The text is for the operator, not for the caller.
    #[error("the model is not available: {0}")]
    Unavailable(String),
}

// === impl Completion ===

impl Completion {
    /// What the tokens depend on, in the form in which it is digested.
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

/// How many tokens an answer may have: what is asked for, or all that the context leaves.
///
/// # Errors
/// [`BackendError::Invalid`] when the prompt is empty, or prompt and answer do not fit the context.
pub fn room(prompt: usize, wanted: Option<usize>, context: usize) -> Result<usize, BackendError> {
    let invalid = |code, message| BackendError::Invalid { parameter: "prompt", code, message };
    if prompt == 0 {
        return Err(invalid("invalid_value", "the prompt is empty".to_owned()));
    }
    let answer = wanted.unwrap_or_else(|| context.saturating_sub(prompt).max(1));
    if prompt.saturating_add(answer) > context {
        let message = format!(
            "this model's maximum context length is {context} tokens; {prompt} are in the prompt and {answer} are asked for"
        );
        return Err(invalid("context_length_exceeded", message));
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_fits_what_the_prompt_leaves() {
        assert_eq!((room(3, Some(7), 10), room(3, None, 10), room(9, None, 10)), (Ok(7), Ok(7), Ok(1)));
        for (prompt, wanted, expected) in [
            (3, Some(8), "context_length_exceeded"),
            (10, None, "context_length_exceeded"),
            (usize::MAX, Some(usize::MAX), "context_length_exceeded"),
            (0, Some(1), "invalid_value"),
        ] {
            let Err(BackendError::Invalid { code, .. }) = room(prompt, wanted, 10) else {
                panic!("{prompt} {wanted:?}")
            };
            assert_eq!(code, expected);
        }
    }
}
