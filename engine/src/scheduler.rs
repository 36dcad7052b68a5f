//! Many generations on one decoder: continuous batching on a thread of its own.
//!
//! Each step takes every running answer one token further and fills prompts with what the step has left, oldest first,
//! so that a long prompt delays nobody's next token by more than a bound. Requests are admitted in their order;
//! fairness between callers is decided before they come here. A slot that is free keeps its tokens: the next prompt
//! that begins alike computes only the rest. (Who can time answers can therefore tell that somebody asked with the same
//! beginning.)
//!
//! - A reader that is behind pauses its own slot and no other; after [`Limits::patience`] the slot goes to others.
//! - A dropped reader frees its slot before the next step.
//! - A decoder that fails, or panics, fails the requests it was working on; the thread goes on.
//!
//! Tokens depend on nothing but prompt, sampling and logits: neither on who else is in the batch nor on what the slot
//! held before, as far as the decoder's logits do not.
//!
//! `queue` is what callers see, `run` one generation, `slots` where generations sit and what stays behind, `step` one
//! pass, `worker` the thread.

mod queue;
mod run;
mod slots;
mod step;
mod stub;
mod worker;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::generation::{Events, Generation, GenerationError};
use crate::model::Decoder;
use queue::{Queue, Request};
pub use stub::Stub;

/// Most alternatives that are reported for a token.
pub const ALTERNATIVES_MAX: usize = 20;

/// How much is taken on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Requests that wait for a slot; further ones are refused.
    pub waiting: usize,
    /// Tokens of prompts in one step.
    pub prefill: usize,
    /// Events that a reader may be behind before its slot pauses.
    pub buffered: usize,
    /// How long a slot pauses for its reader before it is given to others.
    pub patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { waiting: 256, prefill: 512, buffered: 256, patience: Duration::from_secs(30) }
    }
}

/// Counters since the start, and what is there now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Sequences that the decoder holds at once.
    pub slots: u64,
    /// Now being answered.
    pub running: u64,
    /// Now waiting for a slot.
    pub waiting: u64,
    /// Tokens of answers.
    pub generated: u64,
    /// Tokens of prompts that were computed.
    pub prompted: u64,
    /// Tokens of prompts that were there already.
    pub reused: u64,
    /// Passes of the decoder.
    pub steps: u64,
    /// Requests that the model failed.
    pub failed: u64,
    /// Requests whose reader went away, or was too slow.
    pub cancelled: u64,
}

/// A handle on the thread; when the last one is dropped, what runs is finished and the thread ends.
#[derive(Clone)]
pub struct Scheduler {
    handle: Arc<Handle>,
}

struct Handle {
    queue: Arc<Queue>,
    vocabulary: usize,
    context: usize,
    buffered: usize,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl Scheduler {
    /// Starts the thread.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn start(decoder: Box<dyn Decoder>, limits: Limits) -> std::io::Result<Self> {
        let (vocabulary, context) = (decoder.info().vocabulary, decoder.info().context);
        let queue = Arc::new(Queue::new(limits.waiting, decoder.slots()));
        // Room for a token and for the end after it is what lets a slot go on.
        let buffered = limits.buffered.max(2);
        let shared = Arc::clone(&queue);
        std::thread::Builder::new()
            .name("scheduler".into())
            .spawn(move || worker::work(decoder, &Limits { buffered, ..limits }, &shared))?;
        Ok(Self { handle: Arc::new(Handle { queue, vocabulary, context, buffered }) })
    }

    /// Takes a request on.
    ///
    /// # Errors
    /// When it cannot be served by any model, or not by this one, or not now.
    pub fn submit(&self, generation: Generation) -> Result<Events, GenerationError> {
        self.check(&generation)?;
        let (events, receiver) = mpsc::channel(self.handle.buffered);
        self.handle.queue.push(Request { generation, events })?;
        Ok(receiver)
    }

    /// What it did and does.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let (queue, counters) = (&self.handle.queue, &self.handle.queue.counters);
        let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            slots: queue.slots as u64,
            running: read(&counters.running),
            waiting: queue.waiting() as u64,
            generated: read(&counters.generated),
            prompted: read(&counters.prompted),
            reused: read(&counters.reused),
            steps: read(&counters.steps),
            failed: read(&counters.failed),
            cancelled: read(&counters.cancelled),
        }
    }

    /// Takes no more requests: those that wait are refused, those that run are finished.
    pub fn close(&self) {
        self.handle.queue.close();
    }

    /// Waits for the end of the thread, after [`Scheduler::close`]. Blocks.
    pub fn join(&self) {
        self.handle.queue.wait_for_end();
    }

    fn check(&self, generation: &Generation) -> Result<(), GenerationError> {
        let Handle { vocabulary, context, .. } = *self.handle;
        let prompt = generation.prompt.len();
        if prompt >= context {
            return Err(GenerationError::Context { prompt, context });
        }
        let problem = if prompt == 0 {
            "the prompt is empty".into()
        } else if generation.max_tokens == 0 {
            "no token is asked for".into()
        } else if let Some(id) = generation.prompt.iter().find(|id| **id as usize >= vocabulary) {
            format!("{id} is no token of this model, which has {vocabulary}")
        } else if generation.top_logprobs > ALTERNATIVES_MAX {
            format!("at most {ALTERNATIVES_MAX} alternatives are reported")
        } else if let Err(error) = generation.sampling.params().check() {
            error.to_string()
        } else {
            return Ok(());
        };
        Err(GenerationError::Invalid(problem))
    }
}
