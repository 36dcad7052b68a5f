//! Honest answers: what an engine says to requests, many at once.

use std::collections::VecDeque;

use anyhow::{Context as _, Result};
use engine::generation::{Event, Events, Generation, Sampling};
use engine::model::Decoder;
use engine::scheduler::{Limits, Scheduler};
use proof::fingerprint::{self, Fingerprint};

/// What was asked, and what was answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The prompt.
    pub prompt: Vec<u32>,
    /// How tokens were chosen, or are claimed to be.
    pub sampling: Sampling,
    /// The answer, with the token that ended it.
    pub ids: Vec<u32>,
    /// Of its states, one for each 32 tokens; none where nobody asked.
    pub fingerprints: Vec<Fingerprint>,
}

/// An engine that answers.
pub struct Engine {
    scheduler: Scheduler,
    /// Requests that are under way at once.
    ahead: usize,
}

impl Engine {
    /// On this decoder, all of its slots.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn start(decoder: Box<dyn Decoder>) -> Result<Self> {
        let ahead = 2 * decoder.slots();
        // Answers are read in the order in which they were asked for; none may wait for its reader.
        let limits = Limits { waiting: ahead, buffered: 4096, ..Limits::default() };
        Ok(Self { scheduler: Scheduler::start(decoder, limits).context("no thread for the engine")?, ahead })
    }

    /// Answers in the order of the requests. Blocks.
    ///
    /// # Errors
    /// When the model fails.
    pub fn answer(&self, requests: &[Generation]) -> Result<Vec<Answer>> {
        let mut running: VecDeque<Events> = VecDeque::new();
        let mut waiting = requests.iter();
        let mut answers = Vec::with_capacity(requests.len());
        for request in requests {
            for next in waiting.by_ref().take(self.ahead - running.len()) {
                running.push_back(self.scheduler.submit(next.clone())?);
            }
            let (ids, fingerprints) = read(running.pop_front().context("the engine lost a request")?)?;
            let (prompt, sampling) = (request.prompt.clone(), request.sampling.clone());
            answers.push(Answer { prompt, sampling, ids, fingerprints });
        }
        Ok(answers)
    }
}

impl Drop for Engine {
    /// The model's memory is free when this returns.
    fn drop(&mut self) {
        self.scheduler.close();
        self.scheduler.join();
    }
}

fn read(mut events: Events) -> Result<(Vec<u32>, Vec<Fingerprint>)> {
    let (mut ids, mut states, mut width) = (Vec::new(), Vec::new(), 0);
    while let Some(event) = events.blocking_recv() {
        match event? {
            Event::Token { token, state } => {
                ids.push(token.id);
                width = state.len();
                states.extend(state);
            }
            Event::End(_) => return Ok((ids, fingerprint::chunks(&states, width))),
        }
    }
    anyhow::bail!("the engine ended an answer without saying so")
}
