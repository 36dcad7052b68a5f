//! The ids of a prompt, from the server's own tokenizer.
//!
//! With them the seed can be derived, the room for the answer is known, and all servers are asked in the same way. Endpoints: vLLM
//! `entrypoints/serve/tokenize/protocol.py`, SGLang `entrypoints/openai/serving_tokenize.py`, llama.cpp `tools/server/README.md`.

use serde::Deserialize;
use serde_json::{Value, json};

use super::capabilities::Dialect;
use super::http::{Failure, Http};
use crate::inference::backend::Prompt;

/// Bytes of a token id in JSON, and of what surrounds it.
const ID_BYTES: usize = 12;

#[derive(Deserialize)]
struct Tokens {
    tokens: Vec<u32>,
}

#[derive(Deserialize)]
struct Rendered {
    prompt: String,
}

/// The ids; `None` where the server has no such endpoint.
pub(super) async fn ids(
    http: &Http,
    dialect: Dialect,
    model: &str,
    prompt: &Prompt,
) -> Result<Option<Vec<u32>>, Failure> {
    let (path, body) = match (dialect, prompt) {
        (_, Prompt::Tokens(ids)) => return Ok(Some(ids.clone())),
        (Dialect::OpenAi, _) => return Ok(None),
        (Dialect::Vllm | Dialect::Sglang, Prompt::Text(text)) => ("/tokenize", json!({"model": model, "prompt": text})),
        (Dialect::Vllm | Dialect::Sglang, Prompt::Chat(messages)) => {
            ("/tokenize", json!({"model": model, "messages": messages}))
        }
        (Dialect::LlamaCpp, Prompt::Text(text)) => ("/tokenize", llama_cpp(text)),
        (Dialect::LlamaCpp, Prompt::Chat(messages)) => {
            let body = json!({ "messages": messages });
            let rendered: Rendered = http.post("/apply-template", &body, room(&body) + (1 << 20)).await?;
            // As its own chat does it: the template's text without BOS, tokenised with special tokens.
            ("/tokenize", llama_cpp(&rendered.prompt))
        }
    };
    let tokens: Tokens = http.post(path, &body, room(&body)).await?;
    Ok(Some(tokens.tokens))
}

fn llama_cpp(text: &str) -> Value {
    json!({"content": text, "add_special": true, "parse_special": true})
}

/// A token has at least a byte of text, except for those that a template adds.
fn room(body: &Value) -> usize {
    (1 << 20) + body.to_string().len() * ID_BYTES
}
