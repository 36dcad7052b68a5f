//! Which rows a validator opens: drawn from its own secret after the signed heads, never from the roots alone.

use parity_scale_codec::{Decode, Encode};

use crate::chain::Commitment;
use crate::challenge::Challenge;
use crate::digest::hasher;

/// One row of one round of one chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct Sample {
    /// The chain, from 0.
    pub chain: u16,
    /// The round, from 1.
    pub round: u32,
    /// The row, from 0.
    pub row: u32,
}

/// Draws the policy's number of rows, with replacement, uniformly over all counted rounds of all chains. Without any
/// counted round there is nothing to draw.
///
/// The bias of the modulus is below 2^-26: at most 2^38 rows against 2^64 values.
#[must_use]
pub fn sample(secret: &[u8; 32], challenge: &Challenge, commitment: &Commitment) -> Vec<Sample> {
    let rows = u64::from(challenge.compute.rows);
    // Chains are numbered in 16 bits; what lies beyond has no number and no rows.
    let total =
        commitment.chains.iter().take(1 << 16).map(|roots| roots.len() as u64).sum::<u64>().saturating_mul(rows);
    if total == 0 {
        return Vec::new();
    }
    let mut hasher = hasher("assay sample v1", &[secret, &challenge.id(), &commitment.hotkey.0]);
    for chain in commitment.replay(challenge) {
        hasher.update(&chain.rounds().to_le_bytes());
        hasher.update(chain.head());
    }
    let mut stream = hasher.finalize_xof();
    (0..challenge.compute.openings)
        .map(|_| {
            let mut word = [0; 8];
            stream.fill(&mut word);
            locate(commitment, rows, u64::from_le_bytes(word) % total)
        })
        .collect()
}

/// Rows are numbered chain by chain, round by round.
fn locate(commitment: &Commitment, rows: u64, index: u64) -> Sample {
    let row = (index % rows) as u32;
    let mut round = index / rows;
    for (chain, roots) in (0..=u16::MAX).zip(&commitment.chains) {
        if round < roots.len() as u64 {
            return Sample { chain, round: round as u32 + 1, row };
        }
        round -= roots.len() as u64;
    }
    // Not reached: the index lies below the number of counted rows.
    Sample { chain: u16::MAX, round: u32::MAX, row }
}
