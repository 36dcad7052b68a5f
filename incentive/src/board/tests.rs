use parity_scale_codec::{DecodeAll, Encode};
use proptest::prelude::*;

use super::*;
use crate::policy::{InferencePolicy, ModelPolicy};
use crate::score::score;
use crate::task::ModelDigest;
use crate::units::Hotkey;
use crate::verdict::Fault;

const TEMPO: u16 = 20;

const MODEL: Task = Task::Inference(ModelDigest([1; 32]));
const OTHER: Task = Task::Inference(ModelDigest([2; 32]));
const TASKS: [Task; 3] = [Task::Compute, MODEL, OTHER];

/// Compute and both models.
fn policy() -> Policy {
    let model = |digest: u8| ModelPolicy {
        id: digest.to_string(),
        digest: ModelDigest([digest; 32]),
        share: 300,
        first_ms: 500,
        prompt_us: 300,
        token_us: 20_000,
        fastest_us: 1_000,
        fingerprint: false,
    };
    let models = vec![model(1), model(2)];
    let inference = InferencePolicy { ramp_ms: 2_000, hold_ms: 3_000, streams_max: 64, answer_tokens: 64, models };
    Policy { inference: Some(inference), ..Policy::dev() }
}

fn registration(key: u8, block: u64) -> Registration {
    Registration { hotkey: Hotkey([key; 32]), block: Block(block) }
}

/// One neuron on a board, one verdict per tempo.
struct One {
    board: Board,
    policy: Policy,
    neuron: Registration,
    now: Block,
}

impl One {
    fn new() -> Self {
        Self { board: Board::new(), policy: policy(), neuron: registration(1, 5), now: Block(100) }
    }

    fn next(&mut self, verdict: Verdict) -> u64 {
        self.now = self.now.after(u64::from(TEMPO));
        self.also(Task::Compute, verdict)
    }

    /// A verdict in the same window.
    fn also(&mut self, task: Task, verdict: Verdict) -> u64 {
        self.board.record(self.neuron, Uid(3), (task, verdict), at(self.now), &self.policy);
        self.score(task)
    }

    fn score(&self, task: Task) -> u64 {
        self.board.score(&self.neuron, task, self.now).get()
    }

    fn windows(&self, task: Task) -> &VecDeque<Score> {
        &self.board.standing(&self.neuron).unwrap().tasks[&task].windows
    }
}

const fn at(block: Block) -> Window {
    Window { block, tempo: TEMPO }
}

const fn accepted(score: u64) -> Verdict {
    Verdict::Accepted(Score(score))
}

const MISSED: Verdict = Verdict::Rejected(Fault::NoRoot);
const FRAUD: Verdict = Verdict::Rejected(Fault::WrongRow);

#[test]
fn unknown_neurons_are_worth_nothing() {
    assert_eq!(Board::new().score(&registration(1, 1), Task::Compute, Block(9)), Score(0));
    assert_eq!(Board::new().scores(Block(9)), []);
}

#[test]
fn median_of_the_last_windows_with_rejected_ones_as_nothing() {
    let mut one = One::new();
    assert_eq!(one.next(accepted(10)), 10);
    assert_eq!(one.next(accepted(30)), 10, "the lower of two");
    assert_eq!(one.next(MISSED), 10);
    assert_eq!(one.next(accepted(20)), 10);
    assert_eq!(one.next(accepted(40)), 20);
    assert_eq!(one.next(MISSED), 20, "30 0 20 40 0");
    assert_eq!(one.next(MISSED), 0, "0 20 40 0 0: most windows were missed");
}

#[test]
fn one_lucky_window_is_not_paid() {
    let mut one = One::new();
    for _ in 0..5 {
        one.next(accepted(10));
    }
    assert_eq!(one.next(accepted(1_000_000)), 10);
}

#[test]
fn every_window_fault_counts_as_nothing_and_every_other_does_not() {
    for fault in Fault::ALL {
        let mut one = One::new();
        one.next(accepted(10));
        let before = one.board.clone();
        let score = one.next(Verdict::Rejected(fault));
        match fault.severity() {
            Severity::Window => assert_eq!(*one.windows(Task::Compute), [Score(10), Score(0)]),
            Severity::Fraud => assert!(one.windows(Task::Compute).is_empty()),
            Severity::Freeze => assert_eq!(one.board, before),
        }
        assert_eq!(score, if fault.severity() == Severity::Freeze { 10 } else { 0 }, "{fault}");
    }
}

