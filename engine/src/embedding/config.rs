//! What the files of an encoder say about it.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::model::ModelError;
use crate::text::folder::{damaged, json, object, unsupported};

/// Sizes above this are those of no model.
const LARGEST: usize = 1 << 20;

/// `config.json`, and what the side files add.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Config {
    pub(super) vocab_size: usize,
    pub(super) hidden_size: usize,
    pub(super) num_hidden_layers: usize,
    pub(super) num_attention_heads: usize,
    pub(super) intermediate_size: usize,
    pub(super) max_position_embeddings: usize,
    pub(super) type_vocab_size: usize,
    pub(super) layer_norm_eps: f64,
    hidden_act: String,
    #[serde(default)]
    position_embedding_type: Option<String>,
    /// Tokens that are read.
    #[serde(skip)]
    pub(super) longest: usize,
    #[serde(skip)]
    pub(super) pooling: Pooling,
}

/// How the states of the tokens become one vector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Pooling {
    /// Their mean, over all tokens.
    #[default]
    Mean,
    /// The first.
    Cls,
}

impl Config {
    pub(super) fn load(folder: &Path) -> Result<Self, ModelError> {
        let name = |file: &str| folder.join(file).display().to_string();
        let file = name("config.json");
        let value = object(folder, "config.json")?.ok_or_else(|| damaged(&file, "is missing"))?;
        if value.get("model_type").and_then(Value::as_str) != Some("bert") {
            let kind = value.get("model_type").unwrap_or(&Value::Null);
            return Err(unsupported(&file, format!("model_type is {kind}"), "encoders of type \"bert\" are supported"));
        }
        let mut config: Self =
            serde_json::from_value(Value::Object(value)).map_err(|e| damaged(&file, &e.to_string()))?;
        config.check(&file)?;
        modules(folder, &name("modules.json"))?;
        config.pooling = pooling(folder, &name("1_Pooling/config.json"))?;
        let settings = object(folder, "sentence_bert_config.json")?.unwrap_or_default();
        let longest = settings.get("max_seq_length").and_then(Value::as_u64).map_or(usize::MAX, |n| n as usize);
        config.longest = longest.min(config.max_position_embeddings);
        if config.longest < 2 {
            return Err(damaged(&name("sentence_bert_config.json"), "max_seq_length leaves no room for a token"));
        }
        Ok(config)
    }

    fn check(&self, file: &str) -> Result<(), ModelError> {
        let sizes = [
            self.vocab_size,
            self.hidden_size,
            self.num_hidden_layers,
            self.num_attention_heads,
            self.intermediate_size,
            self.max_position_embeddings,
            self.type_vocab_size,
        ];
        if sizes.iter().any(|&size| size == 0 || size > LARGEST) {
            return Err(damaged(file, &format!("has a size that is zero or above {LARGEST}")));
        }
        if !self.hidden_size.is_multiple_of(self.num_attention_heads) {
            return Err(damaged(file, "num_attention_heads does not divide hidden_size"));
        }
        if self.hidden_act != "gelu" {
            let problem = format!("hidden_act is {:?}", self.hidden_act);
            return Err(unsupported(file, problem, "only \"gelu\" is supported"));
        }
        match self.position_embedding_type.as_deref() {
            None | Some("absolute") => Ok(()),
            Some(other) => {
                let problem = format!("position_embedding_type is {other:?}");
                Err(unsupported(file, problem, "only \"absolute\" is supported"))
            }
        }
    }
}

/// The steps of the pipeline: a transformer, a pooling, a division by the length (which is done in any case).
fn modules(folder: &Path, file: &str) -> Result<(), ModelError> {
    let Some(modules) = json(folder, "modules.json")? else { return Ok(()) };
    let modules = modules.as_array().ok_or_else(|| damaged(file, "does not hold a list"))?;
    for module in modules {
        let kind = module["type"].as_str().unwrap_or_default();
        if !["Transformer", "Pooling", "Normalize"].contains(&kind.rsplit('.').next().unwrap_or_default()) {
            let problem = format!("has a module of type {kind:?}");
            return Err(unsupported(file, problem, "Transformer, Pooling and Normalize are supported"));
        }
    }
    Ok(())
}

/// Flags named `pooling_mode_…` of which one is set, or one name.
fn pooling(folder: &Path, file: &str) -> Result<Pooling, ModelError> {
    let Some(settings) = object(folder, "1_Pooling/config.json")? else { return Ok(Pooling::default()) };
    let flags = settings.iter().filter(|(_, value)| **value == Value::Bool(true));
    let mut modes: Vec<&str> = flags.filter_map(|(key, _)| key.strip_prefix("pooling_mode_")).collect();
    modes.extend(settings.get("pooling_mode").and_then(Value::as_str));
    match modes[..] {
        ["mean_tokens" | "mean"] => Ok(Pooling::Mean),
        ["cls_token" | "cls"] => Ok(Pooling::Cls),
        _ => {
            let problem = format!("pooling is {:?}", modes.join(" + "));
            Err(unsupported(file, problem, "either the mean of the tokens or the first one is supported"))
        }
    }
}
