//! What requests look like: shapes of recorded traffic, filled with text of our own.

use proof::inference::Params;
use serde_json::Value;

/// A request as any client could send it.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// `/v1/chat/completions` or `/v1/completions`.
    pub path: &'static str,
    /// The JSON body as it is sent, `model`, `stream` and `assay` included.
    pub body: Vec<u8>,
    /// What is continued, as the body has it.
    pub prompt: Prompt,
    /// What the tokens depend on.
    pub params: Params,
    /// Most tokens of the answer.
    pub max_tokens: u32,
    /// Texts that end the answer.
    pub stop: Vec<String>,
    /// What the seed is derived from.
    pub nonce: [u8; 32],
    /// Whether a fingerprint is asked for.
    pub fingerprint: bool,
}

/// What is continued.
#[derive(Clone, Debug, PartialEq)]
pub enum Prompt {
    /// A conversation, for the model's chat template.
    Chat(Vec<Value>),
    /// Text, tokenised as it is with what the tokenizer puts around texts.
    Text(String),
}
