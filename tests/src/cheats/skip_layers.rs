//! Half of the layers, at twice the rate.

use proof::rows::mix32;
use proof::{RowKernel, ScalarKernel, Weights};

use super::Shortcut;

/// Takes every row through the first half of the layers only.
#[derive(Clone, Copy, Debug)]
pub struct SkipLayers;

impl Shortcut for SkipLayers {
    fn row(&self, weights: &Weights, _index: u32, row: &mut [i8]) {
        let mut sums = vec![0; row.len()];
        for layer in 0..weights.shape().layers / 2 {
            ScalarKernel.multiply(&weights.layer(layer), row, weights.shape().width, &mut sums);
            for ((value, sum), salt) in row.iter_mut().zip(&sums).zip(weights.salts(layer)) {
                *value = (mix32(sum.cast_unsigned() ^ salt) >> 27).cast_signed() as i8 - 16;
            }
        }
    }
}
