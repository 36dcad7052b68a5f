//! Between callers and the thread.

use std::collections::VecDeque;
use std::sync::atomic::AtomicU64;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;

use crate::generation::{Event, Generation, GenerationError};

/// Where the events of a generation go.
pub(super) type Sender = mpsc::Sender<Result<Event, GenerationError>>;

/// A checked request.
pub(super) struct Request {
    pub generation: Generation,
    pub events: Sender,
}

/// Requests in their order, and what is counted.
pub(super) struct Queue {
    pub slots: usize,
    pub counters: Counters,
    limit: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Request>,
    closed: bool,
    ended: bool,
}

/// See [`super::Stats`].
#[derive(Default)]
pub(super) struct Counters {
    pub running: AtomicU64,
    pub generated: AtomicU64,
    pub prompted: AtomicU64,
    pub reused: AtomicU64,
    pub steps: AtomicU64,
    pub failed: AtomicU64,
    pub cancelled: AtomicU64,
}

impl Queue {
    pub fn new(limit: usize, slots: usize) -> Self {
        Self {
            slots,
            counters: Counters::default(),
            limit,
            state: Mutex::new(State::default()),
            changed: Condvar::new(),
        }
    }

    /// # Errors
    /// `Closed`, or `Busy` when as many wait as may. Who waits and has gone away does not count.
    pub fn push(&self, request: Request) -> Result<(), GenerationError> {
        let mut state = self.state();
        if state.closed {
            return Err(GenerationError::Closed);
        }
        if state.waiting.len() >= self.limit {
            state.waiting.retain(|request| !request.events.is_closed());
            if state.waiting.len() >= self.limit {
                return Err(GenerationError::Busy);
            }
        }
        state.waiting.push_back(request);
        self.changed.notify_all();
        Ok(())
    }

    /// The next request whose reader is still there.
    pub fn pop(&self) -> Option<Request> {
        let mut state = self.state();
        std::iter::from_fn(|| state.waiting.pop_front()).find(|request| !request.events.is_closed())
    }

    pub fn waiting(&self) -> usize {
        self.state().waiting.iter().filter(|request| !request.events.is_closed()).count()
    }

    /// Sleeps until there is a request, or the end, or for this long at most. Says whether the end is asked for and
    /// nothing waits.
    pub fn sleep(&self, at_most: Option<Duration>) -> bool {
        let mut state = self.state();
        let idle = |state: &mut State| state.waiting.is_empty() && !state.closed;
        state = match at_most {
            None => self.changed.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner),
            Some(time) => self.changed.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner).0,
        };
        state.closed && state.waiting.is_empty()
    }

    /// Refuses what waits and what comes.
    pub fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        for request in state.waiting.drain(..) {
            // A reader that has gone away needs no answer.
            drop(request.events.try_send(Err(GenerationError::Closed)));
        }
        self.changed.notify_all();
    }

    /// The thread has ended.
    pub fn end(&self) {
        self.close();
        self.state().ended = true;
        self.changed.notify_all();
    }

    pub fn wait_for_end(&self) {
        let state = self.state();
        drop(self.changed.wait_while(state, |state| !state.ended));
    }

    /// Nobody panics while holding it; were it so, a queue is still a queue.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
