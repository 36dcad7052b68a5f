//! One event of a stream, whichever server sent it.
//!
//! Facts about fields: vLLM `entrypoints/openai/{completion,chat_completion}/protocol.py` (`token_ids`, `prompt_token_ids`), SGLang 0.5 `entrypoints/openai/protocol.py` (the same names in completions), llama.cpp `tools/server/README.md`
//! (`tokens`, `completion_probabilities`, `stop_type`, `tokens_predicted`).

use std::collections::HashMap;

use engine::generation::{Finish, Token};
use serde::Deserialize;

use crate::inference::backend::Logprob;

/// Which fields to look for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// `/v1/completions`.
    Completions,
    /// `/v1/chat/completions`.
    Chat,
    /// llama.cpp's `/completion`.
    Native,
}

/// What an event says. Whatever the server does not say is empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Chunk {
    pub text: String,
    /// New tokens; their log probability is not a number where the server does not say it.
    pub tokens: Vec<Token>,
    /// As callers see them; the tokens need not be known by id for that.
    pub logprobs: Vec<Logprob>,
    pub prompt_ids: Vec<u32>,
    pub finish: Option<Finish>,
    pub prompt_tokens: Option<usize>,
    /// Tokens of the answer up to here.
    pub completion_tokens: Option<usize>,
}

/// Why an event is not a part of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ChunkError {
    /// The server says so.
    Server(String),
    /// The server does not speak as it should.
    Malformed(String),
}

/// Reads the data of one event.
pub(super) fn parse(shape: Shape, data: &str) -> Result<Chunk, ChunkError> {
    let malformed = |error: serde_json::Error| ChunkError::Malformed(format!("an event is not as expected: {error}"));
    // A list would be taken for a struct without names.
    if !data.trim_start().starts_with('{') {
        return Err(ChunkError::Malformed("an event is no object".into()));
    }
    if shape == Shape::Native {
        return from_native(serde_json::from_str(data).map_err(malformed)?);
    }
    let Raw { error, choices, usage, prompt_token_ids } = serde_json::from_str(data).map_err(malformed)?;
    told(error)?;
    let mut chunk = match choices.into_iter().next() {
        Some(choice) => from_choice(choice)?,
        None => Chunk::default(),
    };
    if let Some(ids) = prompt_token_ids {
        chunk.prompt_ids = ids;
    }
    if let Some(usage) = usage {
        chunk.prompt_tokens = Some(usage.prompt_tokens);
        chunk.completion_tokens = Some(usage.completion_tokens);
    }
    Ok(chunk)
}

/// vLLM and SGLang report a failure in mid-stream as an event with `error`, llama.cpp as well.
fn told(error: Option<serde_json::Value>) -> Result<(), ChunkError> {
    error.map_or(Ok(()), |error| Err(ChunkError::Server(message(&error))))
}

/// The text of an error, as the various servers write it.
pub(super) fn message(error: &serde_json::Value) -> String {
    let text = match error {
        serde_json::Value::String(text) => text.clone(),
        other => {
            other.get("message").and_then(|message| message.as_str()).map_or_else(|| other.to_string(), Into::into)
        }
    };
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect()
}

#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    error: Option<serde_json::Value>,
    #[serde(default)]
    choices: Vec<Choice>,
    #[serde(default)]
    usage: Option<Usage>,
    #[serde(default)]
    prompt_token_ids: Option<Vec<u32>>,
}

