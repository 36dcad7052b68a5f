//! A model of this process's engine: text in, text out, tokens as they come.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use engine::embedding::Encoder;
use engine::generation::{Event, Events, Finish, Generation, GenerationError, Sampling, Token};
use engine::model::{Decoder, LoadOptions, Loaded, ModelInfo};
use engine::scheduler::{Limits, Scheduler};
use engine::text::{Cut, Detokenizer, StopFilter, Text, TextError};
use futures_util::future::BoxFuture;
use proof::fingerprint::{CHUNK, FINGERPRINT, Fingerprint};
use proof::inference::request_digest;
use tokio::sync::mpsc;

use super::Identity;
use super::backend::{
    Backend, BackendError, Completion, Delta, Deltas, Embeddings, Kind, Logprob, Model, Prompt, room,
};
use super::config::LocalModel;

/// Deltas that may wait for a reader; more wait in the engine, which gives the slot away when that takes too long.
const BUFFER: usize = 64;

/// A decoder with its text half.
pub struct Local {
    model: Model,
    text: Arc<Text>,
    scheduler: Scheduler,
    identity: Identity,
}

/// An encoder with its text half.
pub struct Embedder {
    model: Model,
    text: Arc<Text>,
    encoder: Arc<Encoder>,
}

/// Loads a model; takes as long as its files are large.
///
/// # Errors
/// Names the file and what is wrong with it.
pub async fn open(config: &LocalModel, identity: Identity) -> Result<Arc<dyn Backend>> {
    let config = config.clone();
    tokio::task::spawn_blocking(move || load(&config, identity)).await.context("loading broke off")?
}

fn load(config: &LocalModel, identity: Identity) -> Result<Arc<dyn Backend>> {
    let text = Text::load(&config.path)?;
    if config.kind == Kind::Encoder {
        let encoder = Encoder::load(&config.path)?;
        let model = model(&config.id, encoder.info(), Kind::Encoder);
        return Ok(Arc::new(Embedder { model, text: Arc::new(text), encoder: Arc::new(encoder) }));
    }
    let options = options(config)?;
    let Loaded { decoder, .. } = engine::model::load(&config.path, &options)?;
    Ok(Arc::new(Local::new(&config.id, text, decoder, identity)?))
}

/// How a model is loaded.
///
/// # Errors
/// When the precision is none.
pub fn options(config: &LocalModel) -> Result<LoadOptions<'static>> {
    let precision = config
        .precision
        .as_deref()
        .map(str::parse)
        .transpose()
        .map_err(|error| anyhow::anyhow!("`inference.models.precision` of {:?}: {error}", config.id))?;
    Ok(LoadOptions { precision, slots: config.slots, context: config.context, ..LoadOptions::default() })
}

fn model(id: &str, info: &ModelInfo, kind: Kind) -> Model {
    Model {
        id: id.to_owned(),
        digest: Some(info.digest),
        context: info.context,
        created: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
        kind,
        sampler: (kind == Kind::Decoder).then_some(proof::inference::SAMPLER),
        fingerprint: (kind == Kind::Decoder).then_some(FINGERPRINT),
    }
}

/// Tokens of a prompt. A text gets what the tokenizer puts around texts, such as BOS.
fn encode(text: &Text, prompt: Prompt) -> Result<Vec<u32>, BackendError> {
    let (parameter, ids) = match prompt {
        Prompt::Tokens(ids) => return Ok(ids),
        Prompt::Text(words) => ("prompt", text.encode(&words, true)),
        Prompt::Chat(messages) => ("messages", text.chat(&messages)),
    };
    ids.map_err(|error| match error {
        TextError::Tokenizer(_) | TextError::Template(_) => BackendError::Unavailable(error.to_string()),
        _ => BackendError::Invalid { parameter, code: "invalid_value", message: error.to_string() },
    })
}

/// A long text takes milliseconds, and other answers must not wait for it.
async fn encoded(text: &Arc<Text>, prompt: Prompt) -> Result<Vec<u32>, BackendError> {
    if let Prompt::Tokens(ids) = prompt {
        return Ok(ids);
    }
    let text = Arc::clone(text);
    let ids = tokio::task::spawn_blocking(move || encode(&text, prompt)).await;
    ids.unwrap_or_else(|_| Err(BackendError::Unavailable("the tokenizer failed".into())))
}

// === impl Local ===