#[test]
fn fraud_forfeits_for_its_tempos_and_resets_the_reputation() {
    let mut one = One::new();
    for _ in 0..5 {
        one.next(accepted(10));
    }
    assert_eq!(one.next(FRAUD), 0);
    let proven = one.now;
    let span = u64::from(one.policy.reputation.fraud_tempos) * u64::from(TEMPO);
    for tempo in 1..u64::from(one.policy.reputation.fraud_tempos) {
        assert_eq!(one.next(accepted(10)), 0, "tempo {tempo} after the fraud");
    }
    let standing = one.board.standing(&one.neuron).unwrap();
    assert!(standing.is_forfeited(proven.after(span - 1)) && !standing.is_forfeited(proven.after(span)));
    assert_eq!(
        one.board.score(&one.neuron, Task::Compute, proven.after(span)),
        Score(0),
        "windows meanwhile build no reputation"
    );
    assert_eq!(one.next(accepted(7)), 7);
}

#[test]
fn a_second_fraud_prolongs_and_never_shortens() {
    let mut one = One::new();
    one.next(FRAUD);
    one.next(FRAUD);
    let until = one.board.standing(&one.neuron).unwrap().forfeited_until.unwrap();
    assert_eq!(until, one.now.after(50 * u64::from(TEMPO)));
    one.policy.reputation.fraud_tempos = 1;
    one.next(FRAUD);
    assert_eq!(one.board.standing(&one.neuron).unwrap().forfeited_until, Some(until));
}

#[test]
fn a_window_counts_once_but_a_fraud_in_it_may_be_proven_later() {
    let mut one = One::new();
    one.next(accepted(10));
    let before = one.board.clone();
    one.board.record(one.neuron, Uid(3), (Task::Compute, accepted(99)), at(one.now), &one.policy);
    one.board.record(one.neuron, Uid(3), (Task::Compute, MISSED), at(Block(100)), &one.policy);
    one.board.record(one.neuron, Uid(3), (Task::Compute, FRAUD), at(Block(100)), &one.policy);
    assert_eq!(one.board, before);
    one.board.record(one.neuron, Uid(3), (Task::Compute, FRAUD), at(one.now), &one.policy);
    assert!(one.board.standing(&one.neuron).unwrap().is_forfeited(one.now));
}

#[test]
fn a_new_registration_inherits_nothing() {
    let mut one = One::new();
    for _ in 0..5 {
        one.next(accepted(10));
    }
    let again = registration(1, 250);
    assert_eq!(one.board.score(&again, Task::Compute, one.now), Score(0));
    one.board.record(again, Uid(3), (Task::Compute, accepted(4)), at(one.now), &one.policy);
    assert_eq!(one.board.scores(one.now), [(Uid(3), Task::Compute, Score(4))], "a place has one holder");
    one.board.record(one.neuron, Uid(3), (Task::Compute, accepted(10)), at(one.now.after(1)), &one.policy);
    assert_eq!(one.board.scores(one.now), [(Uid(3), Task::Compute, Score(4))], "its former holder does not come back");
}

#[test]
fn each_task_has_its_own_windows() {
    let mut one = One::new();
    one.next(accepted(10));
    assert_eq!(one.also(MODEL, accepted(7)), 7);
    assert_eq!(one.score(Task::Compute), 10);
    one.next(MISSED);
    assert_eq!(one.also(MODEL, accepted(9)), 7);
    assert_eq!(*one.windows(Task::Compute), [Score(10), Score(0)]);
    assert_eq!(*one.windows(MODEL), [Score(7), Score(9)]);
    assert_eq!(one.board.scores(one.now), [(Uid(3), Task::Compute, Score(0)), (Uid(3), MODEL, Score(7))]);
    assert_eq!(one.score(OTHER), 0);
}

#[test]
fn a_fraud_in_one_task_forfeits_the_others_and_their_windows() {
    let mut one = One::new();
    one.next(accepted(10));
    one.also(MODEL, accepted(7));
    one.next(FRAUD);
    assert_eq!(one.also(MODEL, accepted(7)), 0, "in the same window, after it");
    assert!(one.windows(MODEL).is_empty());
    assert_eq!(one.board.scores(one.now), [(Uid(3), Task::Compute, Score(0)), (Uid(3), MODEL, Score(0))]);
}

