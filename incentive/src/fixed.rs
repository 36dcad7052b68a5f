//! The fixed-point arithmetic of the chain's pallet.
//!
//! Multiplication floors at the last fraction bit, division truncates towards zero, both saturate or give zero
//! instead of failing. A result that differs in its last bit is another result on the chain, so every step of an
//! epoch goes through these functions.

use ::fixed::traits::{Fixed, ToFixed};
pub use ::fixed::types::{I32F32, I64F64, I96F32, U64F64, U96F32};

/// The product, floored at the last fraction bit and saturated at the range of the type.
#[must_use]
pub fn mul<F: Fixed>(a: F, b: F) -> F {
    a.saturating_mul(b)
}

/// The quotient, truncated towards zero; zero when `b` is zero or the quotient does not fit.
#[must_use]
pub fn div<F: Fixed>(a: F, b: F) -> F {
    a.checked_div(b).unwrap_or(F::ZERO)
}

/// Another width of the same number: the fraction is floored, the range saturated.
#[must_use]
pub fn convert<T: Fixed>(value: impl ToFixed) -> T {
    T::saturating_from_num(value)
}

/// The integer part as the chain stores amounts, saturated at 0 and `u64::MAX`.
#[must_use]
pub fn to_u64(value: impl Fixed) -> u64 {
    value.saturating_to_num()
}

/// A proportion that the chain stores in 16 bits: `value / 65535`, truncated.
#[must_use]
pub fn proportion(value: u16) -> I32F32 {
    div(I32F32::from_num(value), I32F32::from_num(u16::MAX))
}

/// The 16-bit form of a proportion: `x * 65535`, floored and clamped.
#[must_use]
pub fn to_u16(x: I32F32) -> u16 {
    mul(x, I32F32::from_num(u16::MAX)).saturating_to_num()
}

/// `value / (2^64 - 1)` in 32 fraction bits, as `TaoWeight` and the proportions of child keys are read.
#[must_use]
pub fn proportion_u64(value: u64) -> U96F32 {
    div(U96F32::from_num(value), U96F32::from_num(u64::MAX))
}

/// The sum; saturates instead of wrapping.
#[must_use]
pub fn sum<F: Fixed>(values: impl IntoIterator<Item = F>) -> F {
    values.into_iter().fold(F::ZERO, F::saturating_add)
}

/// Divides every element by the sum of all; leaves a vector that sums to zero as it is.
pub fn normalize<F: Fixed>(values: &mut [F]) {
    let total = sum(values.iter().copied());
    if total != F::ZERO {
        for value in values {
            *value = div(*value, total);
        }
    }
}

/// The exponential as the chain has it: a Taylor series of 32 terms on a clamped argument.
///
/// Not a true exponential. Near the clamps of ±20 the series is about 1 % low, and an argument of exactly one
/// gives a constant of 23 fraction bits.
#[must_use]
pub fn exp(x: I32F32) -> I32F32 {
    const LIMIT: I32F32 = I32F32::lit("20");
    const E: I32F32 = I32F32::from_bits(22_802_600 << 9);
    let x = x.clamp(-LIMIT, LIMIT);
    if x == I32F32::ZERO {
        return I32F32::ONE;
    }
    if x == I32F32::ONE {
        return E;
    }
    let magnitude = x.abs();
    let mut term = magnitude;
    let mut series = I32F32::ONE.saturating_add(magnitude);
    for i in 2..32 {
        term = div(mul(term, magnitude), I32F32::from_num(i));
        series = series.saturating_add(term);
    }
    if x < I32F32::ZERO { div(I32F32::ONE, series) } else { series }
}
