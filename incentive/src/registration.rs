//! What a place on the subnet costs, what a subnet costs, and who makes room.
//!
//! Every registration raises the price at once, every block lets it fall so that it halves in a set time.

#![cfg_attr(not(test), deny(clippy::float_arithmetic, clippy::indexing_slicing))]

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

/// What the price of a new subnet depends on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lock {
    /// `NetworkLastLockCost`: what the last subnet cost, rao.
    pub last_cost: u64,
    /// The block in which it was registered; 0 when there was none.
    pub last_block: u64,
    /// `NetworkMinLockCost`, rao.
    pub min_cost: u64,
    /// `NetworkLockReductionInterval`: blocks in which the price falls by what the last subnet cost.
    pub interval: u64,
}

/// The price of a new subnet at `block`: twice the last one, falling to the minimum.
#[must_use]
pub fn lock_cost(lock: &Lock, block: u64) -> u64 {
    let start = lock.last_cost.saturating_mul(if lock.last_block == 0 { 1 } else { 2 });
    let step = lock.last_cost.checked_div(lock.interval).unwrap_or(0);
    start.saturating_sub(step.saturating_mul(block.saturating_sub(lock.last_block))).max(lock.min_cost)
}

/// A neuron that may have to make room on a full subnet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Its uid.
    pub uid: u16,
    /// `Emission` of the last epoch, rao.
    pub emission: u64,
    /// `BlockAtRegistration`.
    pub registered: u64,
    /// Whether it is one of the subnet owner's protected hotkeys.
    pub protected: bool,
}

/// The uid that the next registration on a full subnet replaces: the one that earned least, then the oldest.
///
/// Neurons younger than `immunity_period` stay, as long as more than `min_non_immune` others are there; then the
/// immune ones have to make room for each other. Protected neurons always stay.
#[must_use]
pub fn place_to_replace(places: &[Place], block: u64, immunity_period: u64, min_non_immune: usize) -> Option<u16> {
    let immune = |place: &&Place| block.saturating_sub(place.registered) < immunity_period;
    let (immune, exposed): (Vec<&Place>, _) = places.iter().filter(|place| !place.protected).partition(immune);
    let candidates: Vec<&Place> = if exposed.len() > min_non_immune { exposed } else { immune };
    candidates.into_iter().min_by_key(|place| (place.emission, place.registered, place.uid)).map(|place| place.uid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TAO: u64 = 1_000_000_000;
    /// 1.26 as the chain's default has it.
    const INCREASE: U64F64 = U64F64::from_bits(0x1_428f_5c28_f5c2_9000);
    const RULE: BurnRule = BurnRule { min: TAO / 2, max: 100 * TAO, half_life: 360, increase: INCREASE };

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
        assert_eq!(burn_after_registration(TAO, &RULE), 1_260_000_000);
        assert_eq!(burn_after_registration(99 * TAO, &RULE), RULE.max);
        let falling = BurnRule { increase: U64F64::lit("0.5"), ..RULE };
        assert_eq!(burn_after_registration(TAO, &falling), TAO);
    }

    #[test]
    fn a_new_subnet_costs_twice_the_last() {
        let lock = Lock { last_cost: 100 * TAO, last_block: 1000, min_cost: 50 * TAO, interval: 10 };
        assert_eq!(lock_cost(&lock, 1000), 200 * TAO);
        assert_eq!(lock_cost(&lock, 1010), 100 * TAO);
        assert_eq!(lock_cost(&lock, 9999), 50 * TAO);
        assert_eq!(lock_cost(&Lock { last_block: 0, interval: 0, ..lock }, 1000), 100 * TAO);
    }

    #[test]
    fn the_least_earning_place_is_replaced() {
        let place = |uid, emission, registered| Place { uid, emission, registered, protected: uid == 0 };
        let places =
            [place(0, 0, 0), place(1, 9, 10), place(2, 7, 30), place(3, 7, 20), place(4, 7, 20), place(5, 1, 95)];
        assert_eq!(place_to_replace(&places, 100, 10, 0), Some(3));
        assert_eq!(place_to_replace(&places, 105, 10, 0), Some(5), "immunity ends after its period");
        assert_eq!(place_to_replace(&places, 100, 10, 4), Some(5), "too few others");
        assert_eq!(place_to_replace(&places, 200, 10, 5), None);
        assert_eq!(place_to_replace(&places[..1], 100, 10, 0), None, "the owner stays");
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
