//! What a round leaves behind: one outcome per neuron and task, or the reason why nothing counted.

use incentive::task::{ModelDigest, Task};
use incentive::units::{Block, Registration, Uid};
use incentive::verdict::{Fault, Severity, Verdict};
use serde::Serialize;

/// What a round found out about one neuron in one task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Its place at the block of the window.
    pub uid: Uid,
    /// Who held it.
    pub registration: Registration,
    /// What was found.
    pub verdict: Verdict,
    /// In which task, and how much was there to judge.
    pub work: Work,
}

/// What was counted of one task, whatever its verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Rounds of the compute proof.
    Compute {
        /// Those whose roots arrived inside the window.
        rounds: u64,
    },
    /// Answers of a model.
    Inference {
        /// Which.
        model: ModelDigest,
        /// What they came to.
        counts: Counts,
    },
}

/// What the answers of a neuron came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Answers that were asked for.
    pub answers: u64,
    /// Tokens that arrived before their deadlines in the time that is paid.
    pub tokens: u64,
    /// Tokens that were computed again.
    pub checked: u64,
}

impl Work {
    /// The task.
    #[must_use]
    pub const fn task(&self) -> Task {
        match self {
            Self::Compute { .. } => Task::Compute,
            Self::Inference { model, .. } => Task::Inference(*model),
        }
    }
}

impl Outcome {
    /// The task that was judged.
    #[must_use]
    pub const fn task(&self) -> Task {
        self.work.task()
    }
}

/// The validator's own failure to hold a round. Scores neither rise, fall nor decay by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VoidReason {
    /// The validator was not running when the window opened, or heard of it too late to measure it.
    Missed,
    /// The validator stopped between the start and the end of the round.
    Restarted,
    /// The validator holds no permit, so no miner has to answer it.
    NoPermit,
    /// The subnet could not be read at the block of the window.
    ChainLost,
    /// The validator's own clock stood still during the window for longer than the configured limit.
    LoopLag,
    /// More than half of the miners that passed the last round were unreachable at once.
    MostUnreachable,
    /// The validator's verification did not finish.
    VerifierFailed,
}

impl VoidReason {
    /// All reasons.
    pub const ALL: [Self; 7] = [
        Self::Missed,
        Self::Restarted,
        Self::NoPermit,
        Self::ChainLost,
        Self::LoopLag,
        Self::MostUnreachable,
        Self::VerifierFailed,
    ];

    /// The stable name: record, metric label, API.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Missed => "missed",
            Self::Restarted => "restarted",
            Self::NoPermit => "no_permit",
            Self::ChainLost => "chain_lost",
            Self::LoopLag => "loop_lag",
            Self::MostUnreachable => "most_unreachable",
            Self::VerifierFailed => "verifier_failed",
        }
    }

    /// What the operator can do about it.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::Missed | Self::Restarted => "nothing to do; keep the validator running through whole tempos",
            Self::NoPermit => "stake more on this hotkey; the permit comes with the next epoch",
            Self::ChainLost => "check `chain.endpoints`; a node of your own is the surest",
            Self::LoopLag => "give the validator processor time of its own, or raise `round.lag_limit_ms`",
            Self::MostUnreachable => "check the uplink and the firewall of this machine",
            Self::VerifierFailed => "see the error logged before; check the memory of this machine",
        }
    }

    /// The reason of that name.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }
}

impl std::fmt::Display for VoidReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}

/// The last round that counted, as far as the next one needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Before {
    /// Who passed its compute part.
    pub passed: Vec<Registration>,
    /// Whether the round after it was void because most of them were unreachable.
    pub was_unreachable: bool,
}

/// Whether more than half of those who passed the last round are unreachable now. The compute part tells, as everybody
/// takes part in it.
///
/// It excuses one round and not the next: a majority that stays away would otherwise keep its scores for ever.
#[must_use]
pub fn most_unreachable(before: &Before, outcomes: &[Outcome]) -> bool {
    if before.was_unreachable {
        return false;
    }
    let (mut asked, mut lost) = (0_usize, 0_usize);
    let compute = outcomes.iter().filter(|outcome| outcome.task() == Task::Compute);
    for outcome in compute.filter(|outcome| before.passed.contains(&outcome.registration)) {
        asked += 1;
        lost += usize::from(outcome.verdict == Verdict::Rejected(Fault::Unreachable));
    }
    asked > 0 && lost * 2 > asked
}

