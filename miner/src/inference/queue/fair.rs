//! Whose turn it is: start-time fair queueing by weight. Pure: cost and time are arguments.
//!
//! Every party has a tag, the virtual time up to which it was served: what its answers cost, divided by its weight. The next
//! slot goes to the waiting party with the smallest tag. A party that comes back from a pause starts at the tag that is being
//! served now, so nobody saves up the past. A cost is known only at the end of an answer; until then the mean of all answers
//! stands for it.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::time::Duration;

/// Names one place in the queue.
pub type Ticket = u64;

/// One token at weight 1 in virtual time: large, so that a weight of 10¹⁹ still divides it.
const SCALE: u128 = 1 << 64;
/// An answer's part in the running means: one in so many.
const MEAN: u64 = 8;

/// The queue of one model.
#[derive(Debug)]
pub struct Fair<P> {
    slots: usize,
    bound: usize,
    running: usize,
    waiting: usize,
    /// The tag that was served last.
    clock: u128,
    /// What an answer costs on average.
    cost: u64,
    /// How long an answer holds its slot on average.
    held: Duration,
    lines: HashMap<P, Line>,
    next: Ticket,
}

#[derive(Debug)]
struct Line {
    weight: u64,
    tag: u128,
    waiting: VecDeque<Ticket>,
    running: usize,
}

/// A slot that is given away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn<P> {
    /// To whom.
    pub party: P,
    /// For which of its tickets.
    pub ticket: Ticket,
    /// What was charged in advance; comes back with [`Fair::release`].
    pub charged: u64,
}

/// Places in the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entered {
    /// One for each that was asked for.
    pub tickets: Vec<Ticket>,
    /// Tickets of others, who hold more than their share of a full queue: the newest of theirs give way.
    pub evicted: Vec<Ticket>,
}

/// There is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

// === impl Fair ===

impl<P: Clone + Eq + Hash> Fair<P> {
    /// A queue before `slots` slots in which `bound` tickets may wait.
    #[must_use]
    pub fn new(slots: usize, bound: usize) -> Self {
        Self {
            slots,
            bound,
            running: 0,
            waiting: 0,
            clock: 0,
            cost: 1,
            held: Duration::from_secs(1),
            lines: HashMap::new(),
            next: 0,
        }
    }

    /// Tickets that wait.
    #[must_use]
    pub const fn waiting(&self) -> usize {
        self.waiting
    }

    /// Slots that are given away.
    #[must_use]
    pub const fn running(&self) -> usize {
        self.running
    }

    /// Takes `places` places or none.
    ///
    /// # Errors
    /// [`Full`] if the queue is full and the party itself has the largest part of it, by weight.
    pub fn enter(&mut self, party: &P, weight: u64, places: usize) -> Result<Entered, Full> {
        let room = self.bound.saturating_add(self.slots.saturating_sub(self.running));
        let excess = self.waiting.saturating_add(places).saturating_sub(room);
        let victims = self.victims(party, weight, places, excess).ok_or(Full)?;
        let evicted = victims.iter().filter_map(|victim| self.evict(victim)).collect();
        let clock = self.clock;
        self.lines.retain(|_, line| line.active() || line.tag > clock);
        let fresh = Line { weight, tag: clock, waiting: VecDeque::new(), running: 0 };
        let line = self.lines.entry(party.clone()).or_insert(fresh);
        line.weight = weight.max(1);
        if !line.active() {
            line.tag = line.tag.max(clock);
        }
        let tickets: Vec<Ticket> = (self.next..).take(places).collect();
        self.next += places as Ticket;
        self.waiting += places;
        line.waiting.extend(&tickets);
        Ok(Entered { tickets, evicted })
    }

    /// Who gives way, one entry for each of `excess` tickets; `None` if it is the newcomer.
    fn victims(&self, newcomer: &P, weight: u64, places: usize, excess: usize) -> Option<Vec<P>> {
        let mut counts: Vec<(&P, usize, u64)> = self
            .lines
            .iter()
            .filter(|(party, _)| *party != newcomer)
            .map(|(party, line)| (party, line.waiting.len(), line.weight))
            .collect();
        let own = places + self.lines.get(newcomer).map_or(0, |line| line.waiting.len());
        let share = |count: usize, weight: u64| count as u128 * SCALE / u128::from(weight.max(1));
        let mut victims = Vec::new();
        for _ in 0..excess {
            let most = counts.iter_mut().max_by_key(|(_, count, weight)| share(*count, *weight))?;
            if share(most.1, most.2) <= share(own, weight) {
                return None;
            }
            most.1 -= 1;
            victims.push(most.0.clone());
        }
        Some(victims)
    }

    fn evict(&mut self, party: &P) -> Option<Ticket> {
        let ticket = self.lines.get_mut(party)?.waiting.pop_back()?;
        self.waiting -= 1;
        Some(ticket)
    }

    /// Gives the next slot away, if one is free and somebody waits.
    pub fn turn(&mut self) -> Option<Turn<P>> {
        if self.running >= self.slots {
            return None;
        }
        let waiting = self.lines.iter_mut().filter(|(_, line)| !line.waiting.is_empty());
        // Equal tags: who came first.
        let (party, line) = waiting.min_by_key(|(_, line)| (line.tag, line.waiting.front().copied()))?;
        let ticket = line.waiting.pop_front()?;
        self.clock = self.clock.max(line.tag);
        line.tag = line.tag.saturating_add(line.virtually(self.cost));
        line.running += 1;
        let turn = Turn { party: party.clone(), ticket, charged: self.cost };
        self.waiting -= 1;
        self.running += 1;
        Some(turn)
    }

    /// Gives a waiting ticket up.
    pub fn leave(&mut self, party: &P, ticket: Ticket) {
        let Some(line) = self.lines.get_mut(party) else { return };
        let before = line.waiting.len();
        line.waiting.retain(|waiting| *waiting != ticket);
        self.waiting -= before - line.waiting.len();
        self.rest();
    }

    /// Takes a slot back: what the answer really cost takes the place of what was charged.
    pub fn release(&mut self, party: &P, charged: u64, cost: u64, held: Duration) {
        if let Some(line) = self.lines.get_mut(party) {
            let (more, less) = (line.virtually(cost), line.virtually(charged));
            line.tag = line.tag.saturating_add(more).saturating_sub(less);
            line.running = line.running.saturating_sub(1);
        }
        self.running = self.running.saturating_sub(1);
        self.cost = (self.cost.saturating_mul(MEAN - 1).saturating_add(cost) / MEAN).max(1);
        self.held = (self.held * (MEAN as u32 - 1) + held) / MEAN as u32;
        self.rest();
    }

    /// When a place should be free again, from how fast slots came back so far: one second to one minute.
    #[must_use]
    pub fn retry_after(&self) -> Duration {
        let turns = (self.waiting + 1).div_ceil(self.slots.max(1));
        let turns = u32::try_from(turns).unwrap_or(u32::MAX);
        self.held.saturating_mul(turns).clamp(Duration::from_secs(1), Duration::from_secs(60))
    }

    /// With nobody here, nobody owes anything.
    fn rest(&mut self) {
        if self.running == 0 && self.waiting == 0 {
            self.lines.clear();
            self.clock = 0;
        }
    }
}

// === impl Line ===

impl Line {
    fn active(&self) -> bool {
        self.running > 0 || !self.waiting.is_empty()
    }

    fn virtually(&self, cost: u64) -> u128 {
        u128::from(cost) * SCALE / u128::from(self.weight.max(1))
    }
}
