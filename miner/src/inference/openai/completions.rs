//! Texts and token ids of a request: `prompt` of `/v1/completions`, `input` of `/v1/embeddings`.

use serde_json::Value;

use super::{ApiError, Fields};
use crate::inference::backend::Prompt;

/// The prompts of `/v1/completions`.
///
/// # Errors
/// 400.
pub fn prompts(fields: &Fields) -> Result<Vec<Prompt>, ApiError> {
    read(fields, "prompt")
}

/// One text, some texts, the ids of one, or the ids of some.
///
/// # Errors
/// 400: absent, empty, or of another kind.
pub fn read(fields: &Fields, name: &'static str) -> Result<Vec<Prompt>, ApiError> {
    let value = fields.get(name).ok_or_else(|| ApiError::parameter(name, format!("`{name}` is missing")))?;
    let kinds = || {
        let message = format!("`{name}` must be a text, a list of texts, token ids, or a list of token ids");
        ApiError::parameter(name, message)
    };
    let prompts = match value {
        Value::String(text) => vec![Prompt::Text(text.clone())],
        Value::Array(list) if list.iter().all(Value::is_number) => vec![ids(list).ok_or_else(kinds)?],
        Value::Array(list) => list
            .iter()
            .map(|entry| match entry {
                Value::String(text) => Some(Prompt::Text(text.clone())),
                Value::Array(list) => ids(list),
                _ => None,
            })
            .collect::<Option<_>>()
            .ok_or_else(kinds)?,
        _ => return Err(kinds()),
    };
    if prompts.iter().any(is_empty) {
        return Err(ApiError::parameter(name, format!("`{name}` is empty")));
    }
    Ok(prompts)
}

fn is_empty(prompt: &Prompt) -> bool {
    match prompt {
        Prompt::Text(text) => text.is_empty(),
        Prompt::Tokens(ids) => ids.is_empty(),
        Prompt::Chat(messages) => messages.is_empty(),
    }
}

fn ids(list: &[Value]) -> Option<Prompt> {
    let id = |value: &Value| u32::try_from(value.as_u64()?).ok();
    list.iter().map(id).collect::<Option<_>>().map(Prompt::Tokens)
}
