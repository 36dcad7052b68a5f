//! One recorded request without its words.

use proof::inference::Params;
use rand_chacha::rand_core::RngCore;
use serde_json::{Map, Value, json};

use super::text::{Role, Texts};
use super::wrap::{Wrapped, wrap};
use super::{Asked, BODY_LIMIT, Probe, Prompt};

/// Members of a request that ask for more than one text answer; such a request has no probe like it.
const BEYOND: [&str; 10] = [
    "audio", "best_of", "echo", "function_call", "functions", "logit_bias", "response_format", "suffix", "tool_choice", "tools",
];

/// A recorded request: everything but its words.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    /// All members but the words.
    members: Map<String, Value>,
    words: Words,
    params: Params,
    max_tokens: Option<u32>,
    stop: Vec<String>,
    alternatives: Option<u32>,
}

#[derive(Clone, Debug)]
enum Words {
    Chat(Vec<Turn>),
    Text(Length),
}

#[derive(Clone, Debug)]
struct Turn {
    /// The message without its content.
    members: Map<String, Value>,
    role: Role,
    length: Length,
}

/// Characters of a text, and the text itself where it is to be kept.
#[derive(Clone, Debug)]
struct Length {
    chars: usize,
    kept: Option<String>,
}

impl Shape {
    pub fn read(line: &str, texts: &mut Texts) -> Result<Option<Self>, String> {
        let members: Map<String, Value> = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let _ = (members, texts, BEYOND, BODY_LIMIT);
        Ok(None)
    }

    pub fn fits(&self, _context: u32) -> bool {
        true
    }

    pub fn probe(&self, texts: &Texts, asked: &Asked, rng: &mut impl RngCore) -> Probe {
        let mut members = self.members.clone();
        let (path, prompt) = match &self.words {
            Words::Text(length) => {
                let text = texts.fresh(Role::Prompt, length.chars, rng);
                members.insert("prompt".into(), text.clone().into());
                ("/v1/completions", Prompt::Text(text))
            }
            Words::Chat(turns) => {
                let mut plain = Vec::new();
                let mut messages = Vec::new();
                for turn in turns {
                    let text = texts.fresh(turn.role, turn.length.chars, rng);
                    let mut message = turn.members.clone();
                    message.insert("content".into(), text.clone().into());
                    messages.push(Value::Object(message));
                    plain.push(json!({"role": "user", "content": text}));
                }
                members.insert("messages".into(), messages.into());
                ("/v1/chat/completions", Prompt::Chat(plain))
            }
        };
        let Wrapped { body, nonce, fingerprint } = wrap(members, &asked.id, asked.fingerprint, rng);
        let Self { params, max_tokens, stop, alternatives, .. } = self.clone();
        let answer_tokens = asked.answer_tokens;
        Probe { path, body, prompt, params, max_tokens, answer_tokens, stop, alternatives, nonce, fingerprint }
    }
}
