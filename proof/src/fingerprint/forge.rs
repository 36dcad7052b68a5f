//! Fingerprints of those who do not run the model, as negative controls: for a model for which one of these passes, a
//! fingerprint proves nothing.

use super::{Fingerprint, TOP, bf16, largest};

/// Rows in which each channel has its mean over all rows: what somebody knows who has seen the model's states once, and
/// does not run it. Where a few channels are always the largest, whatever is said, a fingerprint of these passes.
#[must_use]
pub fn constant_channels(rows: &[u16], hidden: usize) -> Vec<u16> {
    let count = rows.len().checked_div(hidden).unwrap_or(0);
    let channels: Vec<u16> = (0..if count == 0 { 0 } else { hidden })
        .map(|channel| {
            let sum: f64 = rows.iter().skip(channel).step_by(hidden).take(count).map(|entry| wide(*entry)).sum();
            bf16((sum / count as f64) as f32)
        })
        .collect();
    channels.repeat(count)
}

/// A polynomial that is the same everywhere: the middle of the largest magnitudes of a chunk. Where the largest entries
/// are all about as large, its exponents and mantissas pass; its signs do not.
#[must_use]
pub fn constant(rows: &[u16]) -> Fingerprint {
    let mut magnitudes: Vec<u16> = largest(rows, TOP).into_iter().map(|index| rows[index as usize] & 0x7fff).collect();
    magnitudes.sort_unstable();
    let Some(middle) = magnitudes.get(magnitudes.len() / 2) else { return Fingerprint::null() };
    let mut coefficients = vec![0; magnitudes.len()];
    coefficients[0] = *middle;
    Fingerprint { modulus: super::field::PRIME as u16, coefficients }
}

/// The value of a bf16 pattern.
fn wide(pattern: u16) -> f64 {
    f32::from_bits(u32::from(pattern) << 16).into()
}
