//! The queue before a model: bounded, with a deadline, fair between parties. A slot comes back when its [`Permit`] is dropped.

pub mod fair;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::access::Party;
use fair::{Entered, Fair, Ticket, Turn};

/// The queue of one model.
#[derive(Debug)]
pub struct Queue {
    state: Mutex<State>,
    deadline: Duration,
    depth: Gauge,
}

#[derive(Debug)]
struct State {
    fair: Fair<Party>,
    /// Whom to tell when a ticket's turn comes; dropped when it never will.
    waiting: HashMap<Ticket, oneshot::Sender<Permit>>,
    closed: bool,
}

/// Why there is no slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoSlot {
    /// Too many wait already; a place should be free after this time.
    Full(Duration),
    /// It was not this one's turn before the deadline.
    Late(Duration),
    /// The miner is stopping.
    Closed,
}

/// A place in the queue; given up when dropped.
#[derive(Debug)]
pub struct Place {
    queue: Arc<Queue>,
    party: Party,
    ticket: Ticket,
    turn: oneshot::Receiver<Permit>,
    until: Instant,
}

/// A slot; given back when dropped.
#[derive(Debug)]
pub struct Permit {
    queue: Arc<Queue>,
    party: Party,
    charged: u64,
    cost: u64,
    since: Instant,
}

// === impl Queue ===

impl Queue {
    /// A queue before `slots` slots, in which `bound` requests wait for at most `deadline`.
    #[must_use]
    pub fn new(slots: usize, bound: usize, deadline: Duration, depth: Gauge) -> Arc<Self> {
        let state = State { fair: Fair::new(slots, bound), waiting: HashMap::new(), closed: false };
        Arc::new(Self { state: Mutex::new(state), deadline, depth })
    }

    /// As many places as answers are asked for, or none.
    ///
    /// # Errors
    /// [`NoSlot::Full`] or [`NoSlot::Closed`].
    pub fn enter(self: &Arc<Self>, party: &Party, weight: u64, places: usize) -> Result<Vec<Place>, NoSlot> {
        let until = Instant::now() + self.deadline;
        let mut state = self.state.lock();
        if state.closed {
            return Err(NoSlot::Closed);
        }
        let Ok(Entered { tickets, evicted }) = state.fair.enter(party, weight, places) else {
            return Err(NoSlot::Full(state.fair.retry_after()));
        };
        for ticket in evicted {
            state.waiting.remove(&ticket);
        }
        let mut enter = |ticket| {
            let (sender, turn) = oneshot::channel();
            state.waiting.insert(ticket, sender);
            Place { queue: Arc::clone(self), party: party.clone(), ticket, turn, until }
        };
        let places = tickets.into_iter().map(&mut enter).collect();
        drop(state);
        self.turn();
        Ok(places)
    }

    /// Slots in use.
    #[must_use]
    pub fn running(&self) -> usize {
        self.state.lock().fair.running()
    }

    /// Places in the queue that are taken.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.state.lock().fair.waiting()
    }

    /// Sends away all that wait and lets nobody in; who has a slot keeps it.
    pub fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        state.waiting.clear();
    }

    /// Gives away the slots that are free.
    fn turn(self: &Arc<Self>) {
        let mut unwanted = Vec::new();
        let mut state = self.state.lock();
        while let Some(Turn { party, ticket, charged }) = state.fair.turn() {
            let permit = Permit { queue: Arc::clone(self), party, charged, cost: 0, since: Instant::now() };
            match state.waiting.remove(&ticket) {
                Some(waiting) => unwanted.extend(waiting.send(permit).err()),
                None => unwanted.push(permit),
            }
        }
        self.depth.set(i64::try_from(state.fair.waiting()).unwrap_or(i64::MAX));
        drop(state);
        // Each of these takes the lock when it is dropped.
        drop(unwanted);
    }
}

// === impl Place ===

impl Place {
    /// Waits for its turn.
    ///
    /// # Errors
    /// Why it does not come.
    pub async fn slot(mut self) -> Result<Permit, NoSlot> {
        match tokio::time::timeout_at(self.until, &mut self.turn).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_gave_way)) => Err(self.queue.refusal(NoSlot::Full)),
            Err(_late) => Err(self.queue.refusal(NoSlot::Late)),
        }
    }
}

impl Queue {
    fn refusal(&self, reason: impl Fn(Duration) -> NoSlot) -> NoSlot {
        let state = self.state.lock();
        if state.closed { NoSlot::Closed } else { reason(state.fair.retry_after()) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.queue.state.lock();
        if state.waiting.remove(&self.ticket).is_some() {
            state.fair.leave(&self.party, self.ticket);
            self.queue.depth.set(i64::try_from(state.fair.waiting()).unwrap_or(i64::MAX));
        }
    }
}

// === impl Permit ===

impl Permit {
    /// Counts tokens, of the prompt or of the answer.
    pub const fn charge(&mut self, tokens: u64) {
        self.cost = self.cost.saturating_add(tokens);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let Self { queue, party, charged, cost, since } = self;
        queue.state.lock().fair.release(party, *charged, (*cost).max(1), since.elapsed());
        let queue = Arc::clone(queue);
        queue.turn();
    }
}
