//! Blocks become evidence that is not forgotten.

use std::collections::BTreeMap;

use parity_scale_codec::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::{Open, Stratum};

/// What is remembered of one registration and model: two of Page's cumulative sums, which only honest blocks lower.
///
/// - `mean` adds the logarithm of how much likelier a block's mean is under the mildest cheat than under honest engines.
///   It finds cheats on whole requests.
/// - `exceedance` does so with the one bit whether the mean lies over the honest 99.9 % quantile: p0 = 0.001 against
///   p1 = 0.02. It finds a cheat that mixes a few wrong tokens among many right ones, whose means stay in between.
///
/// Both stop falling at 0, so that good days cannot be saved up, and rising at twice their alarm, so that a miner that
/// mends its ways is heard again. No pass, window or time resets them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Charts {
    /// Thousandths of a nat.
    pub mean: u32,
    /// Thousandths of a nat.
    pub exceedance: u32,
    /// Blocks that were added.
    pub blocks: u64,
    /// Blocks for which more is looked at, whatever the sums say: a token was far from being chosen.
    pub watched: u32,
    /// The block that each stratum is filling, by the stratum's lower end in thousandths.
    pub open: BTreeMap<u32, Open>,
}

/// What the charts say now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Nothing.
    Clear,
    /// More answers are to be checked; nothing is taken away.
    Suspicious,
    /// No honest miner stands here: [`crate::verdict::Fault::Drift`].
    Alarm,
}

impl Charts {
    /// Where `mean` alarms, in thousandths of a nat: ln(2 000 000). A cumulative sum of true log-likelihood ratios
    /// crosses a limit h once in e^h honest blocks at most, on average.
    pub const MEAN_ALARM: u32 = 14_509;
    /// Where `exceedance` alarms, in thousandths of a nat: once in 3 million honest blocks on average if one in a thousand
    /// lies over `soft` (solved as a Markov chain), in 60 million if half as many do.
    pub const EXCEEDANCE_ALARM: u32 = 10_000;
    /// ln(p1 / p0) for p0 = 0.001 and p1 = 0.02: a block over `soft`.
    const OVER: i32 = 2_996;
    /// ln((1 - p1) / (1 - p0)): any other.
    const UNDER: i32 = -19;
    /// The share of honest blocks over `soft` that the chart is made for, in parts per million.
    const P0_PPM: u32 = 1_000;
    /// Blocks for which a token far from being chosen keeps suspicion awake.
    const WATCH: u32 = 16;
    /// The share of answers that is checked of a suspicious miner, in parts per million.
    pub const SUSPICIOUS_PPM: u32 = 500_000;

    /// Adds a block of the stratum by its mean, in micro-logits.
    ///
    /// A table that cannot state that one honest block in a thousand at most lies over `soft` says nothing about
    /// exceedance; that chart then stays as it is.
    pub fn add(&mut self, stratum: &Stratum, mean: u32) {
        self.blocks = self.blocks.saturating_add(1);
        self.watched = self.watched.saturating_sub(1);
        self.mean = raised(self.mean, stratum.weight(mean), Self::MEAN_ALARM);
        if stratum.false_positive_ppm <= Self::P0_PPM {
            let weight = if mean > stratum.soft { Self::OVER } else { Self::UNDER };
            self.exceedance = raised(self.exceedance, weight, Self::EXCEEDANCE_ALARM);
        }
    }

    /// Looks closer for some blocks.
    pub fn watch(&mut self) {
        self.watched = Self::WATCH;
    }

    /// What the charts say now. Suspicion begins at half of an alarm.
    #[must_use]
    pub fn standing(&self) -> Standing {
        if self.mean >= Self::MEAN_ALARM || self.exceedance >= Self::EXCEEDANCE_ALARM {
            Standing::Alarm
        } else if self.watched > 0 || self.mean >= Self::MEAN_ALARM / 2 || self.exceedance >= Self::EXCEEDANCE_ALARM / 2
        {
            Standing::Suspicious
        } else {
            Standing::Clear
        }
    }

    /// The share of this miner's answers to check, in parts per million: `base`, or half of all under suspicion.
    #[must_use]
    pub fn audit_ppm(&self, base: u32) -> u32 {
        match self.standing() {
            Standing::Clear => base,
            Standing::Suspicious | Standing::Alarm => base.max(Self::SUSPICIOUS_PPM),
        }
    }
}

fn raised(sum: u32, by: i32, alarm: u32) -> u32 {
    sum.saturating_add_signed(by).min(2 * alarm)
}
