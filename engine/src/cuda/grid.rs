//! How many threads a kernel gets, and how they are laid out. Pure, so that tests without a device use the same.

/// Threads of a block where a thread has one thing to do.
const THREADS: u32 = 256;
/// Threads of a block that hashes: few, so that small rounds spread over the whole device.
const HASH_THREADS: u32 = 64;
/// Blocks that a launch may have along x; along y it is [`ROWS_MAX`].
const BLOCKS_MAX: u64 = (1 << 31) - 1;
/// Rows of the largest band: a block along y for each.
pub const ROWS_MAX: usize = 65_535;

/// The shape of one launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Blocks along x and y.
    pub blocks: (u32, u32),
    /// Threads of each block, along x.
    pub threads: u32,
}

impl Grid {
    /// A thread for every block of 64 values of a stream.
    pub fn fill(values: u64) -> Self {
        Self::line(values.div_ceil(64), THREADS)
    }

    /// A thread for every 16 values.
    pub fn widen(values: u64) -> Self {
        Self::line(values.div_ceil(16), THREADS)
    }

    /// A thread for every four columns of every row; at most [`ROWS_MAX`] rows.
    pub fn requantise(width: u32, rows: u32) -> Self {
        let threads = width.div_ceil(4).min(THREADS);
        Self { blocks: (width.div_ceil(4 * threads), rows), threads }
    }

    /// A thread for every row.
    pub fn leaves(rows: u32) -> Self {
        Self::line(rows.into(), HASH_THREADS)
    }

    fn line(items: u64, threads: u32) -> Self {
        let blocks = items.div_ceil(threads.into()).clamp(1, BLOCKS_MAX);
        Self { blocks: (blocks as u32, 1), threads }
    }
}
