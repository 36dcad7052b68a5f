//! Gumbel noise from the words of a ChaCha8 stream.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// The largest noise there is, rounded up: that of a word below 256.
pub(super) const LARGEST: f32 = 17.33;

/// The noise of one place in a sequence.
#[derive(Clone, Debug)]
pub struct Noise {
    stream: ChaCha8Rng,
    first: u64,
}

impl Noise {
    /// That of a position: word `position * vocabulary + id` of the seed's stream belongs to token `id`.
    #[must_use]
    pub fn new(seed: &[u8; 32], position: u64, vocabulary: usize) -> Self {
        Self { stream: ChaCha8Rng::from_seed(*seed), first: position.wrapping_mul(vocabulary as u64) }
    }

    /// The noise of a token.
    #[must_use]
    pub fn of(&self, token: u32) -> f32 {
        let mut stream = self.stream.clone();
        stream.set_word_pos(self.word(token));
        gumbel(stream.next_u32())
    }

    /// The words of tokens, from `token` on.
    pub(super) fn words(&self, stream: &mut ChaCha8Rng, token: u32, out: &mut [u32]) {
        let word = self.word(token);
        // Words in order come for free; going elsewhere costs four blocks.
        if stream.get_word_pos() != word {
            stream.set_word_pos(word);
        }
        for word in out {
            *word = stream.next_u32();
        }
    }

    /// A stream of its own for [`Noise::words`].
    pub(super) fn stream(&self) -> ChaCha8Rng {
        self.stream.clone()
    }

    fn word(&self, token: u32) -> u128 {
        u128::from(self.first.wrapping_add(u64::from(token)))
    }
}

/// The noise of a word: `-ln(-ln(1 - v))` with `v = (i + 0.5) / 2^24` and i the upper 24 bits, in f64, rounded once.
/// Finite for every word, from -2.852 to 17.329, and it never grows with the word. (In f32, v would round to 1 for the
/// last i, and the noise to infinity.)
#[must_use]
pub fn gumbel(word: u32) -> f32 {
    let v = (f64::from(word >> 8) + 0.5) / 16_777_216.0;
    -(-(-v).ln_1p()).ln() as f32
}

/// A word above which the noise is certainly below `noise`. It may be below for lower ones too.
pub(super) fn last_word(noise: f32) -> u32 {
    // The inverse of `gumbel`, and room for its rounding and for ours.
    let v = -(-(-f64::from(noise) + 1e-4).exp()).exp_m1();
    (v * 16_777_216.0 + 2.0).min(16_777_215.0) as u32 * 256 + 255
}