#[test]
fn what_answers_of_models_are_found_to_be_is_no_fraud() {
    for fault in [Fault::WrongTokens, Fault::WrongBinding, Fault::WrongEnd, Fault::WrongFingerprint, Fault::Drift] {
        let mut one = One::new();
        one.next(accepted(10));
        one.also(MODEL, Verdict::Rejected(fault));
        assert_eq!((one.score(Task::Compute), one.score(MODEL)), (10, 0), "{fault}");
    }
}

#[test]
fn a_frozen_task_freezes_no_other() {
    let mut one = One::new();
    one.next(accepted(10));
    one.also(MODEL, accepted(7));
    one.next(accepted(30));
    one.also(MODEL, Verdict::Rejected(Fault::UnsupportedVersion));
    one.next(accepted(30));
    assert_eq!((one.score(Task::Compute), one.score(MODEL)), (30, 7));
}

#[test]
fn tasks_that_left_the_policy_are_dropped() {
    let mut one = One::new();
    one.next(accepted(10));
    one.also(MODEL, accepted(7));
    one.also(OTHER, accepted(8));
    one.policy.inference.as_mut().unwrap().models.truncate(1);
    let before = one.board.clone();
    one.also(OTHER, FRAUD);
    assert_eq!(one.board, before, "and nothing is recorded in them");
    one.next(accepted(10));
    assert_eq!(one.board.scores(one.now), [(Uid(3), Task::Compute, Score(10)), (Uid(3), MODEL, Score(7))]);
}

#[test]
fn departed_registrations_are_dropped() {
    let mut board = Board::new();
    for key in 0..4 {
        board.record(registration(key, 1), Uid(key.into()), (Task::Compute, accepted(1)), at(Block(9)), &Policy::dev());
    }
    board.retain([registration(1, 1), registration(2, 7), registration(3, 1)]);
    assert_eq!(board.scores(Block(9)), [(Uid(1), Task::Compute, Score(1)), (Uid(3), Task::Compute, Score(1))]);
}

#[test]
fn hostile_numbers_do_not_panic() {
    let mut policy = policy();
    policy.reputation = crate::policy::ReputationPolicy { windows: 0, fraud_tempos: u32::MAX };
    let mut board = Board::new();
    let neuron = registration(1, u64::MAX);
    board.record(
        neuron,
        Uid(u16::MAX),
        (MODEL, accepted(u64::MAX)),
        Window { block: Block(u64::MAX - 1), tempo: u16::MAX },
        &policy,
    );
    board.record(neuron, Uid(u16::MAX), (MODEL, FRAUD), Window { block: Block(u64::MAX), tempo: u16::MAX }, &policy);
    assert_eq!(board.score(&neuron, MODEL, Block(u64::MAX)), Score(0));
}

fn any_verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        4 => any::<u64>().prop_map(accepted),
        2 => proptest::sample::select(Fault::ALL.to_vec()).prop_map(Verdict::Rejected),
        1 => Just(Verdict::Void),
    ]
}

/// A verdict on one of a few neurons, whether it is a later registration, and the blocks since the last one.
#[derive(Clone, Copy, Debug)]
struct Event {
    key: u8,
    later: bool,
    blocks: u64,
    task: Task,
    verdict: Verdict,
}

fn any_history() -> impl Strategy<Value = Vec<Event>> {
    let task = proptest::sample::select(TASKS.to_vec());
    let event = (0_u8..4, proptest::bool::weighted(0.1), 0_u64..30, task, any_verdict())
        .prop_map(|(key, later, blocks, task, verdict)| Event { key, later, blocks, task, verdict });
    proptest::collection::vec(event, 0..60)
}

fn replay(history: &[Event]) -> (Board, Block) {
    let (mut board, policy) = (Board::new(), policy());
    let mut now = Block(1_000);
    for Event { key, later, blocks, task, verdict } in history {
        now = now.after(*blocks);
        let neuron = registration(*key, if *later { 500 } else { 5 });
        board.record(neuron, Uid((*key).into()), (*task, *verdict), at(now), &policy);
    }
    (board, now)
}

