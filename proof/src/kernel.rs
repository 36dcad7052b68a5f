//! Exact integer rows times matrix: the one operation that is worth a device.

use crate::rows::requantise;
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

/// One core, portable, safe: weights are widened once per tile and meet many rows.
#[derive(Clone, Copy, Debug, Default)]
pub struct ScalarKernel;

impl RowKernel for ScalarKernel {
    fn multiply(&self, weights: &[i8], inputs: &[i8], width: usize, out: &mut [i32]) {
        tile::multiply(weights, inputs, width, out);
    }
}
