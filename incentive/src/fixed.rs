//! The fixed-point arithmetic of the chain's pallet.
//!
//! Multiplication floors at the last fraction bit, division truncates towards zero, both saturate or give zero
//! instead of failing. A result that differs in its last bit is another result on the chain, so every step of an
//! epoch goes through these functions.

#![cfg_attr(not(test), deny(clippy::float_arithmetic, clippy::indexing_slicing))]

use ::fixed::traits::{Fixed, ToFixed};
pub use ::fixed::types::{I32F32, I64F64, I96F32, U64F64, U96F32};

/// The product, floored at the last fraction bit and saturated at the range of the type.
#[must_use]
pub fn mul<F: Fixed>(a: F, b: F) -> F {
    a.saturating_mul(b)
}

/// The quotient, truncated towards zero; zero when `b` is zero or the quotient does not fit.
#[must_use]
pub fn div<F: Quotient>(a: F, b: F) -> F {
    a.quotient(b)
}

/// Division as the chain has it; see [`div`].
pub trait Quotient: Fixed {
    /// `self / divisor`.
    #[must_use]
    fn quotient(self, divisor: Self) -> Self {
        self.checked_div(divisor).unwrap_or(Self::ZERO)
    }
}

impl Quotient for I64F64 {}
impl Quotient for I96F32 {}
impl Quotient for U64F64 {}
impl Quotient for U96F32 {}

impl Quotient for I32F32 {
    /// An epoch divides every entry of three matrices: where the quotient takes one machine word, so does the division.
    fn quotient(self, divisor: Self) -> Self {
        let one_word = || {
            let (a, b) = (u64::try_from(self.to_bits()).ok()?, u64::try_from(divisor.to_bits()).ok()?);
            let bits = match a {
                // Proportions.
                0..ONE => (a << 32).checked_div(b)?,
                // The numerator is one bit too long; all ones in its place give the same, except over a power of two.
                ONE => u64::MAX.checked_div(b)?.checked_add(u64::from(b.is_power_of_two()))?,
                // Integers, such as weights as they are stored.
                _ if (a | b).trailing_zeros() >= 32 => a.checked_div(b >> 32)?,
                _ => return None,
            };
            i64::try_from(bits).ok().map(Self::from_bits)
        };
        one_word().unwrap_or_else(|| self.checked_div(divisor).unwrap_or(Self::ZERO))
    }
}

/// The bits of one as [`I32F32`].
const ONE: u64 = 1 << 32;

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
    // 2^32 is 65535 * 65537 + 1, so nothing is left over but at the very top.
    I32F32::from_bits(i64::from(value) * 65_537 + i64::from(value == u16::MAX))
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
pub fn normalize<F: Quotient>(values: &mut [F]) {
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
    let series = I32F32::from_bits(series(x.abs().to_bits().unsigned_abs()).cast_signed());
    if x < I32F32::ZERO { div(I32F32::ONE, series) } else { series }
}