proptest! {
    #[test]
    fn serde_and_scale_round_trip(history in any_history()) {
        let (board, _) = replay(&history);
        let text = serde_json::to_string(&board).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Board>(&text).unwrap(), &board);
        prop_assert_eq!(Board::decode_all(&mut board.encode().as_slice()).unwrap(), board);
    }

    #[test]
    fn void_and_frozen_windows_change_nothing(history in any_history(), blocks in 0_u64..100) {
        let (board, now) = replay(&history);
        for verdict in [Verdict::Void, Verdict::Rejected(Fault::UnsupportedVersion)] {
            let mut after = board.clone();
            for key in 0..5 {
                for task in TASKS {
                    after.record(registration(key, 5), Uid(key.into()), (task, verdict), at(now.after(blocks)), &policy());
                }
            }
            prop_assert_eq!(&after, &board);
        }
    }

    #[test]
    fn recording_the_last_verdict_twice_changes_nothing(history in any_history()) {
        let (board, _) = replay(&history);
        if let Some(last) = history.last() {
            let mut twice = history.clone();
            twice.push(Event { blocks: 0, ..*last });
            prop_assert_eq!(replay(&twice).0, board);
        }
    }

    #[test]
    fn each_uid_is_held_once_and_windows_stay_bounded(history in any_history()) {
        let (board, now) = replay(&history);
        let uids: BTreeSet<_> = board.iter().map(|(_, standing)| standing.uid).collect();
        prop_assert_eq!(uids.len(), board.iter().count());
        let scores = board.scores(now);
        let places: BTreeSet<_> = scores.iter().map(|(uid, task, _)| (*uid, *task)).collect();
        prop_assert_eq!(places.len(), scores.len());
        let mut records = board.iter().flat_map(|(_, standing)| standing.tasks.values());
        prop_assert!(records.all(|record| record.windows.len() <= 5));
    }

    /// Without fraud, which is the one thing that tasks share, each task is as if there was no other.
    #[test]
    fn tasks_are_independent(history in any_history()) {
        let honest = |event: &Event| !matches!(event.verdict, Verdict::Rejected(fault) if fault.severity() == Severity::Fraud);
        let times = history.iter().scan(0, |now, event| { *now += event.blocks; Some(*now) });
        let timed: Vec<_> = times.zip(&history).filter(|(_, event)| honest(event) && !event.later).collect();
        let play = |only: Option<Task>| {
            let mut board = Board::new();
            for (now, Event { key, task, verdict, .. }) in timed.iter().filter(|(_, event)| only.is_none_or(|only| only == event.task)) {
                board.record(registration(*key, 5), Uid((*key).into()), (*task, *verdict), at(Block(*now)), &policy());
            }
            board
        };
        let (all, now) = (play(None), Block(100_000));
        for task in TASKS {
            let alone = play(Some(task)).scores(now);
            prop_assert_eq!(alone, all.scores(now).into_iter().filter(|(_, of, _)| *of == task).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_fraud_in_any_task_forfeits_all(history in any_history(), task in proptest::sample::select(TASKS.to_vec())) {
        let (mut board, now) = replay(&history);
        let now = now.after(1);
        board.record(registration(0, 600), Uid(0), (task, FRAUD), at(now), &policy());
        for other in TASKS {
            board.record(registration(0, 600), Uid(0), (other, accepted(9)), at(now.after(1)), &policy());
            prop_assert_eq!(board.score(&registration(0, 600), other, now.after(1)), Score(0));
        }
    }

    /// Shares of a device between hotkeys are fixed here; over windows of different speed the medians still add up.
    #[test]
    fn splitting_a_device_over_hotkeys_changes_nothing(
        speeds in proptest::collection::vec(0_u64..100_000, 1..12),
        parts in 1_u8..8,
    ) {
        let policy = Policy { inference: policy().inference, ..Policy::production() };
        let (mut whole, mut split) = (Board::new(), Board::new());
        let mut now = Block(0);
        for rounds in speeds {
            now = now.after(360);
            let of_one = score(rounds * u64::from(parts), &policy);
            for task in [Task::Compute, MODEL] {
                whole.record(registration(0, 1), Uid(0), (task, Verdict::Accepted(of_one)), at(now), &policy);
                for part in 0..parts {
                    let verdict = Verdict::Accepted(score(rounds, &policy));
                    split.record(registration(part, 1), Uid(part.into()), (task, verdict), at(now), &policy);
                }
            }
        }
        for task in [Task::Compute, MODEL] {
            let sum = |board: &Board| {
                board.scores(now).iter().filter(|(_, of, _)| *of == task).map(|(_, _, score)| score.get()).sum::<u64>()
            };
            prop_assert!(sum(&split) <= sum(&whole));
            prop_assert!(sum(&whole) - sum(&split) < u64::from(parts));
        }
    }
}
