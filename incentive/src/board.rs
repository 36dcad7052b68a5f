//! Verdicts of the last windows become a reputation: what each neuron is worth now.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use parity_scale_codec::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::policy::Policy;
use crate::units::{Block, Registration, Score, Uid};
use crate::verdict::{Severity, Verdict};

#[cfg(test)]
mod tests;

/// The reputation of all neurons of a subnet, as one validator measured it.
///
/// A standing belongs to a registration: whoever registers anew starts from nothing. The board is a function of the
/// verdicts that were recorded, in order, so anybody who has them can build it again, bit for bit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(from = "Vec<(Registration, Standing)>", into = "Vec<(Registration, Standing)>")]
pub struct Board {
    standings: BTreeMap<Registration, Standing>,
}

/// Which window a verdict belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// The block at which it opened.
    pub block: Block,
    /// The subnet's `Tempo` at that block, in blocks.
    pub tempo: u16,
}

/// What a board knows of one neuron.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standing {
    /// The place it holds on the subnet.
    pub uid: Uid,
    /// The window recorded last.
    pub last: Block,
    /// First block at which a proven fraud no longer forfeits the pay.
    pub forfeited_until: Option<Block>,
    /// What the last windows earned, oldest first, rejected ones as 0; at most as many as the policy's median spans.
    pub windows: VecDeque<Score>,
}

impl Board {
    /// A board that knows nobody.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Records the verdict on one neuron for one window.
    ///
    /// A void round and a frozen one leave the board as it is. Each window counts once, in order: one that is not later
    /// than the last recorded is ignored (a fraud proven later in the same window is not), so a record may be replayed.
    pub fn record(&mut self, registration: Registration, uid: Uid, verdict: &Verdict, window: Window, policy: &Policy) {
        let earned = match verdict {
            Verdict::Accepted(score) => Some(*score),
            Verdict::Rejected(fault) => match fault.severity() {
                Severity::Window => Some(Score(0)),
                Severity::Fraud => None,
                Severity::Freeze => return,
            },
            Verdict::Void => return,
        };
        let Some(standing) = self.standing_of_holder(registration, uid, window.block, earned.is_none()) else { return };
        match earned {
            Some(score) => standing.earn(score, window.block, policy.reputation.windows),
            None => standing.forfeit(window, policy.reputation.fraud_tempos),
        }
    }

    /// What a neuron is worth at block `now`: the median of its last windows; 0 if unknown or while fraud forfeits.
    #[must_use]
    pub fn score(&self, registration: &Registration, now: Block) -> Score {
        self.standings.get(registration).map_or(Score(0), |standing| standing.score(now))
    }

    /// What everybody is worth at block `now`, each uid once: the input of [`crate::weights::weights`].
    #[must_use]
    pub fn scores(&self, now: Block) -> Vec<(Uid, Score)> {
        self.standings.values().map(|standing| (standing.uid, standing.score(now))).collect()
    }

    /// What the board knows of one neuron.
    #[must_use]
    pub fn standing(&self, registration: &Registration) -> Option<&Standing> {
        self.standings.get(registration)
    }

    /// Everybody the board knows.
    pub fn iter(&self) -> impl Iterator<Item = (&Registration, &Standing)> {
        self.standings.iter()
    }

    /// Drops everybody whose registration is not among the `current` ones.
    pub fn retain(&mut self, current: impl IntoIterator<Item = Registration>) {
        let current: BTreeSet<_> = current.into_iter().collect();
        self.standings.retain(|registration, _| current.contains(registration));
    }

    /// The standing to record in, or nothing if this window was recorded or the place has a newer holder.
    fn standing_of_holder(
        &mut self,
        registration: Registration,
        uid: Uid,
        block: Block,
        fraud: bool,
    ) -> Option<&mut Standing> {
        if self.standings.iter().any(|(other, standing)| standing.uid == uid && other.block > registration.block) {
            return None;
        }
        if let Some(standing) = self.standings.get(&registration)
            && (block < standing.last || block == standing.last && !fraud)
        {
            return None;
        }
        self.standings.retain(|other, standing| standing.uid != uid || *other == registration);
        let standing = self.standings.entry(registration).or_insert_with(|| Standing::new(uid));
        standing.uid = uid;
        standing.last = block;
        Some(standing)
    }
}

impl Standing {
    const fn new(uid: Uid) -> Self {
        Self { uid, last: Block(0), forfeited_until: None, windows: VecDeque::new() }
    }

    /// Whether a proven fraud forfeits the pay at block `now`.
    #[must_use]
    pub fn is_forfeited(&self, now: Block) -> bool {
        self.forfeited_until.is_some_and(|until| now < until)
    }

    /// The median of the windows (the lower one of two), or 0 while a fraud forfeits the pay.
    #[must_use]
    pub fn score(&self, now: Block) -> Score {
        if self.is_forfeited(now) {
            return Score(0);
        }
        let mut sorted: Vec<_> = self.windows.iter().copied().collect();
        sorted.sort_unstable();
        sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or_default()
    }

    /// Windows inside a forfeited time build no reputation.
    fn earn(&mut self, score: Score, block: Block, span: u32) {
        if self.is_forfeited(block) {
            return;
        }
        let span = usize::try_from(span).unwrap_or(usize::MAX);
        self.windows.push_back(score);
        while self.windows.len() > span {
            self.windows.pop_front();
        }
    }

    fn forfeit(&mut self, window: Window, tempos: u32) {
        let until = window.block.after(u64::from(tempos).saturating_mul(u64::from(window.tempo)));
        self.forfeited_until = self.forfeited_until.max(Some(until));
        self.windows.clear();
    }
}

impl From<Vec<(Registration, Standing)>> for Board {
    fn from(standings: Vec<(Registration, Standing)>) -> Self {
        Self { standings: standings.into_iter().collect() }
    }
}

impl From<Board> for Vec<(Registration, Standing)> {
    fn from(board: Board) -> Self {
        board.standings.into_iter().collect()
    }
}
