//! Weights as the chain stores them: the largest of a vector becomes 65535.

use crate::fixed::{I32F32, div, mul};

/// What the chain stores of submitted weights: scaled so that the largest is 65535, rounded to nearest.
///
/// A vector of zeros stays as it is, and so does one whose largest value is 65535 already.
#[must_use]
pub fn upscale(weights: &[u16]) -> Vec<u16> {
    const FULL: I32F32 = I32F32::lit("65535");
    let Some(largest) = weights.iter().copied().max().filter(|largest| *largest > 0) else {
        return weights.to_vec();
    };
    let divisor = I32F32::from_num(largest);
    // Above one half of the range the product of two weights does not fit, so the chain divides first.
    let divide_first = largest > 1 << 15;
    let scale = |weight: &u16| {
        let weight = I32F32::from_num(*weight);
        let scaled = if divide_first { mul(weight, div(FULL, divisor)) } else { div(mul(weight, FULL), divisor) };
        scaled.saturating_round().saturating_to_num()
    };
    weights.iter().map(scale).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_largest_is_full() {
        assert_eq!(upscale(&[7]), [65535]);
        assert_eq!(upscale(&[10, 20, 0]), [32768, 65535, 0]);
        assert_eq!(upscale(&[30_000, 60_000]), [32767, 65535]);
        assert_eq!(upscale(&[8197, 16_394]), [32_768, 65_535], "the product still fits");
        assert_eq!(upscale(&[0, 0]), [0, 0]);
        assert_eq!(upscale(&[]), [0; 0]);
    }

    proptest! {
        #[test]
        fn what_is_stored_stays(mut weights: Vec<u16>) {
            weights.push(u16::MAX);
            prop_assert_eq!(upscale(&weights), weights);
        }

        #[test]
        fn the_order_stays(a: u16, b: u16, c: u16) {
            let stored = upscale(&[a, b, c]);
            prop_assert_eq!(stored.iter().max(), Some(&if [a, b, c] == [0; 3] { 0 } else { u16::MAX }));
            prop_assert!(a > b || stored[0] <= stored[1]);
        }
    }
}
