//! A conversation, from the messages of a request to token ids.

use std::collections::HashSet;

use serde_json::{Map, Value};
use tokenizers::{Model, NormalizerWrapper, OffsetType, PreTokenizer, Tokenizer};

use super::special::{Specials, StandIns};
use super::template::Template;
use super::{LONGEST_TEXT, TextError};

/// Who may speak. A closed set: some templates write the role between the brackets of a special token.
const ROLES: [&str; 6] = ["system", "developer", "user", "assistant", "tool", "function"];

/// A rendered conversation in which text that only looks like a special token begins with a stand-in.
pub(super) struct Conversation {
    rendered: String,
    stand_ins: StandIns,
}

impl Conversation {
    pub(super) fn new(
        template: &Template,
        specials: &Specials,
        messages: &[Value],
        generation_prompt: bool,
        variables: &Map<String, Value>,
    ) -> Result<Self, TextError> {
        let mut messages: Vec<Value> =
            messages.iter().enumerate().map(|(index, message)| checked(index, message)).collect::<Result<_, _>>()?;
        let mut variables: Vec<Value> = vec![Value::Object(variables.clone())];
        let (mut bytes, mut private) = (0, HashSet::new());
        for value in messages.iter().chain(&variables) {
            strings(value, &mut |text| {
                bytes += text.len();
                private.extend(text.chars().filter(|&c| is_private(c)));
            });
        }
        if bytes > LONGEST_TEXT {
            return Err(TextError::TooLong { bytes, limit: LONGEST_TEXT });
        }
        let stand_ins = specials.stand_ins(|c| private.contains(&c) || template.contains(c))?;
        for value in messages.iter_mut().chain(&mut variables) {
            *value = mapped(value, &|text| specials.escape(text, &stand_ins));
        }
        let variables = variables.remove(0);
        let none = Map::new();
        let rendered = template.render(&messages, generation_prompt, variables.as_object().unwrap_or(&none))?;
        Ok(Self { rendered, stand_ins })
    }

    /// As a person reads it.
    pub(super) fn text(&self) -> String {
        self.rendered.chars().map(|c| self.stand_ins.resolve(c)).collect()
    }

    /// The steps of [`Tokenizer::encode`], with one between: stand-ins turn back into what they stand for when the special
    /// tokens have been taken out, and before the rest is split.
    pub(super) fn ids(&self, tokenizer: &Tokenizer) -> Result<Vec<u32>, TextError> {
        let failed = |e: tokenizers::Error| TextError::Tokenizer(e.to_string());
        let normalizer: Option<&NormalizerWrapper> = tokenizer.get_normalizer();
        let mut text = tokenizer.get_added_vocabulary().extract_and_normalize(normalizer, &self.rendered);
        text.normalize(|part| {
            part.map(|c| self.stand_ins.resolve(c));
            Ok(())
        })
        .map_err(failed)?;
        if let Some(pre_tokenizer) = tokenizer.get_pre_tokenizer() {
            pre_tokenizer.pre_tokenize(&mut text).map_err(failed)?;
        }
        text.tokenize(|part| tokenizer.get_model().tokenize(part.get())).map_err(failed)?;
        let encoding = text.into_encoding(None, 0, OffsetType::None).map_err(failed)?;
        Ok(encoding.get_ids().to_vec())
    }
}

/// The message with a known role, and with content that is text.
fn checked(index: usize, message: &Value) -> Result<Value, TextError> {
    let wrong = |problem: String| TextError::Message { index, problem };
    let message = message.as_object().ok_or_else(|| wrong("is not an object".into()))?;
    let role = message.get("role").and_then(Value::as_str).ok_or_else(|| wrong("role is missing".into()))?;
    if !ROLES.contains(&role) {
        return Err(wrong(format!("role must be one of {}", ROLES.join(", "))));
    }
    let mut message = message.clone();
    match message.get("content") {
        None | Some(Value::String(_) | Value::Null) => {}
        Some(Value::Array(parts)) => {
            let text = parts.iter().map(part).collect::<Result<Vec<_>, _>>().map_err(wrong)?.join("\n");
            message.insert("content".into(), text.into());
        }
        Some(_) => return Err(wrong("content is neither text nor a list of parts".into())),
    }
    Ok(Value::Object(message))
}

/// The text of a part of a content.
fn part(part: &Value) -> Result<&str, String> {
    match part.get("type").and_then(Value::as_str) {
        Some("text") => part.get("text").and_then(Value::as_str).ok_or_else(|| "a part has no text".into()),
        Some(kind) => Err(format!("parts of type {kind:?} are not supported; only text is")),
        None => Err("a part has no type".into()),
    }
}

fn is_private(c: char) -> bool {
    matches!(c, '\u{E000}'..='\u{F8FF}' | '\u{F0000}'..='\u{FFFFD}')
}

/// Shows every string of a value, keys too.
fn strings(value: &Value, see: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => see(text),
        Value::Array(items) => items.iter().for_each(|item| strings(item, see)),
        Value::Object(items) => items.iter().for_each(|(key, item)| {
            see(key);
            strings(item, see);
        }),
        _ => {}
    }
}

/// The value with every string replaced, keys too.
fn mapped(value: &Value, map: &impl Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => map(text).into(),
        Value::Array(items) => items.iter().map(|item| mapped(item, map)).collect(),
        Value::Object(items) => items.iter().map(|(key, item)| (map(key), mapped(item, map))).collect(),
        other => other.clone(),
    }
}
