//! Exact integer rows times matrix: the one operation that is worth a device.

use std::num::NonZeroUsize;

mod tile;

/// Multiplies rows with a layer. Truth is [`ScalarKernel`]; whatever a device computes must equal it bit for bit.
pub trait RowKernel: Send + Sync {
    /// `out[row · width + column] = Σ_k weights[column · width + k] · inputs[row · width + k]`, exact in i32.
    /// `weights` is width × width, `inputs` and `out` hold the same number of whole rows; inputs lie in -16..=15.
    fn multiply(&self, weights: &[i8], inputs: &[i8], width: usize, out: &mut [i32]);
}

/// One core, portable, safe: weights are widened once per tile and meet many rows.
#[derive(Clone, Copy, Debug, Default)]
pub struct ScalarKernel;

impl RowKernel for ScalarKernel {
    fn multiply(&self, weights: &[i8], inputs: &[i8], width: usize, out: &mut [i32]) {
        tile::multiply(weights, inputs, width, out);
    }
}

/// [`ScalarKernel`] with the rows spread over threads; the same bits for any number of them.
#[derive(Clone, Copy, Debug)]
pub struct ThreadedKernel {
    threads: NonZeroUsize,
}

impl ThreadedKernel {
    /// At most this many threads at a time.
    #[must_use]
    pub const fn new(threads: NonZeroUsize) -> Self {
        Self { threads }
    }
}

impl RowKernel for ThreadedKernel {
    fn multiply(&self, weights: &[i8], inputs: &[i8], width: usize, out: &mut [i32]) {
        let width = width.max(1);
        let share = (inputs.len() / width).div_ceil(self.threads.get()).max(1) * width;
        if share >= inputs.len() {
            return ScalarKernel.multiply(weights, inputs, width, out);
        }
        std::thread::scope(|scope| {
            for (inputs, out) in inputs.chunks(share).zip(out.chunks_mut(share)) {
                scope.spawn(|| ScalarKernel.multiply(weights, inputs, width, out));
            }
        });
    }
}
