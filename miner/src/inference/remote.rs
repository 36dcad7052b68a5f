//! A model on any server that speaks the OpenAI API: vLLM, SGLang, llama.cpp, and whatever else does. `docs/serving.md` says which
//! of them can be checked, and so be paid.
//!
//! - [`config`]: where it is
//! - [`capabilities`]: what it can do and what that is worth
//! - `probe`: finds that out
//! - `prompt`: the ids of a prompt, from the server's tokenizer
//! - `request`: what is sent
//! - `chunk`, `stream`: what comes back
//! - `gaps`: ids that llama.cpp does not show
//! - `embed`: vectors
//! - `http`: bounded requests

pub mod capabilities;
mod chunk;
pub mod config;
mod embed;
mod error;
mod gaps;
mod http;
mod probe;
mod prompt;
mod request;
mod stream;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use futures_util::future::BoxFuture;
use proof::inference::SAMPLER;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;

pub use capabilities::{Capabilities, Dialect, Standing, payable};
pub use config::{DialectConfig, RemoteConfig};
pub use error::RemoteError;

use self::http::Http;
use self::request::{Ask, Seeded};
use self::stream::{Chunks, Expected};
use super::backend::{Backend, BackendError, Completion, Deltas, Embeddings, Kind, Model, Prompt};

/// Deltas that wait for a reader before the server is read on.
const BUFFERED: usize = 64;

/// Most bytes of the processor that SGLang takes with each request.
const PROCESSOR: usize = 1 << 20;

/// Tokenises prompts here instead of there.
pub type Tokenizer = Arc<dyn Fn(&Prompt) -> Result<Vec<u32>, BackendError> + Send + Sync>;

/// Derives the seed of an answer from the request and the prompt's ids.
pub type Seed = Arc<dyn Fn(&Completion, &[u32]) -> [u8; 32] + Send + Sync>;

/// What this miner brings along.
#[derive(Clone, Default)]
pub struct Parts {
    /// Its own tokenizer for the model; the server's is asked without one, which costs a round trip.
    pub tokenizer: Option<Tokenizer>,
    /// How it derives seeds; without, nothing is sampled by seed.
    pub seed: Option<Seed>,
}

/// A model on another server.
pub struct Remote {
    http: Http,
    config: RemoteConfig,
    parts: Parts,
    model: Model,
    /// Its name there.
    there: String,
    capabilities: Capabilities,
    processor: Option<String>,
    /// As many requests as may run at once.
    permits: Arc<Semaphore>,
}

impl Remote {
    /// Connects and finds out what the server can do, by a few short answers.
    ///
    /// # Errors
    /// When the configuration does not hold, nobody answers, or the model is not there; each names the remedy.
    pub async fn connect(config: RemoteConfig, parts: Parts) -> Result<Self, RemoteError> {
        let http = Http::new(&config)?;
        let processor = config.processor_file.as_deref().map(|path| http::small_file(path, PROCESSOR)).transpose()?;
        let processor = processor.map(|text| text.trim().to_owned());
        let found = probe::find(&http, &config).await?;
        let capabilities = if config.embedding {
            let (dialect, context) = (found.dialect, found.context);
            Capabilities {
                dialect,
                context,
                token_ids: false,
                prompt_ids: false,
                logprobs: false,
                greedy: false,
                seeded: false,
            }
        } else {
            probe::probe(&http, &found, &parts, processor.as_deref(), config.patience()).await?
        };
        let model = Model {
            id: config.id.clone(),
            digest: None,
            sampler: capabilities.seeded.then_some(SAMPLER),
            // No server hands out hidden states.
            fingerprint: None,
            context: found.context,
            created: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
            kind: if config.embedding { Kind::Encoder } else { Kind::Decoder },
        };
        let permits = Arc::new(Semaphore::new(config.slots));
        let there = found.model;
        Ok(Self { http, config, parts, model, there, capabilities, processor, permits })
    }

    /// What the server can do.
    #[must_use]
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn begin(&self, request: Completion) -> Result<Deltas, BackendError> {
        self.check(&request)?;
        let permit = Arc::clone(&self.permits).try_acquire_owned().map_err(|_| BackendError::Busy)?;
        let ids = self.ids(&request.prompt).await?;
        let max_tokens = self.room(ids.as_deref(), &request)?;
        let seed = match (&self.parts.seed, &ids) {
            (Some(seed), Some(ids)) if self.capabilities.seeded => Some(seed(&request, ids)),
            _ => None,
        };
        let ask = Ask {
            model: &self.there,
            completion: &request,
            ids: ids.as_deref(),
            max_tokens,
            seeded: seed.map(|seed| Seeded { seed, processor: self.processor.as_deref() }),
        };
        let (path, body, shape) = request::completion(&self.capabilities, &ask);
        let (asked_at, patience) = (Instant::now(), self.config.patience());
        let response = tokio::time::timeout(patience.first, self.http.stream(path, &body))
            .await
            .unwrap_or_else(|_| Err(http::slow(patience.first)))
            .map_err(|failure| failure.for_request(parameter(&request.prompt)))?;
        let chunks = Chunks::new(response, shape, self.capabilities.context, patience, asked_at);
        let expected = Expected {
            token_ids: self.capabilities.token_ids,
            max_tokens: max_tokens.unwrap_or(self.capabilities.context),
            alternatives: request.logprobs.unwrap_or_default(),
            prompt_ids: ids.unwrap_or_default(),
        };
        let gaps = gaps::Gaps::new(&self.http, &self.capabilities, &request, body);
        let (deltas, receiver) = mpsc::channel(BUFFERED);
        tokio::spawn(stream::pass_on(chunks, expected, gaps, deltas, permit));
        Ok(receiver)
    }

