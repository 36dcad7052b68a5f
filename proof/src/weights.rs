//! The matrices and salts of a window, shared by all hotkeys.

use std::borrow::Cow;

use incentive::policy::PolicyError;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::challenge::Challenge;
use crate::digest::{Digest, derive, hasher};
use crate::shape::Shape;

/// What [`Weights::frugal`] keeps in memory at most.
const RESIDENT_BYTES: usize = 64 << 20;

/// T layers of n×n i8 and T·n salts. Sharing them costs no soundness: no work per row disappears, and one pass over
/// them checks every miner of a window.
pub struct Weights {
    challenge: Challenge,
    id: Digest,
    shape: Shape,
    salts: Vec<u32>,
    layers: Option<Vec<Vec<i8>>>,
}

impl Weights {
    /// Layers are generated when asked for: memory of one layer.
    ///
    /// # Errors
    /// The challenge's policy lies outside its bounds.
    pub fn new(challenge: &Challenge) -> Result<Self, PolicyError> {
        let shape = Shape::new(&challenge.compute)?;
        let id = challenge.id();
        Ok(Self { challenge: challenge.clone(), id, shape, salts: salts(&id, &shape), layers: None })
    }

    /// All layers stay in memory: layers · width² bytes.
    ///
    /// # Errors
    /// The challenge's policy lies outside its bounds.
    pub fn resident(challenge: &Challenge) -> Result<Self, PolicyError> {
        let mut weights = Self::new(challenge)?;
        weights.layers = Some((0..weights.shape.layers).map(|index| weights.generate(index)).collect());
        Ok(weights)
    }

    /// Layers that take at most 64 MiB together stay in memory; larger ones are generated when they are asked for, which
    /// costs next to nothing where many rows pass each of them.
    ///
    /// # Errors
    /// The challenge's policy lies outside its bounds.
    pub fn frugal(challenge: &Challenge) -> Result<Self, PolicyError> {
        let weights = Self::new(challenge)?;
        let bytes = weights.shape.layers * weights.shape.width * weights.shape.width;
        if bytes <= RESIDENT_BYTES { Self::resident(challenge) } else { Ok(weights) }
    }

    /// The challenge they were derived from.
    #[must_use]
    pub const fn challenge(&self) -> &Challenge {
        &self.challenge
    }

    /// The window id.
    #[must_use]
    pub const fn id(&self) -> &Digest {
        &self.id
    }

    /// The dimensions of the work.
    #[must_use]
    pub const fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Seed of the ChaCha8 stream that all layers lie in, one after the other, from its beginning.
    #[must_use]
    pub fn seed(&self) -> Digest {
        derive("assay weights v1", &[&self.id])
    }

    /// Layer `index` (below the policy's layers): n columns of n values each, `w[column · n + k]`.
    #[must_use]
    pub fn layer(&self, index: usize) -> Cow<'_, [i8]> {
        match &self.layers {
            Some(layers) => Cow::Borrowed(&layers[index]),
            None => Cow::Owned(self.generate(index)),
        }
    }

    /// One salt per column of layer `index`.
    #[must_use]
    pub fn salts(&self, index: usize) -> &[u32] {
        &self.salts[index * self.shape.width..(index + 1) * self.shape.width]
    }

    fn generate(&self, index: usize) -> Vec<i8> {
        let len = self.shape.width * self.shape.width;
        let mut stream = ChaCha8Rng::from_seed(self.seed());
        stream.set_word_pos(index as u128 * (len / 4) as u128);
        let mut bytes = vec![0; len];
        stream.fill_bytes(&mut bytes);
        bytes.into_iter().map(u8::cast_signed).collect()
    }
}

fn salts(id: &Digest, shape: &Shape) -> Vec<u32> {
    let mut bytes = vec![0; shape.layers * shape.width * 4];
    hasher("assay salt v1", &[id]).finalize_xof().fill(&mut bytes);
    bytes.chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]])).collect()
}
