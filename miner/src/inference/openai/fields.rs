//! The members of a request, read by name. Clients send many; what is not known is passed over, what is known is checked.

use serde_json::{Map, Value};

use super::ApiError;

/// The members of a request. One that is `null` is as good as absent, as in OpenAI's API.
#[derive(Clone, Debug)]
pub struct Fields(Map<String, Value>);

// === impl Fields ===

impl Fields {
    /// Reads a JSON object.
    ///
    /// # Errors
    /// 400 for bad UTF-8, bad JSON (nested deeper than 128 levels is bad, too), or no object.
    pub fn parse(body: &[u8]) -> Result<Self, ApiError> {
        let text = std::str::from_utf8(body)
            .map_err(|_| ApiError::malformed("invalid_utf8", "the body of the request is not UTF-8"))?;
        let value: Value = serde_json::from_str(text).map_err(|error| {
            // Category and place; the parser's own text may quote what was sent.
            let (line, column) = (error.line(), error.column());
            ApiError::malformed(
                "invalid_json",
                format!("the body of the request is not JSON: line {line}, column {column}"),
            )
        })?;
        match value {
            Value::Object(members) => Ok(Self(members)),
            _ => Err(ApiError::malformed("invalid_json", "the body of the request is not a JSON object")),
        }
    }

    /// A member, unless it is `null`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A member of one kind.
    fn typed<'a, T>(
        &'a self,
        name: &'static str,
        kind: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, ApiError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| ApiError::parameter(name, format!("`{name}` must be {kind}")))
    }

    /// A string.
    ///
    /// # Errors
    /// 400 for another kind; so for all below.
    pub fn text(&self, name: &'static str) -> Result<Option<&str>, ApiError> {
        self.typed(name, "a string", Value::as_str)
    }

    /// `true` or `false`; absent is `false`.
    ///
    /// # Errors
    /// 400.
    pub fn flag(&self, name: &'static str) -> Result<bool, ApiError> {
        Ok(self.typed(name, "true or false", Value::as_bool)?.unwrap_or(false))
    }

    /// An integer.
    ///
    /// # Errors
    /// 400.
    pub fn integer(&self, name: &'static str) -> Result<Option<i64>, ApiError> {
        self.typed(name, "an integer", Value::as_i64)
    }

    /// An integer from a range.
    ///
    /// # Errors
    /// 400.
    pub fn count(&self, name: &'static str, least: usize, most: usize) -> Result<Option<usize>, ApiError> {
        let read = |value: &Value| {
            let count = usize::try_from(value.as_u64()?).ok()?;
            (least..=most).contains(&count).then_some(count)
        };
        let kind = if most >= i64::MAX as usize {
            format!("an integer of at least {least}")
        } else {
            format!("an integer from {least} to {most}")
        };
        self.typed(name, &kind, read)
    }

    /// A number, rounded once to f32.
    ///
    /// # Errors
    /// 400.
    pub fn number(&self, name: &'static str, default: f32) -> Result<f32, ApiError> {
        Ok(self.typed(name, "a number", Value::as_f64)?.map_or(default, |value| value as f32))
    }

    /// An object.
    ///
    /// # Errors
    /// 400.
    pub fn object(&self, name: &'static str) -> Result<Option<&Map<String, Value>>, ApiError> {
        self.typed(name, "an object", Value::as_object)
    }

    /// The model that is asked for.
    ///
    /// # Errors
    /// 400 if it is absent.
    pub fn model(&self) -> Result<&str, ApiError> {
        self.text("model")?.ok_or_else(|| ApiError::parameter("model", "`model` is missing; see /v1/models"))
    }

    /// Refuses what would change the answer and is not done here. A value that asks for nothing is no reason.
    ///
    /// # Errors
    /// 400 with the name of the first.
    pub fn refuse(&self, names: &[&'static str]) -> Result<(), ApiError> {
        let wanted = names.iter().find(|name| self.get(name).is_some_and(|value| !asks_for_nothing(name, value)));
        let Some(name) = wanted else { return Ok(()) };
        Err(ApiError::unsupported(*name, format!("`{name}` is not supported by this miner")))
    }
}

/// Whether a value says what would be done without it.
fn asks_for_nothing(name: &str, value: &Value) -> bool {
    match value {
        Value::Bool(flag) => !flag,
        Value::Array(list) => list.is_empty() || (name == "modalities" && *list == ["text"]),
        Value::Object(members) => {
            members.is_empty() || (name == "response_format" && members.get("type").is_some_and(|kind| kind == "text"))
        }
        Value::String(text) => text.is_empty() || (name == "tool_choice" && (text == "none" || text == "auto")),
        Value::Number(number) => {
            let neutral = match name {
                "best_of" | "repetition_penalty" | "length_penalty" | "typical_p" => 1.0,
                _ => 0.0,
            };
            number.as_f64() == Some(neutral)
        }
        Value::Null => true,
    }
}
