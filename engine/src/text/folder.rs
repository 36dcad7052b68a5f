//! A model folder, read within bounds.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde_json::{Map, Value};
use tokenizers::Tokenizer;

use super::Text;
use super::template::Template;
use crate::model::ModelError;

/// Largest `tokenizer.json`; the largest in use have about 35 MB.
const TOKENIZER_BYTES: u64 = 128 << 20;
/// Largest of the other files.
const SIDE_FILE_BYTES: u64 = 8 << 20;
/// Variables of chat templates that name special tokens.
const NAMED: [&str; 7] = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

/// See [`Text::load`].
pub(super) fn text(folder: &Path) -> Result<Text, ModelError> {
    let path = folder.join("tokenizer.json");
    let file = path.display().to_string();
    let bytes = read(&path, TOKENIZER_BYTES)?.ok_or_else(|| ModelError::File {
        file: file.clone(),
        problem: "is missing".into(),
        remedy: "the folder of a model needs the tokenizer in this form".into(),
    })?;
    let tokenizer = Tokenizer::from_bytes(&bytes).map_err(|e| damaged(&file, &e.to_string()))?;
    let settings = object(folder, "tokenizer_config.json")?.unwrap_or_default();
    let named = named(&settings);
    let stop = stop_tokens(folder, &tokenizer, &named)?;
    let template = match template_source(folder, &settings)? {
        Some((file, source)) => Some(Template::new(&file, source, named)?),
        None => None,
    };
    Text::of_parts(&file, tokenizer, template, stop)
}

/// A file's bytes, or nothing if there is no such file.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, ModelError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(damaged(&path.display().to_string(), &error.to_string())),
    };
    let mut bytes = Vec::new();
    let name = || path.display().to_string();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(|e| damaged(&name(), &e.to_string()))?;
    if bytes.len() as u64 > limit {
        return Err(damaged(&name(), &format!("has more than {limit} bytes")));
    }
    Ok(Some(bytes))
}

/// A side file that holds one JSON value, or nothing if there is no such file.
pub(crate) fn json(folder: &Path, name: &str) -> Result<Option<Value>, ModelError> {
    let path = folder.join(name);
    let Some(bytes) = read(&path, SIDE_FILE_BYTES)? else { return Ok(None) };
    serde_json::from_slice(&bytes).map(Some).map_err(|e| damaged(&path.display().to_string(), &e.to_string()))
}

/// A side file that holds one JSON object, or nothing if there is no such file.
pub(crate) fn object(folder: &Path, name: &str) -> Result<Option<Map<String, Value>>, ModelError> {
    match json(folder, name)? {
        None => Ok(None),
        Some(Value::Object(object)) => Ok(Some(object)),
        Some(_) => Err(damaged(&folder.join(name).display().to_string(), "does not hold an object")),
    }
}

/// The error of a file that cannot be used as it is.
pub(crate) fn damaged(file: &str, problem: &str) -> ModelError {
    ModelError::File { file: file.into(), problem: problem.into(), remedy: "fetch the model again".into() }
}

/// The error of a file that says something that is not supported.
pub(crate) fn unsupported(file: &str, problem: String, remedy: &str) -> ModelError {
    ModelError::File { file: file.into(), problem, remedy: remedy.into() }
}

/// Special tokens that the template may name. They stand as strings or as objects with a `content`.
fn named(settings: &Map<String, Value>) -> Vec<(String, String)> {
    let content = |value: &Value| value.as_str().or_else(|| value.get("content")?.as_str()).map(String::from);
    NAMED.iter().filter_map(|&name| Some((name.to_string(), content(settings.get(name)?)?))).collect()
}

/// Where the template stands, and what it says: a file of its own before `tokenizer_config.json`, which has one or several
/// with names.
fn template_source(folder: &Path, settings: &Map<String, Value>) -> Result<Option<(String, String)>, ModelError> {
    let path = folder.join("chat_template.jinja");
    let name = path.display().to_string();
    if let Some(bytes) = read(&path, SIDE_FILE_BYTES)? {
        let source = String::from_utf8(bytes).map_err(|_| damaged(&name, "is not UTF-8"))?;
        return Ok(Some((name, source)));
    }
    let named_default = |item: &Value| {
        (item.get("name")?.as_str()? == "default").then(|| item.get("template")?.as_str().map(String::from))?
    };
    let source = match settings.get("chat_template") {
        Some(Value::String(source)) => Some(source.clone()),
        Some(Value::Array(items)) => items.iter().find_map(named_default),
        _ => None,
    };
    Ok(source.map(|source| (folder.join("tokenizer_config.json").display().to_string(), source)))
}

/// End of sequence by the three files that name it; each may know one that the others do not.
fn stop_tokens(folder: &Path, tokenizer: &Tokenizer, named: &[(String, String)]) -> Result<Vec<u32>, ModelError> {
    let mut stop = Vec::new();
    for name in ["generation_config.json", "config.json"] {
        let Some(settings) = object(folder, name)? else { continue };
        let wrong = || damaged(&folder.join(name).display().to_string(), "eos_token_id is not a token id");
        let id = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok()).ok_or_else(wrong);
        match settings.get("eos_token_id") {
            None | Some(Value::Null) => {}
            Some(Value::Array(ids)) => stop.append(&mut ids.iter().map(id).collect::<Result<_, _>>()?),
            Some(value) => stop.push(id(value)?),
        }
    }
    let eos = named.iter().find(|(name, _)| name == "eos_token");
    stop.extend(eos.and_then(|(_, token)| tokenizer.token_to_id(token)));
    Ok(stop)
}
