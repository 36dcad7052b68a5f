//! One generation in its slot.

use std::time::Instant;

use proof::fingerprint::bf16;

use crate::generation::{Event, Finish, Generation, GenerationError, Token};
use crate::model::Output;
use crate::sampler::{Row, SamplerError, choose, probability};
use crate::scheduler::queue::{Request, Sender};

/// A generation that has a slot.
pub(super) struct Run {
    /// Prompt and answer.
    pub tokens: Vec<u32>,
    /// Of these, how many are the prompt.
    pub prompt: usize,
    /// When it got its slot: the oldest goes first.
    pub admitted: u64,
    /// Since when its reader has had no room.
    pub paused: Option<Instant>,
    generation: Generation,
    events: Sender,
}

impl Run {
    pub fn new(request: Request, admitted: u64) -> Self {
        let mut generation = request.generation;
        let tokens = std::mem::take(&mut generation.prompt);
        Self { prompt: tokens.len(), tokens, admitted, paused: None, generation, events: request.events }
    }

    /// Whether nobody reads any more.
    pub fn is_cancelled(&self) -> bool {
        self.events.is_closed()
    }

    /// Whether a token and the end have room; while only this end sends, it stays so.
    pub fn has_room(&self) -> bool {
        self.events.capacity() >= 2
    }

    /// The next token, by these logits, with the state that they come from if that is asked for.
    ///
    /// # Errors
    /// When the logits are none.
    pub fn next(&self, Output { logits, hidden }: &Output) -> Result<(Token, Vec<u16>), SamplerError> {
        let row = Row::new(logits, &self.tokens[self.prompt..], self.tokens.len() as u64);
        let id = choose(&row, &self.generation.sampling)?.id;
        let (logprob, top) = probability::logprobs(logits, id, self.generation.top_logprobs);
        let state = if self.generation.states { hidden.iter().copied().map(bf16).collect() } else { Vec::new() };
        Ok((Token { id, logprob, top }, state))
    }

    /// Appends a token and tells the reader. Says whether and why it was the last.
    pub fn push(&mut self, (token, state): (Token, Vec<u16>), context: usize) -> Option<Finish> {
        self.tokens.push(token.id);
        let finish = if self.generation.stop.contains(&token.id) {
            Some(Finish::Stop)
        } else if self.tokens.len() - self.prompt >= self.generation.max_tokens || self.tokens.len() >= context {
            Some(Finish::Length)
        } else {
            None
        };
        self.send(Ok(Event::Token { token, state }));
        finish
    }

    /// Ends it.
    pub fn finish(self, finish: Finish) {
        self.send(Ok(Event::End(finish)));
    }

    /// Ends it with an error; the room for that is always there.
    pub fn fail(self, error: GenerationError) {
        self.send(Err(error));
    }

    fn send(&self, event: Result<Event, GenerationError>) {
        // Only a reader that has gone away misses it, and that is looked at before the next step.
        drop(self.events.try_send(event));
    }
}
