//! What a server is and can do, found out by asking it.

use incentive::units::Hotkey;
use serde::Deserialize;
use tokio::time::Instant;

use super::capabilities::{Capabilities, Dialect};
use super::config::{DialectConfig, Patience, RemoteConfig};
use super::error::RemoteError;
use super::http::{Failure, Http};
use super::request::{self, Ask, Seeded};
use super::stream::{Chunks, Expected, collect};
use super::{Parts, prompt};
use crate::inference::backend::{Completion, Prompt};

/// Tokens of a trial. With a vocabulary of thousands, so many equal ones are no accident.
const TOKENS: usize = 12;

/// What the trials continue.
const TEXT: &str = "The quick brown fox";

#[derive(Deserialize)]
struct Models {
    data: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    id: String,
    #[serde(default)]
    owned_by: String,
    /// vLLM and SGLang.
    #[serde(default)]
    max_model_len: Option<usize>,
    /// llama.cpp.
    #[serde(default)]
    meta: Option<Meta>,
}

#[derive(Deserialize)]
struct Meta {
    /// Of one slot. Older builds do not say it.
    #[serde(default)]
    n_ctx: Option<usize>,
}

/// The model in `/v1/models`.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub model: String,
    pub dialect: Dialect,
    /// 0 for an encoder whose server does not say.
    pub context: usize,
}

/// Looks the model up.
pub(super) async fn find(http: &Http, config: &RemoteConfig) -> Result<Found, RemoteError> {
    let url = http.base().to_owned();
    let Models { data } =
        http.get("/v1/models").await.map_err(|failure| RemoteError::of(&url, "the list of models", failure))?;
    let available: Vec<_> = data.iter().take(20).map(|listed| listed.id.chars().take(120).collect()).collect();
    let listed = match &config.model {
        Some(model) => data.into_iter().find(|listed| listed.id == *model),
        None if data.len() == 1 => data.into_iter().next(),
        None => data.into_iter().find(|listed| listed.id == config.id),
    };
    let Some(listed) = listed else {
        return Err(RemoteError::Model { url, model: config.model.clone(), available });
    };
    let dialect = match (config.dialect, listed.owned_by.as_str()) {
        (DialectConfig::Vllm, _) | (DialectConfig::Auto, "vllm") => Dialect::Vllm,
        (DialectConfig::Sglang, _) | (DialectConfig::Auto, "sglang") => Dialect::Sglang,
        (DialectConfig::LlamaCpp, _) | (DialectConfig::Auto, "llamacpp") => Dialect::LlamaCpp,
        (DialectConfig::Openai, _) | (DialectConfig::Auto, _) => Dialect::OpenAi,
    };
    let said = listed.max_model_len.or(listed.meta.and_then(|meta| meta.n_ctx));
    let context = match (said, config.context) {
        (Some(said), Some(set)) => said.min(set),
        (Some(context), None) | (None, Some(context)) => context,
        (None, None) if config.embedding => 0,
        (None, None) => return Err(RemoteError::Context { url }),
    };
    Ok(Found { model: listed.id, dialect, context })
}

/// Asks for a few short answers and looks at them.
pub(super) async fn probe(
    http: &Http,
    found: &Found,
    parts: &Parts,
    processor: Option<&str>,
    patience: Patience,
) -> Result<Capabilities, RemoteError> {
    let failed = |what| move |failure| RemoteError::of(http.base(), what, failure);
    let text = Prompt::Text(TEXT.into());
    let ids = match &parts.tokenizer {
        Some(tokenizer) => tokenizer(&text).ok(),
        None => prompt::ids(http, found.dialect, &found.model, &text).await.map_err(failed("its tokenizer"))?,
    };
    let mut trial = Trial {
        http,
        found,
        patience,
        ids,
        processor,
        capabilities: Capabilities {
            dialect: found.dialect,
            context: found.context,
            token_ids: true,
            prompt_ids: true,
            logprobs: true,
            greedy: false,
            seeded: false,
        },
    };
    let (ids, logprobs) = trial.plain().await.map_err(failed("a trial answer"))?;
    trial.capabilities.token_ids = !ids.is_empty();
    trial.capabilities.logprobs &= logprobs;
    if ids.is_empty() {
        return Ok(trial.capabilities);
    }
    trial.capabilities.greedy = ids == trial.ask(None).await.map_err(failed("a trial answer"))?.0;
    if parts.seed.is_some() && trial.capabilities.prompt_ids {
        trial.capabilities.seeded = trial.seeded().await;
    }
    Ok(trial.capabilities)
}