    fn check(&self, request: &Completion) -> Result<(), BackendError> {
        let invalid = |parameter, message: &str| {
            Err(BackendError::Invalid { parameter, code: "invalid_value", message: message.to_owned() })
        };
        if self.model.kind == Kind::Encoder {
            return invalid("model", "this model embeds and does not continue text");
        }
        if request.logprobs.is_some() && !self.capabilities.logprobs {
            return invalid("logprobs", "this model reports no log probabilities");
        }
        Ok(())
    }

    /// The ids that are sent, if ids are.
    async fn ids(&self, prompt: &Prompt) -> Result<Option<Vec<u32>>, BackendError> {
        match (prompt, &self.parts.tokenizer) {
            (Prompt::Tokens(ids), _) if self.capabilities.prompt_ids => Ok(Some(ids.clone())),
            (Prompt::Tokens(_), _) if self.capabilities.dialect == Dialect::OpenAi => {
                let message = "the server behind this model takes text and no token ids".into();
                Err(BackendError::Invalid { parameter: "prompt", code: "invalid_value", message })
            }
            _ if !self.capabilities.prompt_ids => Ok(None),
            (_, Some(tokenizer)) => {
                let (tokenizer, prompt) = (Arc::clone(tokenizer), prompt.clone());
                // A long prompt takes milliseconds, and other answers must not wait for it.
                let ids = tokio::task::spawn_blocking(move || tokenizer(&prompt)).await;
                ids.unwrap_or_else(|_| Err(BackendError::Unavailable("the tokenizer failed".into()))).map(Some)
            }
            (_, None) => prompt::ids(&self.http, self.capabilities.dialect, &self.there, prompt)
                .await
                .map_err(|failure| failure.for_request(parameter(prompt))),
        }
    }

    /// Most tokens of the answer.
    fn room(&self, ids: Option<&[u32]>, request: &Completion) -> Result<Option<usize>, BackendError> {
        let context = self.capabilities.context;
        let Some(ids) = ids else { return Ok(request.max_tokens.map(|most| most.min(context))) };
        let answer = request.max_tokens.unwrap_or_else(|| context.saturating_sub(ids.len()).max(1));
        let (code, message) = match ids.len() {
            0 => ("invalid_value", "the prompt is empty".to_owned()),
            prompt if prompt.saturating_add(answer) > context => (
                "context_length_exceeded",
                format!(
                    "this model's maximum context length is {context} tokens; {prompt} are in the prompt and {answer} are asked for"
                ),
            ),
            _ => return Ok(Some(answer)),
        };
        Err(BackendError::Invalid { parameter: parameter(&request.prompt), code, message })
    }
}

/// What the prompt is called in requests.
fn parameter(prompt: &Prompt) -> &'static str {
    if matches!(prompt, Prompt::Chat(_)) { "messages" } else { "prompt" }
}

impl Backend for Remote {
    fn model(&self) -> &Model {
        &self.model
    }

    fn complete(&self, request: Completion) -> BoxFuture<'_, Result<Deltas, BackendError>> {
        Box::pin(self.begin(request))
    }

    fn embed(&self, inputs: Vec<Prompt>) -> BoxFuture<'_, Result<Embeddings, BackendError>> {
        Box::pin(async move {
            if self.model.kind == Kind::Decoder {
                let message = "this model does not embed".into();
                return Err(BackendError::Invalid { parameter: "model", code: "invalid_value", message });
            }
            let _permit = self.permits.try_acquire().map_err(|_| BackendError::Busy)?;
            embed::embed(&self.http, &self.there, inputs).await
        })
    }
}

/// What `miner check` says of a configured server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Where, and what is there.
    pub text: String,
    /// What it is paid; `None` for a model that embeds.
    pub standing: Option<Standing>,
}

/// Connects, looks, and leaves again.
///
/// # Errors
/// As [`Remote::connect`], or when a model that is to embed does not.
pub async fn check(config: &RemoteConfig, parts: Parts) -> Result<Report, RemoteError> {
    let remote = Remote::connect(config.clone(), parts).await?;
    let place = format!("{} at {}", remote.there, remote.http.base());
    if remote.model.kind == Kind::Encoder {
        let (url, what) = (remote.http.base().to_owned(), "a trial vector");
        let trial = remote.embed(vec![Prompt::Text("trial".into())]).await;
        let vectors = trial.map_err(|error| RemoteError::Answer { url, what, reason: error.to_string() })?.vectors;
        let text = format!("{place}: vectors of {} numbers", vectors[0].len());
        return Ok(Report { text, standing: None });
    }
    let standing = payable(&remote.capabilities);
    Ok(Report { text: format!("{place}: {}; {standing}", remote.capabilities), standing: Some(standing) })
}
