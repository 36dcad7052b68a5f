//! Rows: where they come from, how they pass the layers, how they are packed.
//!
//! A value lies in -16..=15. The step between two layers mixes all 32 bits of an exact sum, so that no linear or
//! approximate shortcut survives it.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::digest::{Digest, derive};

/// Source of the input rows of one round, derived from the head of the round before.
pub struct Inputs(Digest);

impl Inputs {
    /// The inputs of the round that follows `head`.
    #[must_use]
    pub fn after(head: &Digest) -> Self {
        Self(derive("assay rows v1", &[head]))
    }

    /// Seed of the ChaCha8 stream that the rows lie in, one after the other, from its beginning: a byte for each value,
    /// of which the lower five bits count.
    #[must_use]
    pub const fn seed(&self) -> &Digest {
        &self.0
    }

    /// Writes consecutive rows into `out`, beginning with row `first`; `width` is a multiple of 16.
    pub fn fill(&self, first: u32, width: usize, out: &mut [i8]) {
        let mut stream = ChaCha8Rng::from_seed(self.0);
        stream.set_word_pos(u128::from(first) * (width / 4) as u128);
        let mut bytes = vec![0; out.len()];
        stream.fill_bytes(&mut bytes);
        for (value, byte) in out.iter_mut().zip(bytes) {
            *value = (byte & 31).cast_signed() - 16;
        }
    }
}

/// What is kept of the sums of a layer: the top five bits of a full mix with the salt of the column.
pub fn requantise(sums: &[i32], salts: &[u32], out: &mut [i8]) {
    let width = salts.len();
    for (row, sums) in out.chunks_exact_mut(width).zip(sums.chunks_exact(width)) {
        for ((value, sum), salt) in row.iter_mut().zip(sums).zip(salts) {
            *value = (mix32(sum.cast_unsigned() ^ salt) >> 27) as i8 - 16;
        }
    }
}

/// A bijection of 32 bits with full avalanche.
#[must_use]
pub const fn mix32(mut h: u32) -> u32 {
    h ^= h >> 16;
    h = h.wrapping_mul(0x7feb_352d);
    h ^= h >> 15;
    h = h.wrapping_mul(0x846c_a68b);
    h ^ (h >> 16)
}

/// Packs values of -16..=15 to 5 bits each, least significant bit first. The length must be a multiple of 8.
#[must_use]
pub fn pack(values: &[i8]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(values.len() / 8 * 5);
    for group in values.chunks_exact(8) {
        let bits = group.iter().rev().fold(0, |bits, value| bits << 5 | u64::from((value + 16).cast_unsigned() & 31));
        packed.extend_from_slice(&bits.to_le_bytes()[..5]);
    }
    packed
}

/// The inverse of [`pack`]: 5 bytes become 8 values. Every bit pattern is a row; there are no spare bits.
#[must_use]
pub fn unpack(packed: &[u8]) -> Vec<i8> {
    let mut values = Vec::with_capacity(packed.len() / 5 * 8);
    for group in packed.chunks_exact(5) {
        let bits = group.iter().rev().fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
        values.extend((0..8).map(|index| ((bits >> (5 * index)) & 31) as i8 - 16));
    }
    values
}
