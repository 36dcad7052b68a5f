//! The row kernel of this machine.

use std::num::NonZeroUsize;

use proof::{RowKernel, Weights};

use crate::compute::path::Path;
use crate::compute::simd::Unit;
use crate::compute::{layer, portable};

/// [`RowKernel`] on a path of this machine, spread over threads.
#[derive(Clone, Copy, Debug)]
pub struct Kernel {
    unit: Unit,
    threads: NonZeroUsize,
}

impl Kernel {
    /// The fastest path of this machine, on at most this many threads at a time.
    #[must_use]
    pub fn new(threads: NonZeroUsize) -> Self {
        Self { unit: Unit::detect(Path::best()).unwrap_or(Unit::Portable), threads }
    }

    /// A path of one's choice; `None` when this machine does not have it.
    #[must_use]
    pub fn on(path: Path, threads: NonZeroUsize) -> Option<Self> {
        Some(Self { unit: Unit::detect(path)?, threads })
    }

    /// The path that it takes.
    #[must_use]
    pub const fn path(&self) -> Path {
        self.unit.path()
    }
}

impl RowKernel for Kernel {
    fn multiply(&self, weights: &[i8], inputs: &[i8], width: usize, out: &mut [i32]) {
        match self.unit {
            #[cfg(target_arch = "x86_64")]
            Unit::Avx512Vnni(lanes) if layer::fits(width) => {
                layer::multiply(lanes, self.threads, weights, inputs, width, out);
            }
            #[cfg(target_arch = "x86_64")]
            Unit::Avx2(lanes) if layer::fits(width) => {
                layer::multiply(lanes, self.threads, weights, inputs, width, out);
            }
            _ => portable::multiply(self.threads, weights, inputs, width, out),
        }
    }

    fn forward(&self, weights: &Weights, rows: &mut [i8]) {
        match self.unit {
            #[cfg(target_arch = "x86_64")]
            Unit::Avx512Vnni(lanes) => layer::forward(lanes, self.threads, weights, rows),
            #[cfg(target_arch = "x86_64")]
            Unit::Avx2(lanes) => layer::forward(lanes, self.threads, weights, rows),
            Unit::Portable => proof::kernel::forward(self, weights, rows),
        }
    }
}
