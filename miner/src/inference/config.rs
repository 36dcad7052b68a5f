//! Which models are served, and to whom. In configuration files the section `[inference]`.

use std::path::PathBuf;
use std::time::Duration;

use neuron_common::config::ConfigError;
use serde::{Deserialize, Serialize};

use super::backend::Kind;
use super::remote::RemoteConfig;

/// What is served. Without models nothing is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InferenceConfig {
    /// Requests that wait for a slot of a model at most; more get status 429.
    pub queue: usize,
    /// Seconds that one waits at most.
    pub deadline: u64,
    /// Bytes of a request's body at most. As many as there are connections may wait in memory.
    pub body: usize,
    /// Whether callers without signature and without API key are served.
    pub anyone: bool,
    /// SHA-256 digests of API keys, a line each; without it, only signed requests are served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_keys_file: Option<PathBuf>,
    /// Callers with an API key together get the share of a validator with this stake, in TAO.
    pub api_keys_stake: u64,
    /// The models.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<ModelConfig>,
}

/// One model and where it runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "source", rename_all = "lowercase")]
pub enum ModelConfig {
    /// In this process.
    Local(LocalModel),
    /// On a server that speaks the OpenAI API.
    Url(RemoteConfig),
}

/// A model of this process's engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalModel {
    /// Its name in requests.
    pub id: String,
    /// A folder as Hugging Face lays it out, or a `.gguf` file.
    pub path: PathBuf,
    /// What it does.
    #[serde(default)]
    pub kind: Kind,
    /// How weights are held; as they are stored, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision: Option<String>,
    /// Answers at once.
    #[serde(default = "slots")]
    pub slots: usize,
    /// Longest sequence, prompt and answer; the model's own, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<usize>,
}

const fn slots() -> usize {
    8
}

// === impl InferenceConfig ===

impl InferenceConfig {
    /// How long a request may wait.
    #[must_use]
    pub const fn deadline(&self) -> Duration {
        Duration::from_secs(self.deadline)
    }

    /// Whether this can work.
    ///
    /// # Errors
    /// Names the key and the remedy.
    pub fn check(&self) -> Result<(), ConfigError> {
        let unfit = |key: &'static str, value: String, remedy: &str| {
            Err(ConfigError::Unfit { key, value, remedy: remedy.to_owned() })
        };
        if self.queue == 0 {
            return unfit("inference.queue", "0".to_owned(), "choose at least 1");
        }
        if self.deadline == 0 {
            return unfit("inference.deadline", "0".to_owned(), "choose at least one second");
        }
        if !(1024..=64 * 1024 * 1024).contains(&self.body) {
            return unfit("inference.body", self.body.to_string(), "choose from 1024 bytes to 64 MiB");
        }
        for (index, model) in self.models.iter().enumerate() {
            let id = model.id();
            if id.is_empty() || id.len() > 256 || id.chars().any(char::is_control) {
                return unfit("inference.models.id", format!("{id:?}"), "choose a name of at most 256 bytes");
            }
            if self.models[..index].iter().any(|other| other.id() == id) {
                return unfit("inference.models.id", format!("{id:?}"), "give every model a name of its own");
            }
            if model.slots() == 0 {
                return unfit("inference.models.slots", "0".to_owned(), "choose at least 1");
            }
        }
        Ok(())
    }
}

impl Default for InferenceConfig {
    fn default() -> Self {
        Self {
            queue: 256,
            deadline: 30,
            body: 1024 * 1024,
            anyone: false,
            api_keys_file: None,
            api_keys_stake: 1000,
            models: Vec::new(),
        }
    }
}

// === impl ModelConfig ===

impl ModelConfig {
    /// Its name in requests.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Local(model) => &model.id,
            Self::Url(model) => &model.id,
        }
    }

    /// Answers at once.
    #[must_use]
    pub const fn slots(&self) -> usize {
        match self {
            Self::Local(model) => model.slots,
            Self::Url(model) => model.slots,
        }
    }
}

impl LocalModel {
    /// A decoder with all defaults.
    #[must_use]
    pub fn new(id: impl Into<String>, path: PathBuf) -> Self {
        Self { id: id.into(), path, kind: Kind::default(), precision: None, slots: slots(), context: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = "
        queue = 8
        [[models]]
        source = \"local\"
        id = \"qwen\"
        path = \"/models/qwen\"
        [[models]]
        source = \"local\"
        id = \"bge\"
        path = \"/models/bge\"
        kind = \"encoder\"
        [[models]]
        source = \"url\"
        id = \"llama\"
        url = \"http://127.0.0.1:8000\"
    ";

    fn parse(text: &str) -> Result<InferenceConfig, toml::de::Error> {
        toml::from_str(text)
    }

    #[test]
    fn models_are_listed_with_their_source() {
        let config = parse(EXAMPLE).unwrap();
        config.check().unwrap();
        assert_eq!(config.models[0], ModelConfig::Local(LocalModel::new("qwen", "/models/qwen".into())));
        let ModelConfig::Local(encoder) = &config.models[1] else { panic!("a local model") };
        assert_eq!((encoder.kind, config.queue), (Kind::Encoder, 8));
        assert_eq!(config.models[2], ModelConfig::Url(RemoteConfig::new("llama", "http://127.0.0.1:8000")));
    }

    #[test]
    fn what_cannot_work_is_named() {
        for (change, key) in [
            ("queue = 0", "inference.queue"),
            ("deadline = 0", "inference.deadline"),
            ("body = 5", "inference.body"),
            ("[[models]]\nsource = \"local\"\nid = \"\"\npath = \"x\"", "inference.models.id"),
            ("[[models]]\nsource = \"local\"\nid = \"x\"\npath = \"x\"\nslots = 0", "inference.models.slots"),
        ] {
            let error = parse(change).unwrap().check().unwrap_err().to_string();
            assert!(error.contains(key), "{error}");
        }
        let twice = EXAMPLE.replace("bge\"", "qwen\"");
        assert!(parse(&twice).unwrap().check().unwrap_err().to_string().contains("inference.models.id"));
        for wrong in [
            "[[models]]\nid = \"x\"\npath = \"x\"",
            "[[models]]\nsource = \"local\"\nid = \"x\"\npath = \"x\"\nn = 1",
            // What a server calls its model may change.
            "[[models]]\nsource = \"url\"\nurl = \"http://h\"",
        ] {
            parse(wrong).unwrap_err();
        }
    }
}
