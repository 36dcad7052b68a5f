//! When a commit of weights is revealed.
//!
//! A commit belongs to the epoch that runs, or is due, in its block. The chain reveals it at the start of the first
//! block of the epoch that comes `RevealPeriodEpochs` later, before that block's own epoch. Clients must foresee that
//! block, because they encrypt to a moment just behind it; the answers here are those of `bittensor_core`.

use super::{Rhythm, Step, advance, epoch_due};

/// The longest reveal period that the chain allows, in epochs (`MAX_COMMIT_REVEAL_PEROIDS`, sic).
pub const MAX_REVEAL_PERIOD: u64 = 100;

/// What the future of a commit depends on: everything as of one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitTime {
    /// The rhythm of the subnet after that block.
    pub rhythm: Rhythm,
    /// `SubnetEpochIndex`: epochs that the subnet has begun.
    pub epoch: u64,
    /// That block; the commit goes into the next one.
    pub block: u64,
    /// `RevealPeriodEpochs`.
    pub reveal_period: u64,
}

/// Where a commit ends up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reveal {
    /// The epoch under which the chain files the commit.
    pub commit_epoch: u64,
    /// The first block that tries to reveal it; the others of that epoch try again while the pulse is missing.
    pub block: u64,
}

/// Why no reveal can be foreseen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RevealError {
    /// `Tempo` is 0.
    #[error("the subnet's tempo is 0, so it runs no epochs and reveals nothing")]
    Stopped,
    /// `RevealPeriodEpochs` is longer than the chain allows.
    #[error("the subnet's reveal period of {0} epochs is longer than {MAX_REVEAL_PERIOD}")]
    PeriodTooLong(u64),
    /// The block numbers overflow, or no epoch comes.
    #[error("the subnet's next epochs cannot be foreseen: read its schedule again")]
    Unforeseeable,
}

impl CommitTime {
    /// Foresees the reveal of a commit that enters the next block, if the schedule stays as it is.
    ///
    /// # Errors
    ///
    /// [`RevealError`] when the subnet runs no epochs or its values are beyond what the chain allows.
    pub fn reveal(&self) -> Result<Reveal, RevealError> {
        if self.rhythm.tempo == 0 {
            return Err(RevealError::Stopped);
        }
        if self.reveal_period > MAX_REVEAL_PERIOD {
            return Err(RevealError::PeriodTooLong(self.reveal_period));
        }
        let first = self.block.checked_add(1).ok_or(RevealError::Unforeseeable)?;
        let commit_epoch = epoch_in(&self.rhythm, self.epoch, first);
        let reveal_epoch = commit_epoch.saturating_add(self.reveal_period);
        let block = first_block(self.rhythm, self.epoch, first, reveal_epoch).ok_or(RevealError::Unforeseeable)?;
        Ok(Reveal { commit_epoch, block })
    }
}

/// The epoch of a block as commits and reveals count it: one that is due in the block has begun.
#[must_use]
pub fn epoch_in(rhythm: &Rhythm, epoch: u64, block: u64) -> u64 {
    epoch.saturating_add(u64::from(epoch_due(rhythm, block)))
}

/// Steps block by block to the first one of `wanted`; the longest tempo and the longest period bound the way.
fn first_block(mut rhythm: Rhythm, mut epoch: u64, first: u64, wanted: u64) -> Option<u64> {
    let epochs = wanted.saturating_sub(epoch).saturating_add(1);
    let last = first.saturating_add(epochs.saturating_mul(u64::from(u16::MAX)));
    for block in first..last {
        if epoch_in(&rhythm, epoch, block) >= wanted {
            return Some(block);
        }
        let (next, step) = advance(&rhythm, block, true);
        epoch = epoch.saturating_add(u64::from(step == Step::Epoch));
        rhythm = next;
    }
    None
}

#[cfg(test)]
mod tests;
