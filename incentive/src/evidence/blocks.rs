//! Tokens become blocks: means of enough tokens that an honest one and a cheat's can be told apart.

use parity_scale_codec::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// A block that is not full yet. It runs across the requests of a hotkey, so that short answers count like long ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Open {
    /// Tokens so far.
    pub tokens: u32,
    /// Sum of their clipped margins, in micro-logits.
    pub sum: u64,
}

impl Open {
    /// Adds a token; the mean, rounded down, of a block that is full with it, after which a new one begins.
    pub fn push(&mut self, clipped: u32, size: u32) -> Option<u32> {
        self.tokens = self.tokens.saturating_add(1);
        self.sum = self.sum.saturating_add(u64::from(clipped));
        if self.tokens < size {
            return None;
        }
        let full = std::mem::take(self);
        Some(u32::try_from(full.sum / u64::from(full.tokens)).unwrap_or(u32::MAX))
    }
}

/// A margin as it enters a block: at most twice the temperature (in thousandths), which an excluded token (`None`) has too.
///
/// One foreign token says no more than that it is foreign: without the clip a single rare event would outweigh a block.
#[must_use]
pub fn clipped(margin: Option<u32>, temperature: u32) -> u32 {
    let most = temperature.saturating_mul(2_000);
    margin.unwrap_or(most).min(most)
}
