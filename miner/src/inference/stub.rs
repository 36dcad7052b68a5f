//! A backend without a model, for tests and measurements of everything around one. No configuration leads here.

use std::sync::Arc;
use std::time::Duration;

use engine::generation::{Finish, Token};
use engine::text::{Cut, StopFilter};
use futures_util::future::BoxFuture;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};

use super::backend::{
    Backend, BackendError, Completion, Delta, Deltas, Embeddings, Kind, Logprob, Model, Prompt, room,
};

/// What it says, again and again, one word a token.
const WORDS: [&str; 8] = ["the ", "quick ", "brown ", "fox ", "jumps ", "over ", "lazy ", "dogs "];
/// Parts that may wait for a reader.
const BUFFER: usize = 256;

/// When the next token comes.
#[derive(Clone, Debug)]
pub enum Pace {
    /// As soon as the last one is taken.
    Free,
    /// One in so much time, without using the processor.
    Every(Duration),
    /// One for each permit of the semaphore.
    Gated(Arc<Semaphore>),
}

/// The backend.
#[derive(Clone, Debug)]
pub struct Stub {
    model: Model,
    pace: Pace,
    /// After how many tokens it would end by itself.
    length: usize,
    running: watch::Sender<usize>,
}

/// One running answer.
struct Running(watch::Sender<usize>);

// === impl Stub ===

impl Stub {
    /// A model of this name that says `length` words at the given pace.
    #[must_use]
    pub fn new(id: &str, pace: Pace, length: usize) -> Self {
        let model = Model {
            id: id.to_owned(),
            digest: Some([0xab; 32]),
            context: 4096,
            created: 1,
            kind: Kind::Decoder,
            sampler: Some(proof::inference::SAMPLER),
            fingerprint: None,
        };
        Self { model, pace, length, running: watch::channel(0).0 }
    }

    /// The same as a model that embeds.
    #[must_use]
    pub fn encoder(mut self) -> Self {
        self.model.kind = Kind::Encoder;
        self
    }

    /// How many answers run, as it changes.
    #[must_use]
    pub fn running(&self) -> watch::Receiver<usize> {
        self.running.subscribe()
    }

    async fn say(self, completion: Completion, most: usize, deltas: mpsc::Sender<Result<Delta, BackendError>>) {
        let _running = Running::new(&self.running);
        // Another nonce begins at another word.
        let words = (usize::from(completion.nonce[0])..).map(|word| word % WORDS.len());
        let length = if completion.ignore_eos { most } else { most.min(self.length) };
        let finish = if length < most { Finish::Stop } else { Finish::Length };
        let (mut stops, mut ticks) = (StopFilter::new(completion.stop), self.ticks());
        for (said, word) in (1..).zip(words).take(length) {
            tokio::select! {
                () = self.turn(&mut ticks) => {}
                () = deltas.closed() => return,
            }
            let Cut { text, stopped } = stops.push(WORDS[word]);
            let (token, logprobs) = token(word, completion.logprobs);
            if deltas.send(Ok(Delta::Text { text, tokens: vec![token], logprobs })).await.is_err() {
                return;
            }
            if stopped {
                let _gone = deltas.send(Ok(Delta::End { finish: Finish::Stop, tokens: said })).await;
                return;
            }
        }
        let rest = Delta::Text { text: stops.finish().text, tokens: Vec::new(), logprobs: Vec::new() };
        for last in [rest, Delta::End { finish, tokens: length }] {
            if deltas.send(Ok(last)).await.is_err() {
                return;
            }
        }
    }

    fn ticks(&self) -> Option<tokio::time::Interval> {
        let Pace::Every(time) = &self.pace else { return None };
        let mut ticks = interval(*time);
        // Timers are coarser than tokens may be: those that are due come together.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        Some(ticks)
    }

    async fn turn(&self, ticks: &mut Option<tokio::time::Interval>) {
        if let Some(ticks) = ticks {
            ticks.tick().await;
        }
        if let Pace::Gated(gate) = &self.pace
            && let Ok(permit) = gate.acquire().await
        {
            permit.forget();
        }
    }
}

impl Backend for Stub {
    fn model(&self) -> &Model {
        &self.model
    }

    fn complete(&self, completion: Completion) -> BoxFuture<'_, Result<Deltas, BackendError>> {
        Box::pin(async move {
            let prompt_ids = ids(&completion.prompt);
            let most = room(prompt_ids.len(), completion.max_tokens, self.model.context)?;
            let (sender, deltas) = mpsc::channel(BUFFER);
            let begin = Delta::Begin { prompt_tokens: prompt_ids.len(), prompt_ids };
            sender.try_send(Ok(begin)).map_err(|_full| BackendError::Busy)?;
            tokio::spawn(self.clone().say(completion, most, sender));
            Ok(deltas)
        })
    }

    fn embed(&self, inputs: Vec<Prompt>) -> BoxFuture<'_, Result<Embeddings, BackendError>> {
        Box::pin(async move {
            let tokens = inputs.iter().map(|input| ids(input).len());
            let vectors = tokens.clone().map(|length| {
                let angle = length as f32;
                vec![angle.cos(), angle.sin()]
            });
            Ok(Embeddings { vectors: vectors.collect(), tokens: tokens.sum() })
        })
    }
}

/// A byte is a token.
fn ids(prompt: &Prompt) -> Vec<u32> {
    let bytes = |text: &str| text.bytes().map(u32::from).collect();
    match prompt {
        Prompt::Tokens(ids) => ids.clone(),
        Prompt::Text(text) => bytes(text),
        Prompt::Chat(messages) => {
            bytes(&messages.iter().filter_map(|message| message["content"].as_str()).collect::<String>())
        }
    }
}

/// All words are as probable.
fn token(word: usize, alternatives: Option<usize>) -> (Token, Vec<Logprob>) {
    let logprob = -(WORDS.len() as f32).ln();
    let others: Vec<usize> =
        (word..).map(|word| word % WORDS.len()).take(alternatives.unwrap_or(0).min(WORDS.len())).collect();
    let token = Token { id: word as u32, logprob, top: others.iter().map(|word| (*word as u32, logprob)).collect() };
    let bytes = |word: usize| WORDS[word].as_bytes().to_vec();
    let top = others.into_iter().map(|word| (bytes(word), logprob)).collect();
    let logprobs = alternatives.map(|_| Logprob { bytes: bytes(word), logprob, top });
    (token, logprobs.into_iter().collect())
}

impl Running {
    fn new(running: &watch::Sender<usize>) -> Self {
        running.send_modify(|running| *running += 1);
        Self(running.clone())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.send_modify(|running| *running -= 1);
    }
}
