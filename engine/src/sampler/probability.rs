//! Log probabilities, as answers report them.

use crate::sampler::cut::largest_of;

/// Bound of the relative error of a sum of [`exp_near`]: that of the polynomial is below 1e-8, a test holds it to that.
pub(super) const RELATIVE_ERROR: f64 = 1e-7;

/// The log probability of one token, and the most probable tokens with theirs, under raw logits. A token at negative
/// infinity has that for its log probability. Logits are finite or negative infinity, one at least finite.
#[must_use]
pub fn logprobs(logits: &[f32], id: u32, alternatives: usize) -> (f32, Vec<(u32, f32)>) {
    let max = super::scale::largest(logits);
    let norm = f64::from(max) + sum_of_exp(logits, max).ln();
    let of = |logit: f32| (f64::from(logit) - norm) as f32;
    let own = logits.get(id as usize).map_or(f32::NEG_INFINITY, |logit| of(*logit));
    if alternatives == 0 {
        return (own, Vec::new());
    }
    let positive: Vec<f32> = logits.iter().map(|logit| logit + 0.0).collect();
    (own, largest_of(&positive, alternatives).into_iter().map(|(id, logit)| (id, of(logit))).collect())
}

/// The log probability of one token and the largest one, under raw logits as in [`logprobs`].
#[must_use]
pub fn own_and_best(logits: &[f32], id: u32) -> (f32, f32) {
    let max = super::scale::largest(logits);
    let norm = f64::from(max) + sum_of_exp(logits, max).ln();
    let of = |logit: f32| (f64::from(logit) - norm) as f32;
    (logits.get(id as usize).map_or(f32::NEG_INFINITY, |logit| of(*logit)), of(max))
}

/// Sum of `e^(value - max)`, in lanes.
fn sum_of_exp(values: &[f32], max: f32) -> f64 {
    let (lanes, rest) = values.as_chunks::<8>();
    let exp = |value: f32| exp_near(f64::from(value) - f64::from(max));
    let mut sums = [0.0; 8];
    for lane in lanes {
        for (sum, value) in sums.iter_mut().zip(lane) {
            *sum += exp(*value);
        }
    }
    sums.iter().sum::<f64>() + rest.iter().map(|value| exp(*value)).sum::<f64>()
}

/// `e^x` for x up to 0, near enough, in operations that a compiler puts into vectors. Below -700 it is that of -700.
pub(super) fn exp_near(x: f64) -> f64 {
    // Adding it leaves an integer in the low bits of the mantissa.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let x = if x > -700.0 { x } else { -700.0 };
    let shifted = x * std::f64::consts::LOG2_E + ROUND;
    let r = x - (shifted - ROUND) * std::f64::consts::LN_2;
    let power = f64::from_bits(shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(1023) << 52);
    let mut series = 1.0 / 5040.0;
    for factor in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        series = series * r + factor;
    }
    power * series
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn exponentials_are_near(x in -690.0..=0.0f64) {
            prop_assert!((exp_near(x) / x.exp() - 1.0).abs() < 1e-8, "{} for {}", exp_near(x), x.exp());
        }

        #[test]
        fn probabilities_sum_to_one(logits in prop::collection::vec(-30.0..30.0f32, 1..300)) {
            let (_, all) = logprobs(&logits, 0, logits.len());
            let sum: f64 = all.iter().map(|(_, logprob)| f64::from(*logprob).exp()).sum();
            prop_assert!((sum - 1.0).abs() < 1e-5, "{sum}");
            let key = |id: u32| (-logits[id as usize], id);
            prop_assert!(all.is_sorted_by(|a, b| key(a.0) <= key(b.0)), "largest first, lowest id among equals");
            let own = own_and_best(&logits, all[all.len() / 2].0);
            prop_assert_eq!(own, (all[all.len() / 2].1, all[0].1));
        }
    }

    #[test]
    fn what_cannot_be_has_no_probability() {
        let (own, top) = logprobs(&[f32::NEG_INFINITY, 1.0], 0, 1);
        assert_eq!((own, top), (f32::NEG_INFINITY, vec![(1, 0.0)]));
        assert!(exp_near(f64::NEG_INFINITY) < 1e-300);
    }
}
