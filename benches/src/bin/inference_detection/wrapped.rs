//! Decoders that cheat inside of a pass.

use engine::model::{Decoder, ModelError, ModelInfo, Output, Segment};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};

/// What happens to the rows of a pass.
enum Change {
    /// Normal noise of this standard deviation is added to every logit.
    Noise(f32),
    /// This share of rows comes from another decoder.
    Mixed(Box<dyn Decoder>, f64),
}

/// A decoder, and what is done to its logits.
pub struct Wrapped {
    inner: Box<dyn Decoder>,
    change: Change,
    random: ChaCha8Rng,
}

impl Wrapped {
    /// With noise on its logits.
    pub fn noisy(inner: Box<dyn Decoder>, deviation: f32) -> Box<dyn Decoder> {
        Box::new(Self { inner, change: Change::Noise(deviation), random: ChaCha8Rng::seed_from_u64(1) })
    }

    /// With a share of its tokens chosen by another.
    pub fn mixed(inner: Box<dyn Decoder>, other: Box<dyn Decoder>, share: f64) -> Box<dyn Decoder> {
        Box::new(Self { inner, change: Change::Mixed(other, share), random: ChaCha8Rng::seed_from_u64(2) })
    }
}

impl Decoder for Wrapped {
    fn info(&self) -> &ModelInfo {
        self.inner.info()
    }

    fn slots(&self) -> usize {
        self.inner.slots()
    }

    fn length(&self, slot: usize) -> usize {
        self.inner.length(slot)
    }

    fn forward(&mut self, batch: &[Segment<'_>]) -> Result<Vec<Output>, ModelError> {
        let mut outputs = self.inner.forward(batch)?;
        let random = &mut self.random;
        match &mut self.change {
            Change::Noise(deviation) => {
                outputs.iter_mut().flat_map(|output| &mut output.logits).for_each(|logit| *logit += *deviation * normal(random));
            }
            Change::Mixed(other, share) => {
                for (own, other) in outputs.iter_mut().zip(other.forward(batch)?) {
                    if f64::from(random.next_u32()) < *share * f64::from(u32::MAX) {
                        *own = other;
                    }
                }
            }
        }
        Ok(outputs)
    }

    fn truncate(&mut self, slot: usize, length: usize) {
        self.inner.truncate(slot, length);
        if let Change::Mixed(other, _) = &mut self.change {
            other.truncate(slot, length);
        }
    }

    fn share_prefix(&mut self, from: usize, to: usize, length: usize) -> Result<(), ModelError> {
        if let Change::Mixed(other, _) = &mut self.change {
            other.share_prefix(from, to, length)?;
        }
        self.inner.share_prefix(from, to, length)
    }
}

/// A normal number, near enough: the sum of four uniform ones.
fn normal(random: &mut ChaCha8Rng) -> f32 {
    let word = random.next_u64();
    let sum: u64 = (0..4).map(|part| word >> (16 * part) & 0xffff).sum();
    (sum as f32 / 65535.0 - 2.0) * 3.0f32.sqrt()
}
