//! How numbers are kept between the steps of a computation.

use half::bf16;

/// What is kept of the result of a step. Sums run in f32 either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Arithmetic {
    /// All of it.
    #[default]
    F32,
    /// The upper half: the residual stream, keys and values, and the result of every norm, product and activation are
    /// rounded, as engines that compute in bf16 on a device do it. Logits stay as they leave the LM head.
    Bf16,
}

impl Arithmetic {
    /// Keeps what is kept of these numbers.
    pub(crate) fn keep(self, values: &mut [f32]) {
        if self == Self::Bf16 {
            for value in values {
                *value = bf16::from_f32(*value).to_f32();
            }
        }
    }
}
