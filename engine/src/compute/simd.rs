//! Instructions. Everything `unsafe` of the workspace lies below here, in two shapes: a call of code that needs
//! instructions which a value of the type proves to be there, and loads and stores of whole arrays by reference.

use crate::compute::batch::Batch;
use crate::compute::panel::{Panel, Quad};
use crate::compute::path::Path;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod chacha;
mod requantise;
pub(crate) mod wide;

/// Rows of the largest tile of any path.
pub(crate) const ROWS_MAX: usize = 12;

/// One instruction set, working on `C` columns at once. A value of such a type exists only where the instructions do.
pub(crate) trait Lanes<const C: usize>: Copy + Send + Sync {
    /// Rows of the largest tile, at most [`ROWS_MAX`].
    fn rows(self) -> usize;

    /// Writes `C` neighbouring columns of `blocks` blocks each, the first of them from block `first` of the ChaCha8
    /// stream of `key` on.
    fn generate(self, key: &[u32; 8], first: u32, blocks: u32, quads: &mut [Quad<C>]);

    /// -16 · Σ weights of each column.
    fn base(self, quads: &[Quad<C>]) -> [i32; C];

    /// The exact sums of `sums.len()` rows from `row` on with every column of the panel.
    fn tile(self, panel: &Panel<C>, batch: &Batch, row: usize, sums: &mut [[i32; C]]);

    /// What is kept of sums, as words of a batch: `words[column / 4 · stride + row]`. Ends with the salts.
    fn requantise(self, sums: &[[i32; C]], salts: &[u32], words: &mut [u32], stride: usize);
}

/// A path that this machine has.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unit {
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni(avx512::Avx512),
    #[cfg(target_arch = "x86_64")]
    Avx2(avx2::Avx2),
    Portable,
}

impl Unit {
    /// The path, if this machine has it.
    pub(crate) fn detect(path: Path) -> Option<Self> {
        match path {
            #[cfg(target_arch = "x86_64")]
            Path::Avx512Vnni => avx512::Avx512::detect().map(Self::Avx512Vnni),
            #[cfg(target_arch = "x86_64")]
            Path::Avx2 => avx2::Avx2::detect().map(Self::Avx2),
            Path::Portable => Some(Self::Portable),
            #[cfg(not(target_arch = "x86_64"))]
            Path::Avx512Vnni | Path::Avx2 => None,
        }
    }

    /// Its name.
    pub(crate) const fn path(self) -> Path {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni(_) => Path::Avx512Vnni,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => Path::Avx2,
            Self::Portable => Path::Portable,
        }
    }
}
