//! Exact integer rows times matrix: the one operation that is worth a device.

use std::num::NonZeroUsize;

/// Multiplies rows with a layer. Truth is [`ScalarKernel`]; whatever a device computes must equal it bit for bit.
pub trait RowKernel: Send + Sync {
    /// `out[row · width + column] = Σ_k weights[column · width + k] · inputs[row · width + k]`, exact in i32.
    /// `weights` is width × width, `inputs` and `out` hold the same number of whole rows; inputs lie in -16..=15.
    fn multiply(&self, weights: &[i8], inputs: &[i8], width: usize, out: &mut [i32]);
}

/// One core, portable, safe: weights are widened once per tile and meet many rows.
#[derive(Clone, Copy, Debug, Default)]
pub struct ScalarKernel;

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
        let share = (inputs.len() / width.max(1)).div_ceil(self.threads.get()).max(1) * width.max(1);
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

impl RowKernel for ScalarKernel {
    fn multiply(&self, weights: &[i8], inputs: &[i8], width: usize, out: &mut [i32]) {
        let inputs: Vec<i16> = inputs.iter().map(|value| i16::from(*value)).collect();
        for (row, out) in inputs.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
            for (column, out) in weights.chunks_exact(width).zip(out) {
                *out = column.iter().zip(row).map(|(w, x)| i32::from(i16::from(*w)) * i32::from(*x)).sum();
            }
        }
    }
}
