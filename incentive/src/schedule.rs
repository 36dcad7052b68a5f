//! When an epoch is due.
//!
//! Every subnet counts from its own last epoch, so an owner may change the tempo without upsetting the others.
//! A tempo of zero stops the epochs of a subnet.

#![cfg_attr(not(test), deny(clippy::float_arithmetic, clippy::indexing_slicing))]

mod reveal;

pub use reveal::{CommitTime, MAX_REVEAL_PERIOD, Reveal, RevealError, epoch_in};

/// Blocks without a step after which an epoch runs whatever the tempo says.
pub const MAX_BLOCKS_SINCE_STEP: u64 = 50_400;

/// What the chain remembers of the rhythm of one subnet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rhythm {
    /// `Tempo`: blocks between two epochs; 0 means never.
    pub tempo: u16,
    /// `LastEpochBlock`: where the current tempo started.
    pub last_epoch: u64,
    /// `PendingEpochAt`: the block to which an epoch was put off; 0 when none was.
    pub pending: u64,
    /// `BlocksSinceLastStep`: blocks since pending emission was last distributed.
    pub since_step: u64,
}

/// Whether an epoch is due at `block`.
#[must_use]
pub fn epoch_due(rhythm: &Rhythm, block: u64) -> bool {
    if rhythm.tempo == 0 {
        return false;
    }
    (rhythm.pending > 0 && block >= rhythm.pending)
        || rhythm.since_step > MAX_BLOCKS_SINCE_STEP
        || block.saturating_sub(rhythm.last_epoch) >= u64::from(rhythm.tempo)
}

/// The block of the next epoch as the clients compute it; `None` with a tempo of zero.
#[must_use]
pub fn next_epoch(rhythm: &Rhythm) -> Option<u64> {
    if rhythm.tempo == 0 {
        return None;
    }
    let regular = rhythm.last_epoch.saturating_add(u64::from(rhythm.tempo));
    Some(if rhythm.pending > 0 { regular.min(rhythm.pending) } else { regular })
}

/// What becomes of the rhythm after one block, and whether the epoch runs in it.
///
/// `capacity_left` is false once the cap of epochs in one block is reached: then the epoch is put off by a block.
#[must_use]
pub fn advance(rhythm: &Rhythm, block: u64, capacity_left: bool) -> (Rhythm, Step) {
    let mut next = Rhythm { since_step: rhythm.since_step.saturating_add(1), ..*rhythm };
    if !epoch_due(&next, block) {
        return (next, Step::Wait);
    }
    if !capacity_left {
        next.pending = block.saturating_add(1);
        return (next, Step::Deferred);
    }
    next.since_step = 0;
    next.last_epoch = block;
    next.pending = 0;
    (next, Step::Epoch)
}

/// What one block does to a subnet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// No epoch is due.
    Wait,
    /// An epoch is due, and too many ran in this block already.
    Deferred,
    /// The epoch runs in this block.
    Epoch,
}

/// `LastEpochBlock` of a subnet that is registered at `block`: subnets are staggered over the tempo.
#[must_use]
pub fn first_epoch_start(block: u64, netuid: u16, tempo: u16) -> u64 {
    block.saturating_sub(u64::from(netuid.checked_rem(tempo).unwrap_or(0)))
}

/// Blocks without weights after which a neuron counts as inactive; `factor` is in thousandths of a tempo.
#[must_use]
pub fn activity_cutoff(factor: u32, tempo: u16) -> u64 {
    (u64::from(factor).saturating_mul(u64::from(tempo)) / 1000).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RHYTHM: Rhythm = Rhythm { tempo: 10, last_epoch: 100, pending: 0, since_step: 3 };

    #[test]
    fn an_epoch_comes_every_tempo() {
        assert!(!epoch_due(&RHYTHM, 109));
        assert!(epoch_due(&RHYTHM, 110));
        assert_eq!(next_epoch(&RHYTHM), Some(110));
        assert_eq!(advance(&RHYTHM, 109, true).1, Step::Wait);
        let (after, step) = advance(&RHYTHM, 110, true);
        assert_eq!((step, after.last_epoch, after.since_step), (Step::Epoch, 110, 0));
    }

    #[test]
    fn a_tempo_of_zero_stops() {
        let stopped = Rhythm { tempo: 0, pending: 5, since_step: u64::MAX, ..RHYTHM };
        assert!(!epoch_due(&stopped, u64::MAX));
        assert_eq!(next_epoch(&stopped), None);
    }

    #[test]
    fn a_full_block_puts_off() {
        let (after, step) = advance(&RHYTHM, 110, false);
        assert_eq!((step, after.pending, after.last_epoch), (Step::Deferred, 111, 100));
        assert_eq!(advance(&after, 111, true).1, Step::Epoch);
    }

    #[test]
    fn a_lost_step_is_made_up() {
        let slow = Rhythm { tempo: u16::MAX, since_step: MAX_BLOCKS_SINCE_STEP, ..RHYTHM };
        assert!(!epoch_due(&slow, 101));
        assert_eq!(advance(&slow, 101, true).1, Step::Epoch);
    }

    #[test]
    fn activity_is_counted_in_tempos() {
        assert_eq!(activity_cutoff(13_889, 360), 5_000);
        assert_eq!(activity_cutoff(1, 10), 1);
        assert_eq!(first_epoch_start(100, 13, 10), 97);
        assert_eq!(first_epoch_start(100, 13, 0), 100);
    }
}
