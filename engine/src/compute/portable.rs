//! The portable kernel, spread over threads: each takes some of the rows.

use std::num::NonZeroUsize;

use proof::{RowKernel as _, ScalarKernel};

/// See [`proof::RowKernel::multiply`].
pub(crate) fn multiply(threads: NonZeroUsize, weights: &[i8], inputs: &[i8], width: usize, out: &mut [i32]) {
    let width = width.max(1);
    let share = (inputs.len() / width).div_ceil(threads.get()).max(1) * width;
    if share >= inputs.len() {
        return ScalarKernel.multiply(weights, inputs, width, out);
    }
    std::thread::scope(|scope| {
        for (inputs, out) in inputs.chunks(share).zip(out.chunks_mut(share)) {
            scope.spawn(|| ScalarKernel.multiply(weights, inputs, width, out));
        }
    });
}
