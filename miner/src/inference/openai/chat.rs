//! The conversation of a request to `/v1/chat/completions`.

use serde_json::{Map, Value, json};

use super::{ApiError, Fields};
use crate::inference::backend::Prompt;

/// The messages, in the plain form that chat templates know: role and text.
///
/// # Errors
/// 400: no messages, an unknown role, or content that is not text.
pub fn prompt(fields: &Fields) -> Result<Prompt, ApiError> {
    let wrong = |message: &'static str| ApiError::parameter("messages", message);
    let messages = fields.get("messages").ok_or_else(|| wrong("`messages` is missing"))?;
    let messages = messages.as_array().ok_or_else(|| wrong("`messages` must be a list"))?;
    if messages.is_empty() {
        return Err(wrong("`messages` is empty"));
    }
    (0..).zip(messages).map(|(index, value)| message(index, value)).collect::<Result<_, _>>().map(Prompt::Chat)
}

fn message(index: usize, value: &Value) -> Result<Value, ApiError> {
    let name = || format!("messages[{index}]");
    let message = value.as_object().ok_or_else(|| ApiError::parameter(name(), "a message is an object"))?;
    let role = match message.get("role").and_then(Value::as_str) {
        // Newer models' name for the same thing; templates know the older.
        Some("developer" | "system") => "system",
        Some("user") => "user",
        Some("assistant") => "assistant",
        Some("tool" | "function") => {
            return Err(ApiError::unsupported(name(), "tools are not supported by this miner"));
        }
        _ => return Err(ApiError::parameter(format!("{}.role", name()), "roles are system, user and assistant")),
    };
    for other in ["tool_calls", "function_call", "audio"] {
        if message.get(other).is_some_and(|value| !value.is_null()) {
            return Err(ApiError::unsupported(format!("{}.{other}", name()), "messages are text on this miner"));
        }
    }
    let content = content(message).ok_or_else(|| {
        ApiError::unsupported(
            format!("{}.content", name()),
            "the content of a message is text, or a list of text parts",
        )
    })?;
    Ok(json!({ "role": role, "content": content }))
}

/// The text, or the text parts with line feeds between them, as `engine::text` joins them.
fn content(message: &Map<String, Value>) -> Option<String> {
    match message.get("content")? {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => {
            let text = |part: &Value| {
                (part.get("type")?.as_str()? == "text").then(|| part.get("text")?.as_str().map(str::to_owned))?
            };
            parts.iter().map(text).collect::<Option<Vec<_>>>().map(|parts| parts.join("\n"))
        }
        _ => None,
    }
}
