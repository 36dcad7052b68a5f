//! Random weights, the same bits everywhere.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::shape::Plan;

/// Standard deviation of the sum of four uniform 16-bit integers: the square root of (65536² − 1) / 3.
const SUM_DEVIATION: f64 = 37_837.227_2;
/// Its mean.
const SUM_MEAN: i32 = 131_070;

/// The source of all weights of a model.
#[derive(Clone, Copy, Debug)]
pub(super) struct Random {
    seed: u64,
}

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// A stream of its own for each name.
    pub(super) fn stream(&self, name: &str) -> ChaCha8Rng {
        let mut hasher = blake3::Hasher::new_derive_key("assay synthetic model: seed, name");
        hasher.update(&self.seed.to_le_bytes()).update(name.as_bytes());
        ChaCha8Rng::from_seed(hasher.finalize().into())
    }

    /// The weights of a tensor: nearly normal (a sum of four uniform integers), or ones.
    pub(super) fn weights(&self, plan: &Plan) -> Vec<f32> {
        let Some(deviation) = plan.deviation else { return vec![1.0; plan.elements()] };
        let scale = (deviation / SUM_DEVIATION) as f32;
        let mut stream = self.stream(&plan.name);
        let weight = |_| {
            let word = stream.next_u64();
            let sum: i32 = (0..4).map(|lane| i32::from((word >> (16 * lane)) as u16)).sum();
            (sum - SUM_MEAN) as f32 * scale
        };
        (0..plan.elements()).map(weight).collect()
    }
}
