//! What makes a policy workable, one rule for each key.

use std::fmt::Display;

use super::{ComputePolicy, Policy, PolicyError, ReputationPolicy, WindowPolicy};

impl Policy {
    /// Whether the neurons of a subnet can work with this policy.
    ///
    /// # Errors
    /// The first key whose value cannot work, with the remedy.
    pub fn validate(&self) -> Result<(), PolicyError> {
        require(self.version == Self::VERSION, "version", self.version, "this program understands version 2")?;
        self.window.validate()?;
        self.compute.validate()?;
        self.reputation.validate()?;
        self.inference.as_ref().map_or(Ok(()), |inference| inference.validate(&self.window))
    }
}

impl WindowPolicy {
    /// Whether a window of these times can be held.
    ///
    /// # Errors
    /// The first key whose value cannot work, with the remedy.
    pub fn validate(&self) -> Result<(), PolicyError> {
        require(
            (100..=600_000).contains(&self.duration_ms),
            "window.duration_ms",
            self.duration_ms,
            "choose 100 to 600000 milliseconds",
        )?;
        // Exact division, so that no product can overflow: allowance ≤ duration / 10.
        require(
            self.allowance_ms <= self.duration_ms / 10,
            "window.allowance_ms",
            self.allowance_ms,
            "choose at most a tenth of window.duration_ms: a near miner is paid for the allowance without working in it",
        )?;
        require(
            (1..=10_000).contains(&self.reserve_blocks),
            "window.reserve_blocks",
            self.reserve_blocks,
            "choose 1 to 10000 blocks, and fewer than the tempo: window, openings, answers, checks and weights must fit in",
        )?;
        require(
            (100..=600_000).contains(&self.opening_deadline_ms),
            "window.opening_deadline_ms",
            self.opening_deadline_ms,
            "choose 100 to 600000 milliseconds",
        )
    }
}

impl ComputePolicy {
    /// Whether this work can be computed exactly and checked within bounds.
    ///
    /// # Errors
    /// The first key whose value cannot work, with the remedy.
    pub fn validate(&self) -> Result<(), PolicyError> {
        require(
            self.width >= 16 && self.width.is_multiple_of(16) && self.width <= Self::WIDTH_MAX,
            "compute.width",
            self.width,
            "choose a multiple of 16 from 16 to 8192: beyond it sums exceed 2^24 and are not exact in f32",
        )?;
        require(
            (1..=Self::LAYERS_MAX).contains(&self.layers),
            "compute.layers",
            self.layers,
            "choose 1 to 1024 layers",
        )?;
        require(
            self.rows.is_power_of_two() && self.rows <= Self::ROWS_MAX,
            "compute.rows",
            self.rows,
            "choose a power of two up to 1048576: the rows are the leaves of a full Merkle tree",
        )?;
        require(
            (1..=Self::OPENINGS_MAX).contains(&self.openings),
            "compute.openings",
            self.openings,
            "choose 1 to 4096: with none, nothing is checked",
        )?;
        require(
            (1..=Self::CHAINS_MAX).contains(&self.chains_max),
            "compute.chains_max",
            u32::from(self.chains_max),
            "choose 1 to 64 chains",
        )?;
        require(
            (1..=Self::ROUNDS_MAX).contains(&self.rounds_max),
            "compute.rounds_max",
            self.rounds_max,
            "choose 1 to 4096 rounds",
        )
    }
}

impl ReputationPolicy {
    /// Whether scores can be remembered this way.
    ///
    /// # Errors
    /// The first key whose value cannot work, with the remedy.
    pub fn validate(&self) -> Result<(), PolicyError> {
        require(
            (1..=99).contains(&self.windows) && self.windows % 2 == 1,
            "reputation.windows",
            self.windows,
            "choose an odd number from 1 to 99, so that the median is the result of one window",
        )?;
        require(
            (1..=10_000).contains(&self.fraud_tempos),
            "reputation.fraud_tempos",
            self.fraud_tempos,
            "choose 1 to 10000 tempos: without them a proven fraud costs nothing",
        )
    }
}

/// The value is written out only when the rule is broken.
pub(super) fn require(
    holds: bool,
    key: &'static str,
    value: impl Display,
    remedy: &'static str,
) -> Result<(), PolicyError> {
    if holds { Ok(()) } else { Err(PolicyError { key, value: value.to_string(), remedy }) }
}
