//! Where the server is and what may be asked of it.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A model on a server that speaks the OpenAI API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoteConfig {
    /// Its name in requests to this miner.
    pub id: String,
    /// The server's base address, such as `http://10.0.0.7:8000`, with or without `/v1`. Plain HTTP: TLS is for a proxy in front of it.
    pub url: String,
    /// Its name there; `id`, or the only one, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// A file with the API key. Its content is never logged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key_file: Option<PathBuf>,
    /// The environment variable with the API key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key_env: Option<String>,
    /// Which server it is.
    #[serde(default)]
    pub dialect: DialectConfig,
    /// Whether the model turns text into vectors instead of continuing it.
    #[serde(default)]
    pub embedding: bool,
    /// Longest sequence, for a server that does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<usize>,
    /// What `contrib/sglang_seeded_sampler.py --print` wrote; SGLang alone takes its sampler with every request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processor_file: Option<PathBuf>,
    /// Answers at once; more are told that the model is busy.
    #[serde(default = "defaults::slots")]
    pub slots: usize,
    /// Seconds to connect.
    #[serde(default = "defaults::connect_s")]
    pub connect_s: u64,
    /// Seconds to the first token, waiting and prefill included.
    #[serde(default = "defaults::first_s")]
    pub first_s: u64,
    /// Seconds between two tokens.
    #[serde(default = "defaults::idle_s")]
    pub idle_s: u64,
    /// Seconds for a whole answer.
    #[serde(default = "defaults::answer_s")]
    pub answer_s: u64,
}

/// Which server it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DialectConfig {
    /// Whatever it calls itself in `/v1/models`.
    #[default]
    Auto,
    /// The OpenAI API and nothing more.
    Openai,
    /// vLLM.
    Vllm,
    /// SGLang.
    Sglang,
    /// The server of llama.cpp itself (not the one of llama-cpp-python, which is `openai`).
    LlamaCpp,
}

impl RemoteConfig {
    /// A model of the server at this address, everything else as by default.
    #[must_use]
    pub fn new(id: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            url: url.into(),
            model: None,
            api_key_file: None,
            api_key_env: None,
            dialect: DialectConfig::Auto,
            embedding: false,
            context: None,
            processor_file: None,
            slots: defaults::slots(),
            connect_s: defaults::connect_s(),
            first_s: defaults::first_s(),
            idle_s: defaults::idle_s(),
            answer_s: defaults::answer_s(),
        }
    }

    pub(super) fn patience(&self) -> Patience {
        Patience {
            first: Duration::from_secs(self.first_s),
            idle: Duration::from_secs(self.idle_s),
            answer: Duration::from_secs(self.answer_s),
        }
    }
}

/// How long an answer is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    pub first: Duration,
    pub idle: Duration,
    pub answer: Duration,
}

mod defaults {
    pub(super) fn slots() -> usize {
        64
    }

    pub(super) fn connect_s() -> u64 {
        5
    }

    pub(super) fn first_s() -> u64 {
        60
    }

    pub(super) fn idle_s() -> u64 {
        30
    }

    pub(super) fn answer_s() -> u64 {
        1800
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_enough_and_unknown_keys_are_refused() {
        let config: RemoteConfig = serde_json::from_str(r#"{"id": "m", "url": "http://h:1"}"#).unwrap();
        assert_eq!(config, RemoteConfig::new("m", "http://h:1"));
        let config: RemoteConfig =
            serde_json::from_str(r#"{"id": "m", "url": "http://h:1", "dialect": "llama-cpp"}"#).unwrap();
        assert_eq!(config.dialect, DialectConfig::LlamaCpp);
        let error =
            serde_json::from_str::<RemoteConfig>(r#"{"id": "m", "url": "http://h:1", "api_key": "x"}"#).unwrap_err();
        assert!(error.to_string().contains("unknown field `api_key`"), "{error}");
    }
}
