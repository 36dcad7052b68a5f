//! The tokenizer in the metadata of a GGUF file, as the `tokenizer.json` that it was made from.
//!
//! Keys and token types: the GGUF specification (ggml, `docs/gguf.md`). Byte-level BPE stands there with its merges and the
//! name of its splitting rule; SentencePiece BPE with a score for each token, from which the merges follow.

mod sentencepiece;

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use candle_core::quantized::gguf_file::{Content, Value as Metadata};
use serde_json::{Value, json};

use super::template::Template;
use super::{Text, folder};
use crate::model::ModelError;

/// Most tokens, and most bytes of one.
const TOKENS: usize = 1 << 22;
const TOKEN_BYTES: usize = 1024;
/// Token types.
const UNKNOWN: u32 = 2;
const CONTROL: u32 = 3;
const USER_DEFINED: u32 = 4;

/// From the file, of which only the header is read.
pub(super) fn open(path: &Path) -> Result<Text, ModelError> {
    let name = path.display().to_string();
    let file = File::open(path).map_err(|e| folder::damaged(&name, &e.to_string()))?;
    let content = Content::read(&mut BufReader::new(file)).map_err(|e| folder::damaged(&name, &e.to_string()))?;
    text(&name, &content.metadata)
}

/// See [`Text::from_gguf`].
pub(super) fn text(file: &str, metadata: &HashMap<String, Metadata>) -> Result<Text, ModelError> {
    let source = Source { file, metadata };
    let vocabulary = Vocabulary::read(&source)?;
    let kind = source.string("tokenizer.ggml.model")?.ok_or_else(|| source.missing("tokenizer.ggml.model"))?;
    let mut tokenizer = match kind {
        "gpt2" => byte_level(&source, &vocabulary)?,
        "llama" => sentencepiece::tokenizer(&source, &vocabulary)?,
        other => {
            let problem = format!("its tokenizer is of type {other:?}");
            let remedy = "types gpt2 and llama are supported; others from a folder with tokenizer.json";
            return Err(folder::unsupported(file, problem, remedy));
        }
    };
    tokenizer["version"] = "1.0".into();
    tokenizer["added_tokens"] = vocabulary.added();
    let tokenizer = serde_json::to_vec(&tokenizer).map_err(|e| folder::damaged(file, &e.to_string()))?;
    let tokenizer = tokenizers::Tokenizer::from_bytes(&tokenizer).map_err(|e| folder::damaged(file, &e.to_string()))?;

    let mut named = Vec::new();
    for (name, key) in [("bos_token", "bos"), ("eos_token", "eos"), ("unk_token", "unknown"), ("pad_token", "padding")]
    {
        named.extend(source.token(key, &vocabulary)?.map(|(_, token)| (name.to_string(), token.to_string())));
    }
    let mut stop = Vec::new();
    for key in ["eos", "eot", "eom"] {
        stop.extend(source.token(key, &vocabulary)?.map(|(id, _)| id));
    }
    let template = match source.string("tokenizer.chat_template")? {
        Some(source) => Some(Template::new(file, source.into(), named)?),
        None => None,
    };
    Text::of_parts(file, tokenizer, template, stop)
}

/// Byte-level BPE.
fn byte_level(source: &Source<'_>, vocabulary: &Vocabulary<'_>) -> Result<Value, ModelError> {
    let merges = source.strings("tokenizer.ggml.merges")?;
    let rule = source.string("tokenizer.ggml.pre")?.ok_or_else(|| source.missing("tokenizer.ggml.pre"))?;
    let (splitting, normalizer, ignore_merges) = match rule {
        "gpt-2" => (json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true}), Value::Null, false),
        "llama3" | "llama-v3" | "llama-bpe" => (split("{1,3}"), Value::Null, true),
        "smaug-bpe" => (split("{1,3}"), Value::Null, false),
        "qwen2" | "deepseek-r1-qwen" => (split(""), json!({"type": "NFC"}), false),
        other => {
            let problem = format!("its tokenizer splits text by the rule {other:?}");
            let remedy =
                "gpt-2, llama-bpe, smaug-bpe and qwen2 are supported; others from a folder with tokenizer.json";
            return Err(folder::unsupported(source.file, problem, remedy));
        }
    };
    let add_bos = source.flag("tokenizer.ggml.add_bos_token")?.unwrap_or(ignore_merges);
    let byte_level = json!({"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": false});
    Ok(json!({
        "normalizer": normalizer,
        "pre_tokenizer": splitting,
        "post_processor": source.around(add_bos, vocabulary)?.unwrap_or_else(|| byte_level.clone()),
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "ignore_merges": ignore_merges,
            "vocab": vocabulary.ids(),
            "merges": merges,
        },
    }))
}

