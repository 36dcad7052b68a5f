//! A fingerprint of activations: the largest entries of the last hidden states over some tokens, as a polynomial
//! (TOPLOC, arXiv 2501.16007). It shows that the true model ran over these tokens; it does not show that the tokens are the
//! model's own choice. A second factor, `PROTOCOL.md`, "Fingerprints".

/// Tokens of a chunk; the last one of an answer may be shorter.
pub const CHUNK: usize = 32;
/// Entries that are kept of a chunk (fewer where it has fewer).
pub const TOP: usize = 128;
/// Bytes of a fingerprint of [`TOP`] entries: the modulus and the coefficients, u16 big-endian.
pub const BYTES: usize = 2 + 2 * TOP;

/// The fingerprint of one chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// All indices are distinct by it; 0 where there is no fingerprint.
    pub modulus: u16,
    /// Ascending powers.
    pub coefficients: Vec<u16>,
}

/// How far a fingerprint lies from the states that it is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Distance {
    /// Of the largest entries, those whose exponents differ.
    pub exponents: u32,
    /// Mean difference of the mantissas of the others, in thousandths, rounded up; `u64::MAX` where there are none.
    pub mean: u64,
    /// Median difference, the upper one of two; `u64::MAX` where there are none.
    pub median: u64,
}