impl Local {
    /// Puts a decoder and the text half of the same model together.
    ///
    /// # Errors
    /// When there is no thread for the engine.
    pub fn new(id: &str, text: Text, decoder: Box<dyn Decoder>, identity: Identity) -> std::io::Result<Self> {
        let info = decoder.info().clone();
        let scheduler = Scheduler::start(decoder, Limits::default())?;
        Ok(Self::over(id, &info, Arc::new(text), scheduler, identity))
    }

    /// The same over an engine that runs already.
    #[must_use]
    pub fn over(id: &str, info: &ModelInfo, text: Arc<Text>, scheduler: Scheduler, identity: Identity) -> Self {
        Self { model: model(id, info, Kind::Decoder), text, scheduler, identity }
    }

    async fn begin(&self, completion: Completion) -> Result<Deltas, BackendError> {
        let prompt = encoded(&self.text, completion.prompt.clone()).await?;
        let max_tokens = room(prompt.len(), completion.max_tokens, self.model.context)?;
        let params = completion.params();
        let seed = self.identity.seed(&completion, &request_digest(&prompt, &params));
        let generation = Generation {
            prompt: prompt.clone(),
            sampling: Sampling::seeded(&params, seed),
            max_tokens,
            stop: if completion.ignore_eos { Vec::new() } else { self.text.stop_tokens().to_vec() },
            top_logprobs: completion.logprobs.unwrap_or(0),
            states: completion.fingerprint,
        };
        let events = self.scheduler.submit(generation).map_err(refused)?;
        let (sender, deltas) = mpsc::channel(BUFFER);
        let answer = Answer {
            stops: StopFilter::new(completion.stop),
            words: self.text.stream(),
            logprobs: completion.logprobs.is_some(),
            tokens: 0,
            states: Vec::new(),
            text: Arc::clone(&self.text),
        };
        tokio::spawn(answer.run(Delta::Begin { prompt_tokens: prompt.len(), prompt_ids: prompt }, events, sender));
        Ok(deltas)
    }
}

impl Backend for Local {
    fn model(&self) -> &Model {
        &self.model
    }

    fn complete(&self, request: Completion) -> BoxFuture<'_, Result<Deltas, BackendError>> {
        Box::pin(self.begin(request))
    }

    fn embed(&self, _: Vec<Prompt>) -> BoxFuture<'_, Result<Embeddings, BackendError>> {
        Box::pin(async { Err(unfit("this model does not embed")) })
    }
}

fn unfit(message: &str) -> BackendError {
    BackendError::Invalid { parameter: "model", code: "unsupported_parameter", message: message.to_owned() }
}

fn refused(error: GenerationError) -> BackendError {
    let invalid = |code, message| BackendError::Invalid { parameter: "prompt", code, message };
    match error {
        GenerationError::Context { .. } => invalid("context_length_exceeded", error.to_string()),
        GenerationError::Invalid(message) => invalid("invalid_value", message),
        GenerationError::Busy => BackendError::Busy,
        GenerationError::Slow | GenerationError::Closed | GenerationError::Failed(_) => {
            BackendError::Unavailable(error.to_string())
        }
    }
}

/// One answer on its way from tokens to text.
struct Answer {
    text: Arc<Text>,
    words: Detokenizer,
    stops: StopFilter,
    logprobs: bool,
    tokens: usize,
    /// Hidden states of the chunk that is not full yet, if they are asked for.
    states: Vec<u16>,
}

// === impl Answer ===

impl Answer {
    /// Passes the answer on. When nobody listens any longer, the events are dropped, and with them the slot.
    async fn run(self, begin: Delta, events: Events, deltas: mpsc::Sender<Result<Delta, BackendError>>) {
        tokio::select! {
            () = deltas.closed() => {}
            () = self.pass_on(begin, events, &deltas) => {}
        }
    }

    async fn pass_on(mut self, begin: Delta, mut events: Events, deltas: &mpsc::Sender<Result<Delta, BackendError>>) {
        let _gone = deltas.send(Ok(begin)).await;
        loop {
            match events.recv().await {
                Some(Ok(Event::Token { token, state })) => {
                    if let Some(fingerprint) = self.keep(&state) {
                        let _gone = deltas.send(Ok(fingerprint)).await;
                    }
                    let (delta, stopped) = self.token(token);
                    let _gone = deltas.send(Ok(delta)).await;
                    if stopped {
                        // Nothing more is asked of the engine.
                        drop(events);
                        let end = Delta::End { finish: Finish::Stop, tokens: self.tokens };
                        for delta in self.fingerprint().into_iter().chain([end]) {
                            let _gone = deltas.send(Ok(delta)).await;
                        }
                        return;
                    }
                }
                Some(Ok(Event::End(finish))) => return self.finish(finish, deltas).await,
                Some(Err(error)) => {
                    let _gone = deltas.send(Err(refused(error))).await;
                    return;
                }
                None => {
                    let _gone = deltas.send(Err(BackendError::Unavailable("the engine broke off".into()))).await;
                    return;
                }
            }
        }
    }