/// The rule of Llama 3 and Qwen 2, which differ in how many digits stay together.
fn split(digits: &str) -> Value {
    let contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
    let pattern = format!(
        r"{contractions}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{digits}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    );
    json!({"type": "Sequence", "pretokenizers": [
        {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false},
        {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false},
    ]})
}

/// The tokens, by id.
struct Vocabulary<'a> {
    tokens: Vec<&'a str>,
    /// Empty where the file has none: then all tokens are normal.
    types: Vec<u32>,
}

impl<'a> Vocabulary<'a> {
    fn read(source: &Source<'a>) -> Result<Self, ModelError> {
        let tokens = source.strings("tokenizer.ggml.tokens")?;
        if tokens.len() > TOKENS || tokens.iter().any(|token| token.len() > TOKEN_BYTES) {
            let problem = format!("has more than {TOKENS} tokens, or one with more than {TOKEN_BYTES} bytes");
            return Err(folder::damaged(source.file, &problem));
        }
        let types = source.numbers("tokenizer.ggml.token_type", integer)?.unwrap_or_default();
        Ok(Self { tokens, types })
    }

    fn ids(&self) -> HashMap<&'a str, usize> {
        self.tokens.iter().copied().zip(0..).collect()
    }

    /// Control tokens are special; user-defined ones are found in text as well.
    fn added(&self) -> Value {
        let of_type = |(id, kind): (usize, &u32)| {
            let added = matches!(*kind, UNKNOWN | CONTROL | USER_DEFINED) && id < self.tokens.len();
            added.then(|| {
                json!({
                    "id": id, "content": self.tokens[id], "special": *kind != USER_DEFINED,
                    "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
                })
            })
        };
        self.types.iter().enumerate().filter_map(of_type).collect()
    }
}

/// The metadata, with errors that name file and key.
struct Source<'a> {
    file: &'a str,
    metadata: &'a HashMap<String, Metadata>,
}

impl<'a> Source<'a> {
    fn missing(&self, key: &str) -> ModelError {
        folder::damaged(self.file, &format!("{key} is missing"))
    }

    fn read<T>(&self, key: &str, read: impl Fn(&'a Metadata) -> Option<T>) -> Result<Option<T>, ModelError> {
        let Some(value) = self.metadata.get(key) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| folder::damaged(self.file, &format!("{key} is of the wrong type")))
    }

    fn string(&self, key: &str) -> Result<Option<&'a str>, ModelError> {
        self.read(key, |value| value.to_string().ok().map(String::as_str))
    }

    fn flag(&self, key: &str) -> Result<Option<bool>, ModelError> {
        self.read(key, |value| value.to_bool().ok())
    }

    fn strings(&self, key: &str) -> Result<Vec<&'a str>, ModelError> {
        let read = |value: &'a Metadata| {
            value.to_vec().ok()?.iter().map(|item| item.to_string().ok().map(String::as_str)).collect()
        };
        self.read(key, read)?.ok_or_else(|| self.missing(key))
    }

    fn numbers<T>(&self, key: &str, number: fn(&Metadata) -> Option<T>) -> Result<Option<Vec<T>>, ModelError> {
        self.read(key, |value| value.to_vec().ok()?.iter().map(number).collect())
    }

    /// A token that the file names by its id.
    fn token(&self, name: &str, vocabulary: &Vocabulary<'a>) -> Result<Option<(u32, &'a str)>, ModelError> {
        let key = format!("tokenizer.ggml.{name}_token_id");
        let Some(id) = self.read(&key, integer)? else { return Ok(None) };
        let token = vocabulary.tokens.get(id as usize);
        token.map(|token| Some((id, *token))).ok_or_else(|| folder::damaged(self.file, &format!("{key} is no token")))
    }

    /// What puts BOS in front, where it belongs there.
    fn around(&self, add_bos: bool, vocabulary: &Vocabulary<'a>) -> Result<Option<Value>, ModelError> {
        let Some((id, token)) = self.token("bos", vocabulary)?.filter(|_| add_bos) else { return Ok(None) };
        Ok(Some(json!({
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": token, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {token: {"id": token, "ids": [id], "tokens": [token]}},
        })))
    }
}

/// A number of any width that is an id or a type.
fn integer(value: &Metadata) -> Option<u32> {
    match *value {
        Metadata::U8(n) => Some(n.into()),
        Metadata::U16(n) => Some(n.into()),
        Metadata::U32(n) => Some(n),
        Metadata::U64(n) => n.try_into().ok(),
        Metadata::I8(n) => n.try_into().ok(),
        Metadata::I16(n) => n.try_into().ok(),
        Metadata::I32(n) => n.try_into().ok(),
        Metadata::I64(n) => n.try_into().ok(),
        _ => None,
    }
}
