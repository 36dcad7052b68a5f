//! A number of verified rounds becomes a score: work per second, as the validator measured it.

use crate::policy::Policy;
use crate::units::Score;

/// Operations per second of `rounds` counted rounds, over the window less the allowance, rounded down.
///
/// `rounds` is the sum over all chains of a hotkey of the roots that arrived inside the window. The score is linear in
/// it: a device that works for several hotkeys earns for all together what it would have earned for one, and loses
/// what rounding takes (less than one operation per second for each). Nothing that a miner says about itself enters.
///
/// A policy without time to work (never a valid one) scores 0, and no score wraps.
#[must_use]
pub fn score(rounds: u64, policy: &Policy) -> Score {
    let working_ms = u128::from(policy.window.duration_ms.saturating_sub(policy.window.allowance_ms));
    let operations = u128::from(rounds).saturating_mul(policy.compute.operations_per_round());
    let per_second = operations.saturating_mul(1_000).checked_div(working_ms).unwrap_or(0);
    Score(u64::try_from(per_second).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_production_round_counts_all_its_operations() {
        // One round = 2 · 16384 · 32 · 4096² operations; 29 s are paid.
        let operations: u64 = 2 * 16_384 * 32 * 4096 * 4096;
        assert_eq!(score(1, &Policy::production()), Score(operations / 29));
        // A device of 10^15 operations per second does 1648 rounds in 29 s and is credited as such, within a round.
        let rounds = 29 * 1_000_000_000_000_000 / operations;
        let credited = score(rounds, &Policy::production()).get();
        assert!((999_000_000_000_000..=1_000_000_000_000_000).contains(&credited), "{credited}");
    }

    #[test]
    fn no_round_is_no_score_and_no_time_is_no_score() {
        assert_eq!(score(0, &Policy::dev()), Score(0));
        let mut policy = Policy::dev();
        policy.window.allowance_ms = policy.window.duration_ms;
        assert_eq!(score(1_000, &policy), Score(0));
    }

    #[test]
    fn hostile_numbers_saturate() {
        let mut policy = Policy::production();
        policy.compute.width = u32::MAX;
        policy.compute.rows = u32::MAX;
        policy.compute.layers = u32::MAX;
        assert_eq!(score(u64::MAX, &policy), Score(u64::MAX));
    }

    proptest! {
        #[test]
        fn splitting_the_work_of_one_device_changes_nothing(parts in proptest::collection::vec(0_u64..100_000, 1..64)) {
            let policy = Policy::production();
            let split: u64 = parts.iter().map(|&rounds| score(rounds, &policy).get()).sum();
            let whole = score(parts.iter().sum(), &policy).get();
            prop_assert!(split <= whole, "splitting must never gain: {split} > {whole}");
            prop_assert!(whole - split < parts.len() as u64, "and loses rounding only: {split} < {whole}");
        }

        #[test]
        fn more_rounds_are_never_worth_less(a in any::<u64>(), b in any::<u64>()) {
            let policy = Policy::dev();
            let (less, more) = (a.min(b), a.max(b));
            prop_assert!(score(less, &policy) <= score(more, &policy));
        }
    }
}
