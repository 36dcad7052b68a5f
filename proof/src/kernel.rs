//! Exact integer rows times matrix: the one operation that is worth a device.

use crate::digest::Digest;
use crate::merkle;
use crate::rows::{Inputs, pack, requantise};
use crate::weights::Weights;

mod tile;

/// Rows that [`forward`] gives to a kernel at once: enough to use a widened weight many times, few enough to stay in
/// cache.
const BATCH: usize = 64;

/// Multiplies rows with a layer. Truth is [`ScalarKernel`]; whatever a device computes must equal it bit for bit.
pub trait RowKernel: Send + Sync {
    /// `out[row · width + column] = Σ_k weights[column · width + k] · inputs[row · width + k]`, exact in i32.
    /// `weights` is width × width, `inputs` and `out` hold the same number of whole rows; inputs lie in -16..=15.
    fn multiply(&self, weights: &[i8], inputs: &[i8], width: usize, out: &mut [i32]);

    /// Takes rows through all layers, in place: for each layer the products, then what is kept of them. A kernel that
    /// keeps rows in a layout of its own, or makes the weights where it needs them, does so here.
    fn forward(&self, weights: &Weights, rows: &mut [i8]) {
        forward(self, weights, rows);
    }

    /// The leaves of all rows of a whole round, in the order of the rows; `head` is the one before it. A device whose
    /// memory the rows never leave does so here. `None` when it broke: there is no such round.
    fn leaves(&self, weights: &Weights, head: &Digest, chain: u16, round: u32) -> Option<Vec<Digest>> {
        Some(leaves(self, weights, head, chain, round))
    }

    /// Whether something broke on the way: what the kernel has put out since then is worthless, and neither to be signed
    /// nor to judge by. The processor never breaks.
    fn broken(&self) -> bool {
        false
    }
}

/// [`RowKernel::forward`] by [`RowKernel::multiply`], layer by layer.
pub fn forward<K: RowKernel + ?Sized>(kernel: &K, weights: &Weights, rows: &mut [i8]) {
    let width = weights.shape().width;
    let mut sums = vec![0; rows.len().min(BATCH * width)];
    for index in 0..weights.shape().layers {
        let layer = weights.layer(index);
        for batch in rows.chunks_mut(BATCH * width) {
            let sums = &mut sums[..batch.len()];
            kernel.multiply(&layer, batch, width, sums);
            requantise(sums, weights.salts(index), batch);
        }
    }
}

/// [`RowKernel::leaves`] by [`RowKernel::forward`], all rows at once.
pub fn leaves<K: RowKernel + ?Sized>(
    kernel: &K,
    weights: &Weights,
    head: &Digest,
    chain: u16,
    round: u32,
) -> Vec<Digest> {
    let shape = weights.shape();
    let mut rows = vec![0; shape.rows * shape.width];
    Inputs::after(head).fill(0, shape.width, &mut rows);
    kernel.forward(weights, &mut rows);
    (0..)
        .zip(rows.chunks_exact(shape.width))
        .map(|(row, values)| merkle::leaf(chain, round, row, &pack(values)))
        .collect()
}

/// One core, portable, safe: weights are widened once per tile and meet many rows.
#[derive(Clone, Copy, Debug, Default)]
pub struct ScalarKernel;

impl RowKernel for ScalarKernel {
    fn multiply(&self, weights: &[i8], inputs: &[i8], width: usize, out: &mut [i32]) {
        tile::multiply(weights, inputs, width, out);
    }
}
