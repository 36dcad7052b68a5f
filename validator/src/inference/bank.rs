//! Requests that are ready before they are needed: in a window, text and tokens would take time from the clock.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;
use tokio::sync::Semaphore;

use super::models::{Model, Question};
use super::traffic::{Source, Traffic, TrafficError};

/// Most requests that lie ready: a few kilobytes each.
const READY_MAX: usize = 16_384;
/// So many drawn in a row without one that the model's template takes: it takes none.
const TRIES: usize = 100;

/// Requests to one model.
pub struct Bank {
    model: Arc<Model>,
    source: Source,
    answer_tokens: u32,
    ready: Mutex<VecDeque<Question>>,
    /// One at a time is made in a window: the rest of the machine is for the clock.
    making: Semaphore,
}

impl Bank {
    /// An empty one.
    ///
    /// # Errors
    /// When no recorded request fits the model.
    pub fn new(model: Arc<Model>, traffic: &Arc<Traffic>, answer_tokens: u32) -> Result<Self, TrafficError> {
        let source = traffic.asking(model.asked(answer_tokens))?;
        Ok(Self { model, source, answer_tokens, ready: Mutex::default(), making: Semaphore::new(1) })
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// Makes requests until so many lie ready, or `go` says no. Blocks, for about a millisecond each.
    pub fn fill(&self, wanted: usize, go: impl Fn() -> bool) {
        while self.ready.lock().len() < wanted.min(READY_MAX) && go() {
            let Some(question) = self.draw() else { return };
            self.ready.lock().push_back(question);
        }
    }

    /// Requests that lie ready.
    #[must_use]
    pub fn ready(&self) -> usize {
        self.ready.lock().len()
    }

    /// A request that lies ready, each once.
    #[must_use]
    pub fn take(&self) -> Option<Question> {
        self.ready.lock().pop_front()
    }

    /// A request that is made now, in the order in which it was asked for. `None` when none can be made.
    pub async fn make(self: &Arc<Self>) -> Option<Question> {
        let _turn = self.making.acquire().await.ok()?;
        let bank = Arc::clone(self);
        tokio::task::spawn_blocking(move || bank.draw()).await.ok().flatten()
    }

    fn draw(&self) -> Option<Question> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).ok()?;
        let mut rng = ChaCha20Rng::from_seed(seed);
        (0..TRIES).find_map(|_| {
            let question = self.model.question(self.source.draw(&mut rng)).ok()?;
            // A miner refuses what could grow beyond the context, however few of its tokens are read.
            let answer = question.probe.max_tokens.unwrap_or(0).max(self.answer_tokens);
            let tokens = question.prompt.len().saturating_add(answer as usize);
            (!question.prompt.is_empty() && tokens <= self.model.context as usize).then_some(question)
        })
    }
}
