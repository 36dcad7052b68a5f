//! Shares, bounds, and that nobody saves up or starves.

use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::*;

use super::fair::{Entered, Fair, Full, Turn};

const SECOND: Duration = Duration::from_secs(1);

/// Keeps every party's line filled and serves `answers` answers of the given cost; how many each got.
fn saturate(fair: &mut Fair<u8>, weights: &[u64], answers: usize, cost: impl Fn(u8) -> u64) -> HashMap<u8, usize> {
    let mut served = HashMap::new();
    let mut running: std::collections::VecDeque<Turn<u8>> = std::collections::VecDeque::new();
    for (party, weight) in (0u8..).zip(weights) {
        fair.enter(&party, *weight, 20).unwrap();
    }
    for _ in 0..answers {
        while let Some(turn) = fair.turn() {
            running.push_back(turn);
        }
        let turn = running.pop_front().unwrap();
        *served.entry(turn.party).or_insert(0) += 1;
        fair.release(&turn.party, turn.charged, cost(turn.party), SECOND);
        fair.enter(&turn.party, weights[usize::from(turn.party)], 1).unwrap();
    }
    served
}

proptest! {
    #[test]
    fn shares_follow_weights(slots in 1usize..9, light in 1u64..1_000_000, factor in 1u64..5, cost in 1u64..5000) {
        let mut fair = Fair::new(slots, 64);
        let served = saturate(&mut fair, &[light * factor, light], 1000, |_| cost);
        let ratio = served[&0] as f64 / served[&1] as f64;
        prop_assert!((ratio / factor as f64 - 1.0).abs() <= 0.1, "{ratio} instead of {factor}");
    }

    #[test]
    fn tokens_count_and_not_answers(slots in 1usize..5, long in 2u64..8) {
        let mut fair = Fair::new(slots, 64);
        let served = saturate(&mut fair, &[1, 1], 2000, |party| if party == 0 { 100 * long } else { 100 });
        let ratio = served[&1] as f64 / served[&0] as f64;
        prop_assert!((ratio / long as f64 - 1.0).abs() <= 0.1, "{ratio} instead of {long}");
    }

    #[test]
    fn nobody_starves(heavy in 1u64..1_000_000_000, parties in 2usize..20) {
        let mut weights = vec![heavy; parties];
        weights[0] = heavy.div_ceil(100);
        let served = saturate(&mut Fair::new(4, 1024), &weights, parties * 300, |_| 10);
        prop_assert!(served.len() == parties && served[&0] >= 1, "{served:?}");
    }

    #[test]
    fn counts_never_drift(steps in prop::collection::vec((0u8..4, 0u8..5, 1u64..50), 1..400)) {
        let mut fair = Fair::new(3, 8);
        let (mut waiting, mut running) = (Vec::new(), Vec::new());
        for (action, party, number) in steps {
            match action {
                0 => if let Ok(Entered { tickets, evicted }) = fair.enter(&party, number, number as usize % 3 + 1) {
                    waiting.extend(tickets.into_iter().map(|ticket| (party, ticket)));
                    waiting.retain(|(_, ticket)| !evicted.contains(ticket));
                },
                1 => if let Some((party, ticket)) = waiting.pop() { fair.leave(&party, ticket); },
                2 => if let Some(turn) = running.pop() {
                    let Turn { party, charged, .. } = turn;
                    fair.release(&party, charged, number, SECOND);
                },
                _ => while let Some(turn) = fair.turn() {
                    let before = waiting.len();
                    waiting.retain(|(_, ticket)| *ticket != turn.ticket);
                    prop_assert_eq!(waiting.len() + 1, before, "a ticket that waits, once");
                    running.push(turn);
                },
            }
            prop_assert_eq!((fair.waiting(), fair.running()), (waiting.len(), running.len()));
            prop_assert!(running.len() <= 3 && waiting.len() <= 8 + 3);
        }
    }
}

/// What the first come, first served queue would give: the detector above sees it.
#[test]
fn without_weights_the_shares_are_equal() {
    let served = saturate(&mut Fair::new(4, 64), &[1, 1], 1000, |_| 10);
    let ratio = served[&0] as f64 / served[&1] as f64;
    assert!((ratio - 1.0).abs() < 0.1 && (ratio / 3.0 - 1.0).abs() > 0.1, "{ratio}");
}

#[test]
fn a_newcomer_has_no_credit_for_its_past_and_no_debt() {
    let mut fair = Fair::new(1, 64);
    saturate(&mut fair, &[1], 500, |_| 100);
    // The second has been away all the time: from now on both get the same.
    fair.enter(&1, 1, 22).unwrap();
    fair.enter(&0, 1, 2).unwrap();
    let mut counts = [0_usize; 2];
    for _ in 0..40 {
        let Some(turn) = fair.turn() else { break };
        counts[usize::from(turn.party)] += 1;
        fair.release(&turn.party, turn.charged, 100, SECOND);
    }
    assert!(counts[0].abs_diff(counts[1]) <= 2, "{counts:?}");
}

#[test]
fn a_full_queue_gives_way_to_who_has_less_than_its_share() {
    let mut fair = Fair::new(1, 4);
    assert_eq!(fair.enter(&'a', 3, 5).map(|entered| entered.evicted), Ok(vec![]));
    let turn = fair.turn().unwrap();
    assert_eq!(fair.waiting(), 4);
    assert_eq!(fair.enter(&'a', 3, 1), Err(Full), "its own line is the longest");
    let Ok(Entered { tickets, evicted }) = fair.enter(&'b', 1, 1) else { panic!("a place is made") };
    assert_eq!((tickets.len(), evicted), (1, vec![4]), "the newest of the longest line");
    assert_eq!(fair.enter(&'b', 1, 1), Err(Full), "one of four is the share of weight 1 beside 3");
    assert_eq!(fair.enter(&'b', 1, 1000), Err(Full));
    fair.release(&'a', turn.charged, 1, SECOND);
    assert!(fair.turn().is_some());
}

#[test]
fn retry_after_follows_the_measured_rate() {
    let mut fair = Fair::new(2, 64);
    saturate(&mut fair, &[1], 100, |_| 1);
    assert_eq!(fair.retry_after(), 10 * SECOND, "twenty wait for two slots that take a second each");
    let mut slow = Fair::new(1, 64);
    for _ in 0..100 {
        slow.enter(&0, 1, 1).unwrap();
        let turn = slow.turn().unwrap();
        slow.release(&0, turn.charged, 1, 1000 * SECOND);
    }
    assert_eq!(slow.retry_after(), 60 * SECOND, "bounded");
}