#[derive(Deserialize)]
struct Usage {
    #[serde(default)]
    prompt_tokens: usize,
    #[serde(default)]
    completion_tokens: usize,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    delta: Option<Content>,
    #[serde(default)]
    token_ids: Option<Vec<u32>>,
    #[serde(default)]
    prompt_token_ids: Option<Vec<u32>>,
    #[serde(default)]
    logprobs: Option<Logprobs>,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Content {
    #[serde(default)]
    content: Option<String>,
}

/// Of completions: parallel lists. Of a chat: `content`.
#[derive(Default, Deserialize)]
struct Logprobs {
    #[serde(default)]
    tokens: Option<Vec<String>>,
    #[serde(default)]
    token_logprobs: Option<Vec<Option<f32>>>,
    #[serde(default)]
    top_logprobs: Option<Vec<Option<HashMap<String, f32>>>>,
    #[serde(default)]
    content: Option<Vec<Named>>,
}

/// A token by its text, as chats and llama.cpp show it.
#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    id: Option<u32>,
    token: String,
    /// Exact where a token is part of a character, which the text cannot show.
    #[serde(default)]
    bytes: Option<Vec<u8>>,
    logprob: f32,
    #[serde(default)]
    top_logprobs: Vec<Named>,
}

#[derive(Deserialize)]
struct Native {
    #[serde(default)]
    error: Option<serde_json::Value>,
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    tokens: Option<Vec<u32>>,
    #[serde(default)]
    stop: Option<serde_json::Value>,
    #[serde(default)]
    stop_type: Option<String>,
    #[serde(default)]
    tokens_predicted: Option<usize>,
    #[serde(default)]
    tokens_evaluated: Option<usize>,
    #[serde(default)]
    completion_probabilities: Option<Vec<Named>>,
}

fn finish(reason: &str) -> Result<Option<Finish>, ChunkError> {
    match reason {
        "none" => Ok(None),
        "length" | "limit" => Ok(Some(Finish::Length)),
        "abort" | "error" => Err(ChunkError::Server(format!("the answer was given up ({reason})"))),
        // `stop`, `eos`, `word`; `tool_calls` and the like end an answer just as well.
        _ => Ok(Some(Finish::Stop)),
    }
}

fn from_choice(choice: Choice) -> Result<Chunk, ChunkError> {
    let Choice { text, delta, token_ids, prompt_token_ids, logprobs, finish_reason } = choice;
    let ids = token_ids.unwrap_or_default();
    let logprobs = shown(logprobs.unwrap_or_default())?;
    if !ids.is_empty() && !logprobs.is_empty() && logprobs.len() != ids.len() {
        let text = format!("an event has {} token ids and {} log probabilities", ids.len(), logprobs.len());
        return Err(ChunkError::Malformed(text));
    }
    let token = |(place, id): (usize, u32)| Token {
        id,
        logprob: logprobs.get(place).map_or(f32::NAN, |shown| shown.logprob),
        top: Vec::new(),
    };
    Ok(Chunk {
        text: text.or_else(|| delta.and_then(|delta| delta.content)).unwrap_or_default(),
        tokens: ids.into_iter().enumerate().map(token).collect(),
        logprobs,
        prompt_ids: prompt_token_ids.unwrap_or_default(),
        finish: finish_reason.as_deref().map(finish).transpose()?.flatten(),
        ..Chunk::default()
    })
}

/// Tokens with their log probabilities, in whichever of the two forms.
fn shown(logprobs: Logprobs) -> Result<Vec<Logprob>, ChunkError> {
    let Logprobs { tokens, token_logprobs, top_logprobs, content } = logprobs;
    if let Some(content) = content {
        return Ok(content.into_iter().map(Named::shown).collect());
    }
    let (tokens, chosen) = (tokens.unwrap_or_default(), token_logprobs.unwrap_or_default());
    if tokens.len() != chosen.len() {
        let text = format!("an event has {} tokens and {} log probabilities", tokens.len(), chosen.len());
        return Err(ChunkError::Malformed(text));
    }
    let mut tops = top_logprobs.unwrap_or_default().into_iter();
    let logprob = |(token, logprob): (String, Option<f32>)| Logprob {
        bytes: token.into_bytes(),
        logprob: logprob.unwrap_or(f32::NAN),
        top: tops.next().flatten().map(alternatives).unwrap_or_default(),
    };
    Ok(tokens.into_iter().zip(chosen).map(logprob).collect())
}

