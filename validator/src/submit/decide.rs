//! Whether there is something to submit, and what an answer of the chain means.

use incentive::board::Board;
use incentive::policy::Policy;
use incentive::units::{Block, Hotkey, NetUid, Uid};
use incentive::weights::{WeightVector, weights};
use neuron_common::chain::{Cause, ChainError, Inclusion, Neuron, Reaction, SHORTEST_LIFETIME, Snapshot};

use super::WEIGHTS_VERSION;
use crate::store::{Attempts, Submission};

/// Submissions of one epoch that may come to nothing before it is given up: a refusal at every block is no way out.
const MAX_ATTEMPTS: u32 = 8;

/// What to do about the weights of now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Sign and submit these.
    Submit(WeightVector),
    /// Look again at this block.
    Wait(Block, Skip),
    /// Nothing for this round.
    Skip(Skip),
}

/// Why nothing is submitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Skip {
    /// The hotkey has no place on the subnet.
    #[error("the hotkey is not registered on subnet {0}; register it with `validator register --netuid {0}`")]
    NotRegistered(NetUid),
    /// Weights of a neuron without a permit do not count.
    #[error("uid {0} holds no validator permit: it needs more stake on this hotkey, and an epoch")]
    NoPermit(Uid),
    /// The owner demands a newer release.
    #[error("the subnet asks for weights of version {0}, this release writes {WEIGHTS_VERSION}; install a newer one")]
    Version(u64),
    /// No round has counted yet: the validator has no opinion.
    #[error("no round has counted yet")]
    NothingMeasured,
    /// Nobody scores and the subnet's owner has no place to burn at.
    #[error("nobody earned anything and the subnet's owner holds no uid to burn at")]
    NothingToPay,
    /// The round of this epoch has not ended: its weights are better than those of the last one.
    #[error("the round of this epoch has not ended; without it the last weights are submitted at block {0}")]
    RoundAhead(Block),
    /// This epoch has its submission.
    #[error("this epoch has its weights already")]
    EpochDone,
    /// The chain does not take the weights of this epoch before somebody acts.
    #[error("the chain refuses the weights of this epoch: {0}; {advice}", advice = .0.advice())]
    GivenUp(Cause),
    /// Nothing that was signed in this epoch has landed.
    #[error("{MAX_ATTEMPTS} submissions of this epoch came to nothing; the next epoch is tried again")]
    Attempts,
    /// What would be signed now could only land in the next epoch, and would take the place of its weights.
    #[error("the epoch ends before weights could land in it; the next one gets its own")]
    EpochEnds,
    /// Another process submits with this hotkey.
    #[error(
        "another process submits weights with this hotkey: block {0} holds some that this validator did not send; stop one of the two, then start this one again"
    )]
    Rival(Block),
    /// The chain takes weights of one validator only every so many blocks.
    #[error("the chain takes the next weights from block {0} on")]
    RateLimit(Block),
}

impl Skip {
    /// The stable name: metric label.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotRegistered(_) => "not_registered",
            Self::NoPermit(_) => "no_permit",
            Self::Version(_) => "version_key",
            Self::NothingMeasured => "nothing_measured",
            Self::NothingToPay => "nothing_to_pay",
            Self::RoundAhead(_) => "round_ahead",
            Self::EpochDone => "epoch_done",
            Self::GivenUp(_) => "given_up",
            Self::Attempts => "attempts",
            Self::EpochEnds => "epoch_ends",
            Self::Rival(_) => "rival",
            Self::RateLimit(_) => "rate_limit",
        }
    }

    /// Whether an operator or owner must act.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        match self {
            Self::NotRegistered(_)
            | Self::NoPermit(_)
            | Self::Version(_)
            | Self::GivenUp(_)
            | Self::Attempts
            | Self::Rival(_) => true,
            Self::NothingMeasured
            | Self::NothingToPay
            | Self::RoundAhead(_)
            | Self::EpochDone
            | Self::EpochEnds
            | Self::RateLimit(_) => false,
        }
    }
}

/// What has happened so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// The last submissions. One that is open is settled before anything is decided.
    pub attempts: Option<Attempts>,
    /// The window of the last round that ended.
    pub round: Block,
}

