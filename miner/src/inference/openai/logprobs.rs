//! Log probabilities in the two forms that the API has.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::inference::backend::Logprob;

/// Either form.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Logprobs {
    /// Of `/v1/chat/completions`.
    Chat(ChatLogprobs),
    /// Of `/v1/completions`.
    Text(TextLogprobs),
}

/// A list of tokens with their alternatives.
#[derive(Debug, Serialize)]
pub struct ChatLogprobs {
    content: Vec<ChatToken>,
    refusal: Option<()>,
}

#[derive(Debug, Serialize)]
struct ChatToken {
    #[serde(flatten)]
    token: One,
    top_logprobs: Vec<One>,
}

#[derive(Debug, Serialize)]
struct One {
    token: String,
    logprob: f32,
    bytes: Vec<u8>,
}

/// Parallel lists.
#[derive(Debug, Serialize)]
pub struct TextLogprobs {
    tokens: Vec<String>,
    token_logprobs: Vec<f32>,
    top_logprobs: Vec<Map<String, Value>>,
    text_offset: Vec<usize>,
}

// === impl ChatLogprobs ===

impl ChatLogprobs {
    /// Of these tokens.
    #[must_use]
    pub fn new(tokens: &[Logprob]) -> Self {
        let content = tokens.iter().map(|token| ChatToken {
            token: One::new(&token.bytes, token.logprob),
            top_logprobs: token.top.iter().map(|(bytes, logprob)| One::new(bytes, *logprob)).collect(),
        });
        Self { content: content.collect(), refusal: None }
    }
}

impl One {
    fn new(bytes: &[u8], logprob: f32) -> Self {
        Self { token: shown(bytes), logprob: finite(logprob), bytes: bytes.to_vec() }
    }
}

// === impl TextLogprobs ===

impl TextLogprobs {
    /// Of these tokens, the first of which begins at character `offset` of the answer; moves it behind the last.
    #[must_use]
    pub fn new(tokens: &[Logprob], offset: &mut usize) -> Self {
        let mut all =
            Self { tokens: Vec::new(), token_logprobs: Vec::new(), top_logprobs: Vec::new(), text_offset: Vec::new() };
        for Logprob { bytes, logprob, top } in tokens {
            let text = shown(bytes);
            all.text_offset.push(*offset);
            *offset += text.chars().count();
            all.tokens.push(text);
            all.token_logprobs.push(finite(*logprob));
            all.top_logprobs.push(top.iter().map(|(bytes, value)| (shown(bytes), finite(*value).into())).collect());
        }
        all
    }
}

/// As text, with the mark of Unicode for what is none.
fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// JSON has no infinity; OpenAI writes this number for a token of no probability.
fn finite(logprob: f32) -> f32 {
    if logprob.is_finite() { logprob } else { -9999.0 }
}