/// The most probable first.
fn alternatives(top: HashMap<String, f32>) -> Vec<(Vec<u8>, f32)> {
    let mut top: Vec<_> = top.into_iter().map(|(token, logprob)| (token.into_bytes(), logprob)).collect();
    top.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    top
}

impl Named {
    fn shown(self) -> Logprob {
        let Self { token, bytes, logprob, top_logprobs, .. } = self;
        let text = |token: String, bytes: Option<Vec<u8>>| bytes.unwrap_or_else(|| token.into_bytes());
        let top = top_logprobs.into_iter().map(|top| (text(top.token, top.bytes), top.logprob)).collect();
        Logprob { bytes: text(token, bytes), logprob, top }
    }

    /// As the engine's own; `None` without an id.
    fn token(&self) -> Option<Token> {
        let top = self.top_logprobs.iter().filter_map(|top| Some((top.id?, top.logprob))).collect();
        Some(Token { id: self.id?, logprob: self.logprob, top })
    }
}

fn from_native(native: Native) -> Result<Chunk, ChunkError> {
    let Native { error, content, tokens, stop, stop_type, .. } = native;
    let Native { tokens_predicted, tokens_evaluated, completion_probabilities, .. } = native;
    told(error)?;
    let text = content.ok_or_else(|| ChunkError::Malformed("an event has no `content`".into()))?;
    let mut chunk =
        Chunk { text, prompt_tokens: tokens_evaluated, completion_tokens: tokens_predicted, ..Chunk::default() };
    if stop == Some(serde_json::Value::Bool(true)) {
        // The last event of a stream repeats the probabilities of all that came before.
        chunk.finish = finish(stop_type.as_deref().unwrap_or("stop"))?.or(Some(Finish::Stop));
        return Ok(chunk);
    }
    chunk.tokens = match &completion_probabilities {
        Some(named) => named.iter().filter_map(Named::token).collect(),
        None => tokens.unwrap_or_default().into_iter().map(unsaid).collect(),
    };
    chunk.logprobs = completion_probabilities.unwrap_or_default().into_iter().map(Named::shown).collect();
    Ok(chunk)
}

