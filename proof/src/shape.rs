//! The dimensions of the work, validated once.

use incentive::policy::{ComputePolicy, PolicyError};

/// The dimensions of a policy within their bounds, as sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// n: values of a row, and columns of a layer.
    pub width: usize,
    /// T: layers that a row passes in one round.
    pub layers: usize,
    /// m: rows of one round, a power of two.
    pub rows: usize,
    /// k: rows that one opening shows.
    pub openings: usize,
    /// Chains that one hotkey may run side by side.
    pub chains_max: u16,
    /// Rounds that one chain may have in one window.
    pub rounds_max: u32,
}

impl Shape {
    /// Checks every dimension.
    ///
    /// # Errors
    /// Names the first key of the policy that cannot work, with the remedy.
    pub fn new(policy: &ComputePolicy) -> Result<Self, PolicyError> {
        policy.validate()?;
        Ok(Self {
            width: policy.width as usize,
            layers: policy.layers as usize,
            rows: policy.rows as usize,
            openings: policy.openings as usize,
            chains_max: policy.chains_max,
            rounds_max: policy.rounds_max,
        })
    }

    /// Bytes of a packed row: 5 bits per value.
    #[must_use]
    pub const fn packed_len(&self) -> usize {
        self.width / 8 * 5
    }

    /// Hashes of a Merkle path: log2 of the rows.
    #[must_use]
    pub const fn depth(&self) -> usize {
        self.rows.trailing_zeros() as usize
    }
}