/// What to do now.
#[must_use]
pub fn decide(snapshot: &Snapshot, own: &Hotkey, board: &Board, past: &Past, policy: &Policy) -> Decision {
    let next_epoch = snapshot.last_epoch_block.after(u64::from(snapshot.tempo)).max(snapshot.block.number.after(1));
    let Some(neuron) = snapshot.neuron(own) else { return Decision::Skip(Skip::NotRegistered(snapshot.netuid)) };
    if snapshot.weights_version_key > WEIGHTS_VERSION {
        return Decision::Skip(Skip::Version(snapshot.weights_version_key));
    }
    if !neuron.validator_permit {
        return Decision::Wait(next_epoch, Skip::NoPermit(neuron.uid));
    }
    if let Some(skip) = settled(snapshot, neuron, past) {
        return Decision::Wait(next_epoch, skip);
    }
    // Every epoch has a round. Who submits before it is one epoch late from then on, as an epoch takes one submission.
    let reserve = policy.window.reserve_blocks;
    let late = next_epoch.get().saturating_sub(u64::from(reserve.div_ceil(4)).max(SHORTEST_LIFETIME));
    if past.round <= snapshot.last_epoch_block && snapshot.block.number < Block(late) {
        return Decision::Wait(Block(late), Skip::RoundAhead(Block(late)));
    }
    if snapshot.epoch_ends_in() < SHORTEST_LIFETIME {
        return Decision::Wait(next_epoch, Skip::EpochEnds);
    }
    // The chain looks at the block that includes the extrinsic, which is the next one at the earliest.
    let open = snapshot.weights_open_at(neuron);
    if open > snapshot.block.number.after(1) {
        return Decision::Wait(Block(open.get().saturating_sub(1)), Skip::RateLimit(open));
    }
    if board.iter().next().is_none() {
        return Decision::Skip(Skip::NothingMeasured);
    }
    let weights = payable(snapshot, own, board, policy);
    if weights.is_empty() { Decision::Skip(Skip::NothingToPay) } else { Decision::Submit(weights) }
}

/// Why this epoch takes no other submission: the chain has its weights, whoever sent them, or nothing would land.
fn settled(snapshot: &Snapshot, neuron: &Neuron, past: &Past) -> Option<Skip> {
    // A registration counts as an update as well.
    if neuron.last_update >= snapshot.last_epoch_block && neuron.last_update > neuron.registered {
        return Some(Skip::EpochDone);
    }
    let attempts = past.attempts.as_ref().filter(|attempts| attempts.epoch >= snapshot.epoch_index)?;
    match (&attempts.last, attempts.last.refusal()) {
        (Submission::Landed(_) | Submission::Open | Submission::Foreign(_), _) => Some(Skip::EpochDone),
        (_, Some((cause, _))) if cause.reaction() == Reaction::GiveUp => Some(Skip::GivenUp(cause)),
        _ => (attempts.count >= MAX_ATTEMPTS).then_some(Skip::Attempts),
    }
}

/// The weights of everybody on the subnet but this validator and the owner, who only receives what nobody earned.
fn payable(snapshot: &Snapshot, own: &Hotkey, board: &Board, policy: &Policy) -> WeightVector {
    let scores: Vec<_> = snapshot
        .neurons
        .iter()
        .filter(|neuron| neuron.hotkey != *own && snapshot.owner_uid != Some(neuron.uid))
        .filter_map(|neuron| Some((neuron.uid, board.standing(&crate::plan::registration(neuron))?)))
        .flat_map(|(uid, standing)| {
            standing.scores(snapshot.block.number).map(move |(_, task, score)| (uid, task, score))
        })
        .collect();
    weights(&scores, policy, snapshot.owner_uid)
}

/// What became of an extrinsic that the chain was asked to take.
///
/// Whatever leaves a chance that it is still included keeps it open: the same bytes go again, never others.
#[must_use]
pub fn fate(outcome: &Result<Inclusion, ChainError>) -> Submission {
    let error = match outcome {
        Ok(inclusion) => return Submission::Landed(inclusion.block),
        Err(error) => error,
    };
    match error {
        ChainError::Expired { .. } | ChainError::NonceTaken { .. } => Submission::Expired,
        ChainError::Failed { cause, .. } => Submission::Failed(*cause, error.to_string()),
        ChainError::Refused { cause, .. } => match cause.reaction() {
            Reaction::Resend | Reaction::Wait => Submission::Open,
            Reaction::SignAnew | Reaction::GiveUp => Submission::Refused(*cause, error.to_string()),
        },
        _ => Submission::Open,
    }
}

/// What the chain's state says about an extrinsic that no searched block holds, given the block of the last weights.
#[must_use]
pub fn missed(error: &ChainError, born: Block, last_update: Block) -> Submission {
    match error {
        ChainError::NonceTaken { complete, .. } if last_update > born => {
            // Where blocks are gone, the one who used the number may have been this one.
            if *complete { Submission::Foreign(last_update) } else { Submission::Landed(last_update) }
        }
        _ => Submission::Expired,
    }
}