/// A token whose log probability was not asked for.
pub(super) fn unsaid(id: u32) -> Token {
    Token { id, logprob: f32::NAN, top: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(chunk: &Chunk) -> Vec<u32> {
        chunk.tokens.iter().map(|token| token.id).collect()
    }

    #[test]
    fn vllm_and_sglang_completions() {
        let first = r#"{"id":"c","object":"text_completion","choices":[{"index":0,"text":"a b","token_ids":[7,9],
            "prompt_token_ids":[1,2,3],"finish_reason":null,"logprobs":{"tokens":["a"," b"],
            "token_logprobs":[-0.5,null],"top_logprobs":[{"a":-0.5,"é":-0.25},null],"text_offset":[0,1]}}]}"#;
        let chunk = parse(Shape::Completions, first).unwrap();
        assert_eq!(
            (chunk.text.as_str(), ids(&chunk), chunk.prompt_ids.as_slice()),
            ("a b", vec![7, 9], [1, 2, 3].as_slice())
        );
        let top = vec![("é".into(), -0.25), ("a".into(), -0.5)];
        assert_eq!(chunk.logprobs[0], Logprob { bytes: "a".into(), logprob: -0.5, top });
        assert_eq!(chunk.tokens[0].logprob, -0.5);
        assert!(chunk.tokens[1].logprob.is_nan() && chunk.logprobs[1].top.is_empty());
        let last = r#"{"choices":[{"index":0,"text":"","token_ids":[2],"finish_reason":"stop"}]}"#;
        assert_eq!(parse(Shape::Completions, last).unwrap().finish, Some(Finish::Stop));
        let usage = r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}"#;
        let usage = parse(Shape::Completions, usage).unwrap();
        assert_eq!((usage.prompt_tokens, usage.completion_tokens), (Some(3), Some(4)));
    }

    #[test]
    fn chats() {
        let chunk = r#"{"prompt_token_ids":[5],"choices":[{"index":0,"delta":{"role":"assistant","content":"x"},
            "token_ids":[6],"finish_reason":"length","logprobs":{"content":[{"token":"�","bytes":[195],"logprob":-1.0,
            "top_logprobs":[{"token":"y","logprob":-2.0}]}]}}]}"#;
        let chunk = parse(Shape::Chat, chunk).unwrap();
        assert_eq!((chunk.text.as_str(), ids(&chunk), chunk.finish), ("x", vec![6], Some(Finish::Length)));
        assert_eq!(chunk.prompt_ids, [5]);
        assert_eq!(chunk.logprobs, [Logprob { bytes: vec![195], logprob: -1.0, top: vec![("y".into(), -2.0)] }]);
        assert_eq!(parse(Shape::Chat, r#"{"choices":[{"delta":{"role":"assistant"}}]}"#).unwrap(), Chunk::default());
    }

    #[test]
    fn llama_cpp() {
        let chunk = r#"{"index":0,"content":" x","tokens":[4],"stop":false,"id_slot":0,"tokens_predicted":1,"tokens_evaluated":9,
            "completion_probabilities":[{"id":4,"token":" x","bytes":[32],"logprob":-0.5,
            "top_logprobs":[{"id":4,"token":" x","bytes":[32],"logprob":-0.5}]}]}"#;
        let chunk = parse(Shape::Native, chunk).unwrap();
        assert_eq!(chunk.tokens, [Token { id: 4, logprob: -0.5, top: vec![(4, -0.5)] }]);
        assert_eq!(chunk.logprobs, [Logprob { bytes: vec![32], logprob: -0.5, top: vec![(vec![32], -0.5)] }]);
        assert_eq!((chunk.prompt_tokens, chunk.completion_tokens, chunk.finish), (Some(9), Some(1), None));
        let last =
            r#"{"content":"","tokens":[],"stop":true,"stop_type":"limit","tokens_predicted":2,"tokens_evaluated":9}"#;
        assert_eq!(parse(Shape::Native, last).unwrap().finish, Some(Finish::Length));
    }

    #[test]
    fn errors_are_told_and_malformed_events_refused() {
        for data in [
            r#"{"error":{"message":"out\nof memory","type":"server_error","code":500}}"#,
            r#"{"error":"out of memory"}"#,
            r#"{"error":{"message":"out of memory"},"choices":[]}"#,
        ] {
            for shape in [Shape::Completions, Shape::Chat, Shape::Native] {
                assert_eq!(parse(shape, data), Err(ChunkError::Server("out of memory".into())), "{data}");
            }
        }
        let abort = r#"{"choices":[{"text":"","finish_reason":"abort"}]}"#;
        assert!(matches!(parse(Shape::Completions, abort), Err(ChunkError::Server(_))));
        for data in [
            "",
            "nonsense",
            "[]",
            "3",
            r#"{"choices":3}"#,
            r#"{"choices":[{"text":"","token_ids":[-1]}]}"#,
            r#"{"choices":[{"text":"","token_ids":[4294967296]}]}"#,
            r#"{"choices":[{"text":"","token_ids":[1,2],"logprobs":{"tokens":["a"],"token_logprobs":[-1.0]}}]}"#,
            r#"{"choices":[{"text":"","logprobs":{"tokens":["a","b"],"token_logprobs":[-1.0]}}]}"#,
        ] {
            assert!(matches!(parse(Shape::Completions, data), Err(ChunkError::Malformed(_))), "{data}");
        }
        assert!(matches!(parse(Shape::Native, "{}"), Err(ChunkError::Malformed(_))));
        // Nesting does not exhaust the stack.
        let deep = format!(r#"{{"error":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        assert!(matches!(parse(Shape::Completions, &deep), Err(ChunkError::Malformed(_))));
    }
}