struct Trial<'a> {
    http: &'a Http,
    found: &'a Found,
    patience: Patience,
    ids: Option<Vec<u32>>,
    processor: Option<&'a str>,
    /// What is supposed; narrowed as answers come.
    capabilities: Capabilities,
}

impl Trial<'_> {
    /// The first answer, at temperature 0. A server that refuses a wish is asked without it: llama-cpp-python refuses a list of ids
    /// with status 500, strict servers refuse an unknown key with 400 or 422.
    async fn plain(&mut self) -> Result<(Vec<u32>, bool), Failure> {
        self.capabilities.prompt_ids = self.ids.is_some();
        loop {
            let answer = self.ask(None).await;
            let Capabilities { dialect, prompt_ids, token_ids, logprobs, .. } = &mut self.capabilities;
            let wishes = [prompt_ids, token_ids, logprobs];
            let refused = match &answer {
                Err(Failure::Status(status, _)) => !matches!(status.as_u16(), 401 | 403 | 404 | 429),
                // mistral.rs writes log probabilities in a form of its own.
                Err(Failure::Answer(_)) => true,
                Ok(_) | Err(Failure::Network(_)) => false,
            };
            match wishes.into_iter().find(|wish| **wish) {
                Some(wish) if refused && *dialect == Dialect::OpenAi => *wish = false,
                _ => return answer,
            }
        }
    }

    /// Whether the seed decides: the plain request is greedy, so without the plugin two seeds would make no difference.
    async fn seeded(&self) -> bool {
        if self.found.dialect == Dialect::Sglang && self.processor.is_none()
            || !matches!(self.found.dialect, Dialect::Vllm | Dialect::Sglang)
        {
            return false;
        }
        let answers = [self.ask(Some([1; 32])).await, self.ask(Some([1; 32])).await, self.ask(Some([2; 32])).await];
        match answers {
            [Ok(one), Ok(again), Ok(other)] => !one.0.is_empty() && one.0 == again.0 && one.0 != other.0,
            // A server with a plugin that is missing or broken refuses the request; it may still be greedy.
            _ => false,
        }
    }

    async fn ask(&self, seed: Option<[u8; 32]>) -> Result<(Vec<u32>, bool), Failure> {
        let most = TOKENS.min(self.found.context.saturating_sub(self.ids.as_ref().map_or(TEXT.len(), Vec::len)).max(1));
        let completion = Completion {
            prompt: Prompt::Text(TEXT.into()),
            temperature: if seed.is_some() { 2.0 } else { 0.0 },
            top_k: 0,
            top_p: 1.0,
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            max_tokens: Some(most),
            stop: Vec::new(),
            ignore_eos: true,
            logprobs: Some(1).filter(|_| seed.is_none() && self.capabilities.logprobs),
            fingerprint: false,
            caller: Hotkey([0; 32]),
            nonce: [0; 32],
        };
        let ids = self.ids.as_deref().filter(|_| self.capabilities.prompt_ids);
        let ask = Ask {
            model: &self.found.model,
            completion: &completion,
            ids,
            max_tokens: Some(most),
            seeded: seed.map(|seed| Seeded { seed, processor: self.processor }),
        };
        let (path, body, shape) = request::completion(&self.capabilities, &ask);
        let asked_at = Instant::now();
        let response = tokio::time::timeout(self.patience.first, self.http.stream(path, &body))
            .await
            .unwrap_or_else(|_| Err(super::http::slow(self.patience.first)))?;
        let chunks = Chunks::new(response, shape, self.found.context, self.patience, asked_at);
        let expected = Expected { prompt_ids: Vec::new(), token_ids: true, max_tokens: most, alternatives: 1 };
        collect(chunks, expected).await
    }
}