    /// Takes the state of the next token; the fingerprint, where it is the last of a chunk.
    fn keep(&mut self, state: &[u16]) -> Option<Delta> {
        self.states.extend_from_slice(state);
        if self.states.len() < CHUNK * state.len() { None } else { self.fingerprint() }
    }

    /// Of the states that have none yet.
    fn fingerprint(&mut self) -> Option<Delta> {
        let fingerprint = (!self.states.is_empty()).then(|| Delta::Fingerprint(Fingerprint::of(&self.states)));
        self.states.clear();
        fingerprint
    }

    /// What a token shows, and whether a stop text is complete with it.
    fn token(&mut self, token: Token) -> (Delta, bool) {
        self.tokens += 1;
        let Cut { text, stopped } = self.stops.push(&self.words.push(token.id));
        let logprobs = if self.logprobs { vec![self.named(&token)] } else { Vec::new() };
        (Delta::Text { text, tokens: vec![token], logprobs }, stopped)
    }

    fn named(&self, token: &Token) -> Logprob {
        let bytes = |id: u32| self.text.piece(id).to_vec();
        let top = token.top.iter().map(|(id, logprob)| (bytes(*id), *logprob)).collect();
        Logprob { bytes: bytes(token.id), logprob: token.logprob, top }
    }

    /// What was held back, and the end.
    async fn finish(mut self, finish: Finish, deltas: &mpsc::Sender<Result<Delta, BackendError>>) {
        let fingerprint = self.fingerprint();
        let last = self.words.finish();
        let Cut { text, stopped } = self.stops.push(&last);
        let rest = if stopped { Cut::default() } else { self.stops.finish() };
        let text = text + &rest.text;
        let finish = if stopped || rest.stopped { Finish::Stop } else { finish };
        let shown = Delta::Text { text, tokens: Vec::new(), logprobs: Vec::new() };
        let end = Delta::End { finish, tokens: self.tokens };
        for delta in [Some(shown), fingerprint, Some(end)].into_iter().flatten() {
            let _gone = deltas.send(Ok(delta)).await;
        }
    }
}

// === impl Embedder ===

impl Backend for Embedder {
    fn model(&self) -> &Model {
        &self.model
    }

    fn complete(&self, _: Completion) -> BoxFuture<'_, Result<Deltas, BackendError>> {
        Box::pin(async { Err(unfit("this model embeds and does not continue text")) })
    }

    fn embed(&self, inputs: Vec<Prompt>) -> BoxFuture<'_, Result<Embeddings, BackendError>> {
        let (text, encoder, context) = (Arc::clone(&self.text), Arc::clone(&self.encoder), self.model.context);
        Box::pin(async move {
            let work = move || embed(&text, &encoder, context, inputs);
            let done = tokio::task::spawn_blocking(work).await;
            done.unwrap_or_else(|_| Err(BackendError::Unavailable("the encoder failed".into())))
        })
    }
}

fn embed(text: &Text, encoder: &Encoder, context: usize, inputs: Vec<Prompt>) -> Result<Embeddings, BackendError> {
    let mut ids = Vec::with_capacity(inputs.len());
    for input in inputs {
        let input = encode(text, input)?;
        if input.len() > context {
            let message =
                format!("this model's maximum context length is {context} tokens; an input has {}", input.len());
            return Err(BackendError::Invalid { parameter: "prompt", code: "context_length_exceeded", message });
        }
        if let Some(id) = input.iter().find(|id| **id as usize >= encoder.info().vocabulary) {
            let message = format!("{id} is no token of this model");
            return Err(BackendError::Invalid { parameter: "prompt", code: "invalid_value", message });
        }
        ids.push(input);
    }
    let vectors = encoder.embed(&ids).map_err(|error| BackendError::Unavailable(error.to_string()))?;
    Ok(Embeddings { vectors, tokens: ids.iter().map(Vec::len).sum() })
}