/// Ends the patience with a neuron that claims to speak no common version: it is frozen in at most `limit` of its last
/// windows, then it counts as refusing. Without an end the claim would be worth a score for ever, without any work.
#[must_use]
pub fn without_endless_freeze(verdict: Verdict, frozen_before: u32, limit: u32) -> Verdict {
    match verdict {
        Verdict::Rejected(fault) if fault.severity() == Severity::Freeze && frozen_before >= limit => {
            Verdict::Rejected(Fault::WindowRefused)
        }
        Verdict::Accepted(_) | Verdict::Rejected(_) | Verdict::Void => verdict,
    }
}

/// A round as the API and the next round see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoundSummary {
    /// The block that opened the window.
    pub block: Block,
    /// The epoch that the subnet was in.
    pub epoch: u64,
    /// Why it does not count, if it does not.
    pub void: Option<VoidReason>,
}

#[cfg(test)]
mod tests {
    use incentive::units::{Hotkey, Score};

    use super::*;

    fn registration(key: u8) -> Registration {
        Registration { hotkey: Hotkey([key; 32]), block: Block(1) }
    }

    fn outcome(key: u8, verdict: Verdict) -> Outcome {
        Outcome { uid: Uid(key.into()), registration: registration(key), verdict, work: Work::Compute { rounds: 0 } }
    }

    const LOST: Verdict = Verdict::Rejected(Fault::Unreachable);
    const PASSED: Verdict = Verdict::Accepted(Score(1));

    fn before(keys: &[u8]) -> Before {
        Before { passed: keys.iter().copied().map(registration).collect(), was_unreachable: false }
    }

    #[test]
    fn half_is_not_more_than_half() {
        let outcomes = [outcome(1, LOST), outcome(2, PASSED), outcome(3, LOST), outcome(4, PASSED)];
        assert!(!most_unreachable(&before(&[1, 2, 3, 4]), &outcomes));
        assert!(most_unreachable(&before(&[1, 2, 3]), &outcomes));
    }

    #[test]
    fn only_those_who_passed_and_are_still_there_count() {
        let outcomes = [outcome(1, LOST), outcome(2, LOST), outcome(3, PASSED)];
        assert!(!most_unreachable(&before(&[3]), &outcomes), "those who never passed prove nothing");
        assert!(!most_unreachable(&before(&[]), &outcomes));
        assert!(!most_unreachable(&before(&[9]), &outcomes), "who left the subnet was not asked");
        assert!(most_unreachable(&before(&[1, 9]), &outcomes));
    }

    #[test]
    fn answers_of_models_neither_excuse_nor_accuse() {
        let work = Work::Inference { model: ModelDigest([1; 32]), counts: Counts::default() };
        let of_model = |key, verdict| Outcome { work, ..outcome(key, verdict) };
        assert!(!most_unreachable(&before(&[1]), &[outcome(1, PASSED), of_model(1, LOST)]));
        assert!(most_unreachable(&before(&[1]), &[outcome(1, LOST), of_model(1, PASSED)]));
    }

    #[test]
    fn other_faults_are_no_excuse() {
        let outcomes =
            [outcome(1, Verdict::Rejected(Fault::NoRoot)), outcome(2, Verdict::Rejected(Fault::WindowRefused))];
        assert!(!most_unreachable(&before(&[1, 2]), &outcomes));
    }

    #[test]
    fn a_majority_cannot_stay_away_for_ever() {
        let outcomes = [outcome(1, LOST)];
        assert!(most_unreachable(&before(&[1]), &outcomes));
        assert!(!most_unreachable(&Before { was_unreachable: true, ..before(&[1]) }, &outcomes));
    }

    #[test]
    fn a_freeze_ends() {
        let frozen = Verdict::Rejected(Fault::UnsupportedVersion);
        assert_eq!(without_endless_freeze(frozen, 4, 5), frozen);
        assert_eq!(without_endless_freeze(frozen, 5, 5), Verdict::Rejected(Fault::WindowRefused));
        assert_eq!(without_endless_freeze(PASSED, 9, 5), PASSED);
    }

    #[test]
    fn codes_are_unique_and_known() {
        for reason in VoidReason::ALL {
            assert_eq!(VoidReason::from_code(reason.code()), Some(reason));
        }
        assert_eq!(VoidReason::from_code("weather"), None);
    }
}
