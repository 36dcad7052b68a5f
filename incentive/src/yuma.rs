//! Weights and stake become incentive, dividends and bonds.
//!
//! One epoch of one incentive mechanism, with the numbers of the chain's runtime to the last bit. What an epoch
//! reads is an [`Epoch`] (shared by all mechanisms of a subnet) and one [`Mechanism`]; what it writes is an
//! [`Outcome`]. Amounts, blocks and proportions are plain integers here, as they lie in the chain's storage.
//!
//! Nothing in the input can make an epoch fail: columns that name no neuron are dropped, rows that are missing
//! are empty.

#![cfg_attr(not(test), deny(clippy::float_arithmetic, clippy::indexing_slicing))]

mod bonds;
mod matrix;
mod mechanisms;
mod median;
mod outcome;
mod stake;
mod terms;
#[cfg(test)]
mod tests;
mod upscale;

pub use bonds::{BondRule, LiquidAlpha};
pub use matrix::{Matrix, Row};
pub use mechanisms::{Combined, run_mechanisms, split_emission};
pub use outcome::{Outcome, Shares};
pub use stake::total_stake;
pub use terms::{Terms, terms};
pub use upscale::upscale;

/// What an epoch of a subnet reads, whatever the mechanism.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Epoch {
    /// The block in which the epoch runs.
    pub block: u64,
    /// `Tempo`, in blocks.
    pub tempo: u16,
    /// `LastMechansimStepBlock`: the block of the last epoch that paid; 0 when there was none.
    pub last_step: u64,
    /// Blocks without weights after which a neuron is inactive; see [`crate::schedule::activity_cutoff`].
    pub activity_cutoff: u64,
    /// `TaoWeight`: what stake on the root network counts, in units of `1 / (2^64 - 1)`.
    pub tao_weight: u64,
    /// `StakeThreshold`, rao: stake below it counts nothing, except for the owner.
    pub stake_threshold: u64,
    /// Uid of the subnet owner's hotkey, which always holds a permit and may weigh itself.
    pub owner: Option<u16>,
    /// `MaxAllowedValidators`: how many permits are given.
    pub max_validators: u16,
    /// `Kappa`: the majority that carries the consensus, `x / 65535`.
    pub kappa: u16,
    /// `BondsPenalty`: how far bonds follow the clipped weights, `x / 65535`.
    pub bonds_penalty: u16,
    /// `BondsMovingAverage`, millionths of the old bonds that remain.
    pub bonds_moving_average: u64,
    /// How bonds move.
    pub bond_rule: BondRule,
    /// The neurons by uid.
    pub neurons: Vec<Neuron>,
}

/// One neuron, as all mechanisms see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Neuron {
    /// Stake on the subnet after what children and parents pass on, rao.
    pub alpha_stake: u64,
    /// Stake on the root network after what children and parents pass on, rao.
    pub tao_stake: u64,
    /// `BlockAtRegistration`.
    pub registered: u64,
    /// `ValidatorPermit` before this epoch.
    pub permit: bool,
}

/// One incentive mechanism: who said what about whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mechanism {
    /// By uid; a neuron that is missing here has said nothing.
    pub voices: Vec<Voice>,
}

/// What one neuron has stored in one mechanism.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Voice {
    /// `LastUpdate`: the block of the last weights.
    pub last_update: u64,
    /// The first block at which a commitment was made that is still to be revealed; `None` when there is none or
    /// commit-reveal is off. See [`first_commit`].
    pub committed: Option<u64>,
    /// `Weights`: column and value, in stored order.
    pub weights: Vec<(u16, u16)>,
    /// `Bonds`: column and value, in stored order.
    pub bonds: Vec<(u16, u16)>,
}

/// A weight commitment that waits to be revealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The epoch index of the subnet when it was made.
    pub epoch: u64,
    /// The block in which it was made.
    pub block: u64,
}

/// The block of the oldest commitment of a hotkey that still counts.
///
/// Of the hash commitments only the first in the queue that has not expired counts, of the time-locked ones the
/// oldest.
#[must_use]
pub fn first_commit(hashed: &[Commit], time_locked: &[Commit], epoch: u64, reveal_period: u64) -> Option<u64> {
    let live = |commit: &&Commit| epoch <= commit.epoch.saturating_add(reveal_period);
    let hashed = hashed.iter().find(live).map(|commit| commit.block);
    let time_locked = time_locked.iter().filter(live).map(|commit| commit.block).min();
    hashed.into_iter().chain(time_locked).min()
}

/// Runs one mechanism of an epoch and shares out `rao_emission`.
#[must_use]
pub fn run(epoch: &Epoch, mechanism: &Mechanism, rao_emission: u64) -> Outcome {
    terms(epoch, mechanism).share_out(rao_emission)
}
