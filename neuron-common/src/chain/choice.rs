//! Which of several endpoints is used (pure).
//!
//! The configured order is the order of preference. One that is down or lags behind the others is left at once; a better one
//! is taken back only after it was better for a while, so that one that comes and goes is not followed.

use std::time::Duration;

use incentive::units::Block;

/// Blocks that an endpoint may be behind the best one: nodes hear of finality a few blocks apart.
const LAG: u64 = 5;
/// An answer that takes longer is slow: it is a last resort.
const SLOW: Duration = Duration::from_secs(2);
/// Looks in a row at which another endpoint must have been better before it is taken instead of one that works.
const STEADY: u32 = 5;

/// What a look at an endpoint found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Nobody has looked yet.
    Unknown,
    /// It answers.
    Answers {
        /// Its finalized head.
        head: Block,
        /// How long the answer took.
        latency: Duration,
    },
    /// It does not answer.
    Silent,
    /// It serves another chain.
    OtherChain,
}

/// From best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Grade {
    Good,
    Slow,
    Unknown,
    Lagging,
    Silent,
    OtherChain,
}

/// The endpoints by their place in the configuration, and the one in use.
#[derive(Clone, Debug)]
pub struct Choice {
    seen: Vec<Seen>,
    current: usize,
    /// The better endpoint, and at how many looks in a row it was better.
    rival: Option<(usize, u32)>,
}

impl Choice {
    /// The first of `count` endpoints is used.
    pub fn new(count: usize) -> Self {
        Self { seen: vec![Seen::Unknown; count], current: 0, rival: None }
    }

    /// The endpoint to use.
    pub const fn current(&self) -> usize {
        self.current
    }

    /// What was last seen of an endpoint.
    pub fn seen(&self, index: usize) -> Seen {
        self.seen.get(index).copied().unwrap_or(Seen::Unknown)
    }

    /// Notes what a look or an attempt found. One in use that fails is left for the best other at once.
    pub fn note(&mut self, index: usize, seen: Seen) {
        if let Some(slot) = self.seen.get_mut(index) {
            *slot = seen;
        }
        if index == self.current && matches!(seen, Seen::Silent | Seen::OtherChain) {
            self.take(self.after_failure());
        }
    }

    /// To be called after all were looked at: leaves one that lags, and goes back to a better one that has proven steady.
    pub fn settle(&mut self) {
        let best = self.best();
        if self.grade(best) >= self.grade(self.current) && best >= self.current {
            self.rival = None;
            return;
        }
        let looks = self.rival.filter(|(index, _)| *index == best).map_or(1, |(_, looks)| looks + 1);
        if self.grade(self.current) >= Grade::Lagging || looks >= STEADY {
            self.take(best);
        } else {
            self.rival = Some((best, looks));
        }
    }

    /// Whether none can be used: all are silent or serve another chain.
    pub fn is_hopeless(&self) -> bool {
        (0..self.seen.len()).all(|index| self.grade(index) >= Grade::Silent)
    }

    /// Whether all of them serve another chain.
    pub fn is_elsewhere(&self) -> bool {
        self.seen.iter().all(|seen| *seen == Seen::OtherChain)
    }

    fn take(&mut self, index: usize) {
        self.current = index;
        self.rival = None;
    }

    /// The best; among those that are silent the next in turn, so that each is tried.
    fn after_failure(&self) -> usize {
        let best = self.best();
        if self.grade(best) < Grade::Silent {
            return best;
        }
        let turn = (1..=self.seen.len()).map(|step| (self.current + step) % self.seen.len());
        turn.min_by_key(|index| self.grade(*index)).unwrap_or(self.current)
    }

    fn best(&self) -> usize {
        (0..self.seen.len()).min_by_key(|index| self.grade(*index)).unwrap_or(0)
    }

    fn grade(&self, index: usize) -> Grade {
        match self.seen(index) {
            Seen::Unknown => Grade::Unknown,
            Seen::Silent => Grade::Silent,
            Seen::OtherChain => Grade::OtherChain,
            Seen::Answers { head, .. } if head.after(LAG) < self.newest() => Grade::Lagging,
            Seen::Answers { latency, .. } if latency > SLOW => Grade::Slow,
            Seen::Answers { .. } => Grade::Good,
        }
    }

    fn newest(&self) -> Block {
        let heads = self.seen.iter().filter_map(|seen| match seen {
            Seen::Answers { head, .. } => Some(*head),
            Seen::Unknown | Seen::Silent | Seen::OtherChain => None,
        });
        heads.max().unwrap_or(Block(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(head: u64) -> Seen {
        Seen::Answers { head: Block(head), latency: Duration::from_millis(20) }
    }

    /// One look at all of them.
    fn look(choice: &mut Choice, seen: &[Seen]) -> usize {
        for (index, seen) in seen.iter().enumerate() {
            choice.note(index, *seen);
        }
        choice.settle();
        choice.current()
    }

    #[test]
    fn the_order_of_the_configuration_is_that_of_preference() {
        let mut choice = Choice::new(3);
        assert_eq!(look(&mut choice, &[at(10), at(12), at(15)]), 0, "a few blocks apart");
    }

    #[test]
    fn one_that_fails_is_left_at_once_and_taken_back_when_steady() {
        let mut choice = Choice::new(2);
        look(&mut choice, &[at(10), at(10)]);
        choice.note(0, Seen::Silent);
        assert_eq!(choice.current(), 1);
        for _ in 1..STEADY {
            assert_eq!(look(&mut choice, &[at(20), at(20)]), 1);
        }
        assert_eq!(look(&mut choice, &[at(20), at(20)]), 0);
    }

    #[test]
    fn one_that_comes_and_goes_is_not_followed() {
        let mut choice = Choice::new(2);
        look(&mut choice, &[Seen::Silent, at(10)]);
        for round in 0..40 {
            let seen = if round % 4 == 0 { Seen::Silent } else { at(10) };
            assert_eq!(look(&mut choice, &[seen, at(10)]), 1, "{round}");
        }
    }

    #[test]
    fn one_that_lags_is_left_at_once() {
        let mut choice = Choice::new(2);
        assert_eq!(look(&mut choice, &[at(100), at(106)]), 1);
        assert_eq!(look(&mut choice, &[at(100), Seen::Silent]), 0, "better late than never");
    }

    #[test]
    fn a_slow_one_is_a_last_resort() {
        let slow = Seen::Answers { head: Block(10), latency: Duration::from_secs(3) };
        let mut choice = Choice::new(2);
        for _ in 1..STEADY {
            assert_eq!(look(&mut choice, &[slow, at(10)]), 0);
        }
        assert_eq!(look(&mut choice, &[slow, at(10)]), 1);
        assert_eq!(look(&mut choice, &[slow, Seen::Silent]), 0);
    }

    #[test]
    fn when_all_are_silent_each_is_tried_in_turn() {
        let mut choice = Choice::new(3);
        let mut tried = Vec::new();
        for _ in 0..6 {
            tried.push(choice.current());
            choice.note(choice.current(), Seen::Silent);
        }
        assert_eq!(tried, [0, 1, 2, 0, 1, 2]);
        assert!(choice.is_hopeless() && !choice.is_elsewhere());
        choice.note(1, Seen::OtherChain);
        let mut one = Choice::new(1);
        one.note(0, Seen::OtherChain);
        assert!(one.is_elsewhere());
        assert_eq!(one.current(), 0);
    }
}
