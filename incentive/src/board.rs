//! Verdicts of the last windows become a reputation: what each neuron is worth now.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use parity_scale_codec::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::policy::Policy;
use crate::task::Task;
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
    /// First block at which a proven fraud, in whatever task, no longer forfeits the pay for all of them.
    pub forfeited_until: Option<Block>,
    /// What it did in each task, each on its own.
    #[serde(with = "pairs")]
    pub tasks: BTreeMap<Task, Record>,
}

/// What a neuron did in one task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The window recorded last.
    pub last: Block,
    /// What the last windows earned, oldest first, rejected ones as 0; at most as many as the policy's median spans.
    pub windows: VecDeque<Score>,
}

impl Board {
    /// A board that knows nobody.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Records the verdict on one neuron for one task in one window.
    ///
    /// A void round and a frozen one leave the board as it is, and so does a task that the policy does not have. Each
    /// window of a task counts once, in order: one that is not later than the last recorded is ignored (a fraud proven
    /// later in the same window is not), so a record may be replayed.
    pub fn record(
        &mut self,
        registration: Registration,
        uid: Uid,
        (task, verdict): (Task, Verdict),
        window: Window,
        policy: &Policy,
    ) {
        let earned = match verdict {
            Verdict::Accepted(score) => Some(score),
            Verdict::Rejected(fault) => match fault.severity() {
                Severity::Window => Some(Score(0)),
                Severity::Fraud => None,
                Severity::Freeze => return,
            },
            Verdict::Void => return,
        };
        if !policy.has(task) || self.is_settled(&registration, uid, task, window.block, earned.is_none()) {
            return;
        }
        self.standings.retain(|other, standing| standing.uid != uid || *other == registration);
        let standing = self.standings.entry(registration).or_insert_with(|| Standing::new(uid));
        standing.uid = uid;
        standing.tasks.retain(|task, _| policy.has(*task));
        let forfeited = standing.is_forfeited(window.block);
        let record = standing.tasks.entry(task).or_default();
        record.last = window.block;
        match earned {
            // Windows inside a forfeited time build no reputation.
            Some(_) if forfeited => {}
            Some(score) => record.earn(score, policy.reputation.windows),
            None => standing.forfeit(window, policy.reputation.fraud_tempos),
        }
    }

    /// What a neuron is worth in a task at block `now`: the median of its last windows; 0 if unknown or while fraud forfeits.
    #[must_use]
    pub fn score(&self, registration: &Registration, task: Task, now: Block) -> Score {
        self.standings.get(registration).map_or(Score(0), |standing| standing.score(task, now))
    }

    /// What everybody is worth at block `now`, each uid once for each task in which it was seen: the input of
    /// [`crate::weights::weights`].
    #[must_use]
    pub fn scores(&self, now: Block) -> Vec<(Uid, Task, Score)> {
        self.standings.values().flat_map(|standing| standing.scores(now)).collect()
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

    /// Whether nothing is to be recorded: this window was, or the place has a newer holder.
    fn is_settled(&self, registration: &Registration, uid: Uid, task: Task, block: Block, fraud: bool) -> bool {
        let newer =
            |(other, standing): (&Registration, &Standing)| standing.uid == uid && other.block > registration.block;
        let record = self.standings.get(registration).and_then(|standing| standing.tasks.get(&task));
        self.standings.iter().any(newer)
            || record.is_some_and(|record| block < record.last || block == record.last && !fraud)
    }
}

impl Standing {
    const fn new(uid: Uid) -> Self {
        Self { uid, forfeited_until: None, tasks: BTreeMap::new() }
    }

    /// Whether a proven fraud forfeits the pay at block `now`.
    #[must_use]
    pub fn is_forfeited(&self, now: Block) -> bool {
        self.forfeited_until.is_some_and(|until| now < until)
    }

    /// The median of the windows of a task, or 0 while a fraud forfeits the pay.
    #[must_use]
    pub fn score(&self, task: Task, now: Block) -> Score {
        if self.is_forfeited(now) { Score(0) } else { self.tasks.get(&task).map_or(Score(0), Record::median) }
    }

    /// What it is worth at block `now` in each task in which it was seen.
    pub fn scores(&self, now: Block) -> impl Iterator<Item = (Uid, Task, Score)> + '_ {
        self.tasks.keys().map(move |task| (self.uid, *task, self.score(*task, now)))
    }

    fn forfeit(&mut self, window: Window, tempos: u32) {
        let until = window.block.after(u64::from(tempos).saturating_mul(u64::from(window.tempo)));
        self.forfeited_until = self.forfeited_until.max(Some(until));
        self.tasks.values_mut().for_each(|record| record.windows.clear());
    }
}

impl Record {
    fn earn(&mut self, score: Score, span: u32) {
        let span = usize::try_from(span).unwrap_or(usize::MAX);
        self.windows.push_back(score);
        while self.windows.len() > span {
            self.windows.pop_front();
        }
    }

    /// The median of the windows (the lower one of two); 0 without any.
    #[must_use]
    pub fn median(&self) -> Score {
        let mut sorted: Vec<_> = self.windows.iter().copied().collect();
        sorted.sort_unstable();
        sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or_default()
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

/// A map as a list of pairs: as text, its keys could not be more than strings.
mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::{Record, Task};

    pub(super) fn serialize<S: Serializer>(map: &BTreeMap<Task, Record>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<Task, Record>, D::Error> {
        Ok(Vec::deserialize(deserializer)?.into_iter().collect())
    }
}
