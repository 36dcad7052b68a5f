use parity_scale_codec::DecodeAll;
use proptest::prelude::*;

use super::*;
use crate::policy::{InferencePolicy, ModelPolicy};
use crate::task::ModelDigest;

const SMALL: Task = Task::Inference(ModelDigest([1; 32]));
const LARGE: Task = Task::Inference(ModelDigest([2; 32]));

/// Compute and two models, with these shares; compute has the rest.
fn policy(shares: [u32; 2]) -> Policy {
    let model = |(digest, share): (u8, u32)| ModelPolicy {
        id: digest.to_string(),
        digest: ModelDigest([digest; 32]),
        share,
        first_ms: 500,
        prompt_us: 300,
        token_us: 20_000,
        fastest_us: 1_000,
        fingerprint: false,
    };
    let models = (1..).zip(shares).map(model).collect();
    let inference = InferencePolicy { ramp_ms: 2_000, hold_ms: 3_000, streams_max: 64, answer_tokens: 64, models };
    Policy { inference: Some(inference), ..Policy::dev() }
}

fn weight_of(vector: &WeightVector, uid: Uid) -> u16 {
    vector.iter().find(|&(of, _)| of == uid).map_or(0, |(_, weight)| weight.get())
}

fn listed(task: Task, scores: &[u64]) -> Vec<(Uid, Task, Score)> {
    (0_u16..).zip(scores).map(|(uid, &score)| (Uid(uid), task, Score(score))).collect()
}

/// The weights where only compute is paid.
fn of_compute(scores: &[u64], fallback: Option<Uid>) -> WeightVector {
    weights(&listed(Task::Compute, scores), &Policy::dev(), fallback)
}

fn vector(pairs: &[(u16, u16)]) -> WeightVector {
    let (uids, values) = pairs.iter().map(|(uid, weight)| (Uid(*uid), Weight(*weight))).unzip();
    WeightVector { uids, values }
}

#[test]
fn proportional_with_the_largest_at_the_top() {
    assert_eq!(of_compute(&[50, 100, 0, 25], Some(Uid(9))), vector(&[(0, 32767), (1, 65535), (3, 16383)]));
}

#[test]
fn nobody_scored() {
    assert_eq!(of_compute(&[0, 0], Some(Uid(7))), vector(&[(7, 65535)]));
    assert!(of_compute(&[], None).is_empty());
    assert!(of_compute(&[0], None).is_empty());
    assert_eq!(weights(&[], &policy([300, 200]), Some(Uid(7))), vector(&[(7, 65535)]));
}

#[test]
fn a_uid_listed_twice_is_one() {
    let scores = [(Uid(4), 1), (Uid(2), 4), (Uid(4), 1)].map(|(uid, score)| (uid, Task::Compute, Score(score)));
    assert_eq!(weights(&scores, &Policy::dev(), None), vector(&[(2, 65535), (4, 32767)]));
}

#[test]
fn each_task_gives_its_share_whatever_its_unit() {
    let scores = [
        (Uid(1), Task::Compute, Score(1 << 60)),
        (Uid(2), SMALL, Score(3)),
        (Uid(3), SMALL, Score(1)),
        (Uid(3), LARGE, Score(77)),
    ];
    // 500 to uid 1; 300 · 3/4 = 225 to uid 2; 300 · 1/4 + 200 = 275 to uid 3.
    assert_eq!(weights(&scores, &policy([300, 200]), Some(Uid(0))), vector(&[(1, 65535), (2, 29490), (3, 36044)]));
}

#[test]
fn the_share_of_a_task_that_nobody_earns_is_burned() {
    let scores = [(Uid(1), Task::Compute, Score(30)), (Uid(2), Task::Compute, Score(10)), (Uid(2), SMALL, Score(0))];
    // Of 800 for compute, 600 and 200; 150 and 50 of the models to the owner.
    assert_eq!(
        weights(&scores, &policy([150, 50]), Some(Uid(0))),
        vector(&[(0, 65535 / 3), (1, 65535), (2, 65535 / 3)])
    );
    assert_eq!(
        weights(&scores, &policy([150, 50]), None),
        vector(&[(1, 65535), (2, 65535 / 3)]),
        "no place to burn at"
    );
    let models = [(Uid(2), SMALL, Score(5))];
    assert_eq!(weights(&models, &policy([200, 100]), Some(Uid(0))), vector(&[(0, 65535), (2, 65535 / 4)]));
}

