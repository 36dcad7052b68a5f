//! The dimensions of the work, validated once.

use incentive::policy::ComputePolicy;

/// Largest width: |x| ≤ 16, |w| ≤ 128 and 16·128·8192 = 2^24 is the last sum that an f32 accumulator holds exactly.
pub const WIDTH_MAX: u32 = 8192;
/// Tensor cores want multiples of 16, and a packed row then ends on a whole byte.
pub const WIDTH_STEP: u32 = 16;
/// Largest number of layers.
pub const LAYERS_MAX: u32 = 256;
/// Largest number of rows of a round.
pub const ROWS_MAX: u32 = 1 << 20;
/// Largest number of rows that one opening shows.
pub const OPENINGS_MAX: u32 = 256;
/// Largest number of chains that one hotkey runs side by side.
pub const CHAINS_MAX: u16 = 64;
/// Largest number of rounds of a chain in one window.
pub const ROUNDS_MAX: u32 = 4096;

/// A compute policy that cannot be worked with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// A dimension lies outside its bounds.
    #[error("compute.{name} is {value}: must lie in 1..={max}")]
    Range {
        /// The field of the policy.
        name: &'static str,
        /// What it holds.
        value: u64,
        /// The largest admissible value.
        max: u64,
    },
    /// The width does not fill whole tiles.
    #[error("compute.width is {0}: must be a multiple of 16")]
    Width(u32),
    /// The Merkle tree needs a power of two.
    #[error("compute.rows is {0}: must be a power of two")]
    Rows(u32),
}

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
    /// Names the first field of the policy that lies outside its bounds.
    pub fn new(policy: &ComputePolicy) -> Result<Self, ShapeError> {
        range("width", policy.width.into(), WIDTH_MAX.into())?;
        range("layers", policy.layers.into(), LAYERS_MAX.into())?;
        range("rows", policy.rows.into(), ROWS_MAX.into())?;
        range("openings", policy.openings.into(), OPENINGS_MAX.into())?;
        range("chains_max", policy.chains_max.into(), CHAINS_MAX.into())?;
        range("rounds_max", policy.rounds_max.into(), ROUNDS_MAX.into())?;
        if !policy.width.is_multiple_of(WIDTH_STEP) {
            return Err(ShapeError::Width(policy.width));
        }
        if !policy.rows.is_power_of_two() {
            return Err(ShapeError::Rows(policy.rows));
        }
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

fn range(name: &'static str, value: u64, max: u64) -> Result<(), ShapeError> {
    if (1..=max).contains(&value) { Ok(()) } else { Err(ShapeError::Range { name, value, max }) }
}
