//! What a miner could try with time, against what the arithmetic pays.

mod attacks;
mod engine;
mod ramp;

use proptest::prelude::*;

use super::*;
use crate::policy::ModelPolicy;
use crate::task::ModelDigest;

/// Half a second to the first token, 40 milliseconds for each further one, none faster than one.
fn model() -> ModelPolicy {
    ModelPolicy {
        id: "test".to_owned(),
        digest: ModelDigest([7; 32]),
        share: 500,
        first_ms: 500,
        prompt_us: 200,
        token_us: 40_000,
        fastest_us: 1_000,
        fingerprint: false,
    }
}

const TOKENS: u32 = 64;
const FOREVER: u64 = u64::MAX;

#[test]
fn a_token_in_time_is_worth_one() {
    let model = model();
    let on_time: Vec<u64> = (0..TOKENS).map(|index| deadline_us(&model, 100, index)).collect();
    assert_eq!(on_time[1], 500_000 + 100 * 200 + 40_000);
    assert_eq!(credit(&model, 100, &on_time, TOKENS, FOREVER), u64::from(TOKENS * ONE));
    let late: Vec<u64> = on_time.iter().map(|due| due + 40_000).collect();
    let per_token = credit(&model, 100, &late, TOKENS, FOREVER) / u64::from(TOKENS);
    assert!((24_109..=25_600).contains(&per_token), "1/e of {ONE} is 24109: {per_token}");
    assert_eq!(
        credit(&model, 100, &on_time, TOKENS / 2, FOREVER),
        u64::from(TOKENS / 2 * ONE),
        "none but the expected"
    );
    assert_eq!(credit(&model, 100, &[], TOKENS, FOREVER), 0);
    assert_eq!(credit_share(u64::from(TOKENS * ONE) / 2, TOKENS), ONE / 2);
    assert_eq!((credit_share(5, 0), credit_share(u64::MAX, 1)), (0, ONE));
}

#[test]
fn nobody_is_paid_for_more_than_the_fastest() {
    let model = model();
    let at_once = vec![1; 500];
    assert_eq!(credit(&model, 0, &at_once, 500, 100_000), u64::from(100 * ONE), "100 ms hold a hundred tokens of 1 ms");
    assert!(too_fast(&model, &at_once) && !too_fast(&model, &[1]) && !too_fast(&model, &[]));
    assert_eq!(free_us(&model, 500), 500_000, "and the stream is asked again when they would have been there");
    // A network that holds a whole answer back is not fast.
    assert!(!too_fast(&model, &vec![500_000; 500]));
}

#[test]
fn credits_become_thousandths_of_a_token_per_second() {
    assert_eq!(score(u64::from(ONE) * 1_000, 10_000, ONE), Score(100_000), "1000 tokens in 10 seconds: 100 a second");
    assert_eq!(score(u64::from(ONE) * 1_000, 10_000, ONE / 4), Score(25_000));
    assert_eq!(score(u64::from(ONE), 1_000, u32::MAX), Score(1_000), "a gate never adds");
    assert_eq!(score(5, 0, ONE), Score(0));
    assert_eq!(score(u64::MAX, 1, ONE), Score(u64::MAX), "no overflow");
}

#[test]
fn a_validators_part_is_that_of_its_stake() {
    assert_eq!((share(64, 1, 4), share(64, 3, 4), share(64, 4, 4)), (16, 48, 64));
    assert_eq!((share(64, 0, 4), share(64, 1, u64::MAX), share(64, 0, 0)), (1, 1, 1));
    assert_eq!(share(u32::MAX, u64::MAX, 1), u32::MAX);
}

#[test]
fn a_gate_is_the_bound_of_a_median() {
    assert_eq!(gate(&[]), ONE);
    assert_eq!(gate(&[ONE, ONE, 7, ONE]), 7, "four shares bound nothing: the smallest");
    let mut shares = vec![ONE; 30];
    shares[..10].fill(0);
    assert_eq!(gate(&shares), 0, "a third dropped, and half of all could be");
    shares[..8].fill(ONE);
    assert_eq!(gate(&shares), ONE, "two of thirty are an accident");
}

proptest! {
    #[test]
    fn earlier_never_hurts(
        mut arrivals in proptest::collection::vec(0_u64..6_000_000, 1..100),
        sooner in proptest::collection::vec(0_u64..2_000_000, 100),
        until in 0_u64..8_000_000,
    ) {
        let model = model();
        arrivals.sort_unstable();
        let early: Vec<u64> = arrivals.iter().zip(&sooner).map(|(time, by)| time.saturating_sub(*by)).collect();
        let count = arrivals.len() as u32;
        for expected in [count / 2, count, count + 5] {
            let (late, early) = (credit(&model, 9, &arrivals, expected, until), credit(&model, 9, &early, expected, until));
            prop_assert!(late <= early);
            prop_assert!(early <= u64::from(expected.min(count) * ONE));
            prop_assert!(early <= (until / 1_000 + 1) * u64::from(ONE));
        }
    }

    #[test]
    fn later_hurts_once_it_is_late(delay in 1_u64..200_000, more in 2_000_u64..200_000) {
        let model = model();
        let by = |late: u64| credit(&model, 0, &[deadline_us(&model, 0, 0) + late], 1, FOREVER);
        prop_assert!(by(delay + more) < by(delay));
    }

    #[test]
    fn splitting_gains_nothing(parts in proptest::collection::vec(0_u64..1 << 40, 1..64), gate in 0..=ONE) {
        let split: u64 = parts.iter().map(|&credits| score(credits, 8_000, gate).get()).sum();
        let whole = score(parts.iter().sum(), 8_000, gate).get();
        prop_assert!(split <= whole && whole - split < parts.len() as u64);
    }

    #[test]
    fn a_failure_never_raises_a_gate(shares in proptest::collection::vec(0..=ONE, 0..200)) {
        let mut more = shares.clone();
        more.push(0);
        prop_assert!(gate(&more) <= gate(&shares));
    }

    #[test]
    fn a_better_probe_never_lowers_a_gate(shares in proptest::collection::vec(0..ONE, 1..200), at in any::<usize>()) {
        let mut better = shares.clone();
        better[at % shares.len()] = ONE;
        prop_assert!(gate(&better) >= gate(&shares));
    }

    #[test]
    fn validators_together_ask_for_no_more(stakes in proptest::collection::vec(1_u64..1 << 40, 1..10)) {
        let all = stakes.iter().sum();
        let asked: u32 = stakes.iter().map(|&stake| share(256, stake, all)).sum();
        prop_assert!(asked <= 256 + stakes.len() as u32);
    }
}