#[test]
fn what_the_policy_does_not_have_counts_nothing() {
    let scores = [(Uid(1), Task::Compute, Score(1)), (Uid(2), SMALL, Score(u64::MAX))];
    assert_eq!(weights(&scores, &Policy::dev(), Some(Uid(0))), vector(&[(1, 65535)]));
    let whole = weights(&scores, &policy([500, 500]), Some(Uid(0)));
    assert_eq!(whole, vector(&[(0, 65535), (2, 65535)]), "compute has no share, and LARGE nobody");
}

#[test]
fn hostile_shares_and_scores_do_not_overflow() {
    let scores: Vec<_> = (0..=u16::MAX)
        .flat_map(|uid| [Task::Compute, SMALL, LARGE].map(|task| (Uid(uid), task, Score(u64::MAX))))
        .collect();
    for shares in [[u32::MAX, u32::MAX], [0, u32::MAX], [1, 1]] {
        let vector = weights(&scores, &policy(shares), Some(Uid(3)));
        assert_eq!(weight_of(&vector, Uid(9)), 65535);
    }
}

fn any_shares() -> impl Strategy<Value = [u32; 2]> {
    (1_u32..999, 1_u32..999).prop_map(|(a, b)| [a, b.min(1000 - a)])
}

/// Scores of all sizes.
fn any_score() -> impl Strategy<Value = u64> {
    (any::<u64>(), 0_u32..64).prop_map(|(score, shift)| score >> shift)
}

