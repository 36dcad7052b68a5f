//! What a place on the subnet costs.
//!
//! Every registration raises the price at once, every block lets it fall so that it halves in a set time.

use crate::fixed::{U64F64, mul, to_u64};

/// How the price of a place moves; `MinBurn`, `MaxBurn`, `BurnHalfLife` and `BurnIncreaseMult` of a subnet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BurnRule {
    /// Lowest price, rao.
    pub min: u64,
    /// Highest price, rao.
    pub max: u64,
    /// Blocks in which the price halves; 0 stops the decay.
    pub half_life: u16,
    /// What a registration multiplies the price with; below one it counts as one.
    pub increase: U64F64,
}

impl BurnRule {
    fn bounded(&self, burn: u64) -> u64 {
        // Not `clamp`: that panics when the owner's bounds are in the wrong order.
        burn.min(self.max).max(self.min)
    }
}

/// The price after one more registration.
#[must_use]
pub fn burn_after_registration(burn: u64, rule: &BurnRule) -> u64 {
    rule.bounded(to_u64(mul(U64F64::from_num(burn), rule.increase.max(U64F64::ONE))))
}

/// The price after one more block; genesis and the first block leave it as it is.
#[must_use]
pub fn burn_decay(burn: u64, rule: &BurnRule, block: u64) -> u64 {
    if rule.half_life == 0 || block <= 1 {
        return burn;
    }
    rule.bounded(to_u64(mul(U64F64::from_num(burn), U64F64::from_bits(decay_factor(rule.half_life).into()) << 32)))
}

/// The largest factor, in 32 fraction bits, whose power to the half-life is at most one half.
#[must_use]
pub fn decay_factor(half_life: u16) -> u64 {
    let (mut low, mut high) = (0, 1 << 32);
    while low + 1 < high {
        let middle = (low + high) / 2;
        if power(middle, half_life) <= 1 << 31 {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

/// `base^exponent` in 32 fraction bits by squaring, floored at each step. `base` is at most one.
fn power(mut base: u64, mut exponent: u16) -> u64 {
    let product = |a: u64, b: u64| u64::try_from((u128::from(a) * u128::from(b)) >> 32).unwrap_or(u64::MAX);
    let mut result = 1 << 32;
    while exponent > 0 {
        if exponent % 2 == 1 {
            result = product(result, base);
        }
        base = product(base, base);
        exponent /= 2;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TAO: u64 = 1_000_000_000;
    const RULE: BurnRule = BurnRule { min: TAO / 2, max: 100 * TAO, half_life: 360, increase: U64F64::lit("1.26") };

    #[test]
    fn the_factor_of_new_subnets() {
        assert_eq!(decay_factor(360), 4_286_705_684);
        assert_eq!(decay_factor(1), 1 << 31);
    }

    #[test]
    fn the_price_halves_in_its_half_life() {
        let after = (2..362).fold(10 * TAO, |burn, block| burn_decay(burn, &RULE, block));
        assert!((5 * TAO - 1000..=5 * TAO).contains(&after), "{after}");
        assert_eq!(burn_decay(RULE.min, &RULE, 2), RULE.min);
        assert_eq!(burn_decay(10 * TAO, &RULE, 1), 10 * TAO);
        assert_eq!(burn_decay(10 * TAO, &BurnRule { half_life: 0, ..RULE }, 9), 10 * TAO);
    }

    #[test]
    fn a_registration_raises_the_price() {
        assert_eq!(burn_after_registration(TAO, &RULE), 1_259_999_999);
        assert_eq!(burn_after_registration(99 * TAO, &RULE), RULE.max);
        let falling = BurnRule { increase: U64F64::lit("0.5"), ..RULE };
        assert_eq!(burn_after_registration(TAO, &falling), TAO);
    }

    proptest! {
        #[test]
        fn any_rule_gives_a_price(
            burn: u64, min: u64, max: u64, half_life: u16, increase: u128, block: u64,
        ) {
            let rule = BurnRule { min, max, half_life, increase: U64F64::from_bits(increase) };
            prop_assert!(burn_after_registration(burn, &rule) >= min);
            prop_assert!(burn_decay(burn, &rule, block) <= burn.max(min));
        }
    }
}