/// `1 + x + x^2 / 2! + ... + x^31 / 31!` in 32 fraction bits, each term cut off. `x` is between 0 and 20.
fn series(x: u64) -> u64 {
    // No term exceeds 20^20 / 20! < 2^26 and no product 2^31: both fit a word.
    let (mut term, mut sum) = (x, ONE + x);
    // Written out, since a division by a known number is a multiplication.
    macro_rules! add_terms {
        ($($i:literal)+) => {
            $(
                term = ((u128::from(term) * u128::from(x)) >> 32) as u64 / $i;
                sum += term;
            )+
        };
    }
    add_terms!(2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31);
    sum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn raw(bits: i64) -> I32F32 {
        I32F32::from_bits(bits)
    }

    /// Bits as an epoch has them: proportions, integers, one, and anything.
    fn bits() -> impl Strategy<Value = i64> {
        let integers = any::<i32>().prop_map(|value| i64::from(value) << 32);
        prop_oneof![0..1i64 << 32, integers, Just(1 << 32), (0u32..63).prop_map(|n| 1 << n), any::<i64>()]
    }

    #[test]
    fn products_floor_and_quotients_truncate() {
        assert_eq!(mul(raw(1), raw(1)), raw(0));
        assert_eq!(mul(raw(-1), raw(1)), raw(-1));
        assert_eq!(div(raw(-1), I32F32::from_num(2)), raw(0));
        assert_eq!(div(raw(3), I32F32::from_num(2)), raw(1));
        assert_eq!(div(I32F32::ONE, I32F32::ZERO), I32F32::ZERO);
        assert_eq!(div(I32F32::MAX, raw(1)), I32F32::ZERO, "a quotient that does not fit");
        assert_eq!(mul(I32F32::MAX, I32F32::MAX), I32F32::MAX);
        assert_eq!(mul(I32F32::MIN, I32F32::MAX), I32F32::MIN);
        assert_eq!(convert::<I32F32>(I64F64::from_bits(-1)), raw(-1), "narrowing floors");
        assert_eq!(to_u64(I64F64::from_bits(-1)), 0);
    }

    #[test]
    fn proportions_round_down() {
        assert_eq!(proportion(1).to_bits(), 65_537);
        assert_eq!(proportion(u16::MAX), I32F32::ONE);
        assert_eq!(to_u16(I32F32::lit("0.5")), 32_767);
        assert_eq!(to_u16(I32F32::from_num(2)), u16::MAX);
        assert_eq!(to_u16(raw(-1)), 0);
        for value in 0..=u16::MAX {
            assert_eq!(proportion(value).to_bits(), (i64::from(value) << 32) / 65_535);
        }
        assert_eq!(proportion_u64(u64::MAX), U96F32::ONE);
    }

    #[test]
    fn the_exponential_is_the_chains() {
        assert_eq!(exp(I32F32::ZERO), I32F32::ONE);
        assert_eq!(exp(I32F32::ONE).to_bits(), 22_802_600 << 9);
        let nearly = exp(raw((1 << 32) - 1)).to_bits();
        assert!(
            (11_674_931_530..=11_674_931_554).contains(&nearly),
            "just below e * 2^32, cut off at each term: {nearly}"
        );
        assert_eq!(exp(I32F32::from_num(21)), exp(I32F32::from_num(20)));
        assert_eq!(exp(I32F32::MIN), exp(I32F32::from_num(-20)));
        // The series stops before it has converged: the true value is 485165195.4.
        assert!((475_000_000..485_000_000).contains(&exp(I32F32::from_num(20)).to_num::<i64>()));
    }

    proptest! {
        #[test]
        fn products_and_quotients_are_those_of_wide_integers(a in bits(), b in bits()) {
            let product = (i128::from(a) * i128::from(b)) >> 32;
            prop_assert_eq!(i128::from(mul(raw(a), raw(b)).to_bits()), product.clamp(i64::MIN.into(), i64::MAX.into()));
            let quotient = (i128::from(a) << 32).checked_div(b.into()).and_then(|bits| i64::try_from(bits).ok());
            prop_assert_eq!(div(raw(a), raw(b)).to_bits(), quotient.unwrap_or(0));
        }

        #[test]
        fn the_series_is_that_of_single_steps(bits in 0..=20i64 << 32) {
            let x = raw(bits);
            let (mut term, mut sum) = (x, I32F32::ONE.saturating_add(x));
            for i in 2..32 {
                term = div(mul(term, x), I32F32::from_num(i));
                sum = sum.saturating_add(term);
            }
            prop_assert_eq!(series(bits.unsigned_abs()).cast_signed(), sum.to_bits());
        }

        #[test]
        fn a_normalized_vector_sums_to_little_less_than_one(values in prop::collection::vec(0i64..1 << 40, 1..40)) {
            let mut values: Vec<I32F32> = values.into_iter().map(raw).collect();
            normalize(&mut values);
            let total = sum(values.iter().copied());
            prop_assert!(total <= I32F32::ONE);
            prop_assert!(total == I32F32::ZERO || total > I32F32::ONE - raw(40));
        }
    }
}