proptest! {
    #[test]
    fn order_is_kept_and_the_best_is_at_the_top(scores in proptest::collection::vec(any::<u64>(), 1..64)) {
        let vector = of_compute(&scores, None);
        prop_assert!(vector.uids.is_sorted_by(|a, b| a < b));
        prop_assert_eq!(vector.uids.len(), vector.values.len());
        let best = scores.iter().copied().max().unwrap_or(0);
        for (a, &of_a) in (0_u16..).zip(&scores) {
            let weight = weight_of(&vector, Uid(a));
            prop_assert_eq!(weight == u16::MAX, of_a == best && best > 0);
            prop_assert!(of_a > 0 || weight == 0);
            for (b, &of_b) in (0_u16..).zip(&scores) {
                prop_assert!(of_a > of_b || weight <= weight_of(&vector, Uid(b)));
            }
        }
    }

    /// ⌊65535 · score ÷ best⌋, whichever task it is.
    #[test]
    fn one_task_alone_is_paid_exactly(scores in proptest::collection::vec(any_score(), 1..64), shares in any_shares()) {
        let best = u128::from(scores.iter().copied().max().unwrap_or(0).max(1));
        let expected: Vec<_> = (0_u16..)
            .zip(&scores)
            .map(|(uid, score)| (uid, u16::try_from(u128::from(*score) * 65535 / best).unwrap()))
            .filter(|(_, weight)| *weight > 0)
            .collect();
        prop_assert_eq!(&of_compute(&scores, None), &vector(&expected));
        for task in [Task::Compute, SMALL, LARGE].into_iter().filter(|task| policy(shares).task_share(*task) > 0) {
            prop_assert_eq!(&weights(&listed(task, &scores), &policy(shares), None), &vector(&expected));
        }
    }

    #[test]
    fn within_a_task_the_order_is_kept(
        compute in proptest::collection::vec(any_score(), 0..16), small in proptest::collection::vec(any_score(), 1..16),
        shares in any_shares(),
    ) {
        // Nobody does both.
        let shifted = listed(SMALL, &small).into_iter().map(|(uid, task, score)| (Uid(uid.get() + 100), task, score));
        let scores: Vec<_> = listed(Task::Compute, &compute).into_iter().chain(shifted).collect();
        let vector = weights(&scores, &policy(shares), Some(Uid(99)));
        let of = |task| scores.iter().filter(move |(_, of, _)| *of == task);
        for task in [Task::Compute, SMALL] {
            for (a, _, of_a) in of(task) {
                for (b, _, of_b) in of(task) {
                    prop_assert!(of_a > of_b || weight_of(&vector, *a) <= weight_of(&vector, *b));
                }
            }
        }
    }

    #[test]
    fn no_task_gives_more_than_its_share(
        compute in proptest::collection::vec(any_score(), 0..16), small in proptest::collection::vec(any_score(), 0..16),
        large in proptest::collection::vec(any_score(), 0..16), shares in any_shares(),
    ) {
        let tasks = [(Task::Compute, compute), (SMALL, small), (LARGE, large)];
        let scores: Vec<_> = (1_u16..).zip(&tasks).flat_map(|(index, (task, scores))| {
            listed(*task, scores).into_iter().map(move |(uid, task, score)| (Uid(uid.get() + 100 * index), task, score))
        }).collect();
        let policy = policy(shares);
        let vector = weights(&scores, &policy, Some(Uid(0)));
        let sum = |from: u16, to: u16| {
            vector.iter().filter(|(uid, _)| (from..to).contains(&uid.get())).map(|(_, weight)| u64::from(weight.get())).sum::<u64>()
        };
        // What is rounded off: less than one step for each uid, of those with weights and of those without.
        let all = sum(0, 400) + scores.len() as u64 + 1;
        let mut burned = 0;
        for (index, (task, scores)) in (1_u16..).zip(&tasks) {
            let share = u64::from(policy.task_share(*task));
            let given = sum(100 * index, 100 * index + 100);
            prop_assert!(given * 1000 <= share * all, "{given} of {all} for a share of {share}");
            if scores.iter().all(|score| *score == 0) {
                prop_assert_eq!(given, 0);
                burned += share;
            } else {
                prop_assert!((given + scores.len() as u64) * 1000 >= share * (all - 1 - 3 * 16), "{given} of {all}");
            }
        }
        prop_assert!(sum(0, 1) * 1000 <= burned * all);
        prop_assert_eq!(sum(0, 1) == 0, burned == 0);
    }

    #[test]
    fn a_split_device_gets_no_more_than_a_whole_one(
        parts in proptest::collection::vec(1_u64..1 << 40, 1..16),
        rival in 1_u64..1 << 50, compute in 1_u64..1 << 50, shares in any_shares(), alone in any::<bool>(),
    ) {
        // The rival is the yardstick: what the splitter has against it, in steps of the whole vector's top.
        let policy = if alone { Policy::dev() } else { policy(shares) };
        let task = if alone { Task::Compute } else { SMALL };
        let other = (Uid(99), Task::Compute, Score(if alone { 0 } else { compute }));
        let paid = |scores: &[u64]| weights(&[listed(task, scores), vec![other]].concat(), &policy, Some(Uid(98)));
        let whole = paid(&[rival, parts.iter().sum()]);
        let split = paid(&[vec![rival], parts].concat());
        let sum = |v: &WeightVector| {
            v.iter().filter(|&(uid, _)| (1..98).contains(&uid.get())).map(|(_, w)| u128::from(w.get())).sum::<u128>()
        };
        // It may grow only by the rounding of the rival's own weight: one step.
        let (ours, theirs) = (sum(&split), u128::from(weight_of(&split, Uid(0))) + 1);
        let (ours_whole, theirs_whole) = (sum(&whole) + 1, u128::from(weight_of(&whole, Uid(0))));
        prop_assert!(ours * theirs_whole <= ours_whole * theirs);
    }

    #[test]
    fn round_trips(scores in proptest::collection::vec(any::<u64>(), 0..64)) {
        let vector = of_compute(&scores, Some(Uid(1)));
        prop_assert_eq!(&WeightVector::decode_all(&mut vector.encode().as_slice()).unwrap(), &vector);
        let text = serde_json::to_string(&vector).unwrap();
        prop_assert_eq!(serde_json::from_str::<WeightVector>(&text).unwrap(), vector);
    }
}
