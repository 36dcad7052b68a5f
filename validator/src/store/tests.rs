use incentive::board::{Board, Window};
use incentive::policy::Policy;
use incentive::task::{ModelDigest, Task};
use incentive::units::{Block, Registration, Score, Uid, Weight};
use incentive::verdict::{Fault, Verdict};
use incentive::weights::WeightVector;
use neuron_common::chain::Cause;
use tempfile::TempDir;

use super::*;
use crate::inference::memory::Memory;
use crate::record::{Before, Counts, Outcome, VoidReason, Work};

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep").join("v.db");
    (folder, path)
}

fn start(block: u64) -> RoundStart {
    RoundStart { block: Block(block), epoch: 3, window: [1; 32], nonce: [2; 32], policy: [3; 32], started_ms: 4 }
}

fn outcome(key: u8, verdict: Verdict) -> Outcome {
    let registration = Registration { hotkey: Hotkey([key; 32]), block: Block(1) };
    Outcome { uid: Uid(key.into()), registration, verdict, work: Work::Compute { rounds: 7 } }
}

/// Holds a round with these verdicts, as `round.rs` records it.
fn hold(store: &Store, block: u64, void: Option<VoidReason>, outcomes: Vec<Outcome>) -> Board {
    assert!(store.begin_round(&start(block)).unwrap());
    let mut board = store.board().unwrap();
    for outcome in outcomes.iter().filter(|_| void.is_none()) {
        let window = Window { block: Block(block), tempo: 20 };
        board.record(outcome.registration, outcome.uid, (outcome.task(), outcome.verdict), window, &Policy::dev());
    }
    let end = RoundEnd { block: Block(block), void, outcomes, secret: Some([9; 32]), took_ms: 5 };
    store.end_round(&end, &board).unwrap();
    board
}

fn intent(epoch: u64) -> Intent {
    Intent {
        genesis: [1; 32],
        netuid: NetUid(2),
        epoch,
        extrinsic: vec![epoch as u8; 100],
        hash: [epoch as u8; 32],
        nonce: epoch,
        born: Block(epoch * 20),
        mortal_until: Block(epoch * 20 + 128),
        weights: WeightVector { uids: vec![Uid(3)], values: vec![Weight(65535)] },
    }
}

const PASSED: Verdict = Verdict::Accepted(Score(u64::MAX));

#[test]
fn two_validators_cannot_share_a_database() {
    let (_folder, path) = place();
    let first = Store::open(&path).unwrap();
    assert!(matches!(Store::open(&path), Err(StoreError::Locked { .. })));
    drop(first);
    Store::open(&path).unwrap();
}

#[test]
fn a_database_belongs_to_one_hotkey_on_one_subnet() {
    let (_folder, path) = place();
    let store = Store::open(&path).unwrap();
    let owner = Owner { genesis: [1; 32], netuid: NetUid(2), hotkey: Hotkey([3; 32]) };
    let stranger = Owner { hotkey: Hotkey([9; 32]), ..owner };
    store.belongs_to(&stranger).unwrap();
    store.claim(&owner).unwrap();
    store.claim(&owner).unwrap();
    store.belongs_to(&owner).unwrap();
    for (what, other) in [
        ("chain", Owner { genesis: [9; 32], ..owner }),
        ("subnet", Owner { netuid: NetUid(9), ..owner }),
        ("hotkey", Owner { hotkey: Hotkey([9; 32]), ..owner }),
    ] {
        let error = store.claim(&other).unwrap_err();
        assert!(matches!(error, StoreError::Foreign { what: found, .. } if found == what), "{error}");
    }
}

#[test]
fn a_file_of_a_later_release_is_left_alone() {
    let (_folder, path) = place();
    drop(Store::open(&path).unwrap());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", migrations::VERSION + 1).unwrap();
    let error = Store::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Newer { .. }), "{error}");
}

#[test]
fn board_and_verdicts_survive_a_restart() {
    let (_folder, path) = place();
    let outcomes = vec![outcome(1, PASSED), outcome(2, Verdict::Rejected(Fault::WrongRow))];
    let store = Store::open(&path).unwrap();
    let board = hold(&store, 100, None, outcomes.clone());
    drop(store);

    let store = Store::open(&path).unwrap();
    assert_eq!(store.board().unwrap(), board);
    let verdicts = store.last_verdicts().unwrap();
    assert_eq!(verdicts.iter().map(|last| last.outcome.clone()).collect::<Vec<_>>(), outcomes, "scores are exact");
    assert!(verdicts.iter().all(|last| last.window == Block(100)));
    assert_eq!(store.before().unwrap().passed, [outcomes[0].registration]);
    assert!(!store.begin_round(&start(100)).unwrap(), "a window is judged once");
}

#[test]
fn a_round_that_a_restart_cut_off_is_void() {
    let (_folder, path) = place();
    let store = Store::open(&path).unwrap();
    let board = hold(&store, 100, None, vec![outcome(1, PASSED)]);
    store.begin_round(&start(120)).unwrap();
    drop(store);

    let store = Store::open(&path).unwrap();
    assert_eq!(store.void_open_rounds().unwrap(), [Block(120)]);
    assert_eq!(store.void_open_rounds().unwrap(), []);
    assert_eq!(store.last_round().unwrap().unwrap().void, Some(VoidReason::Restarted));
    assert_eq!(store.board().unwrap(), board);
    assert!(!store.begin_round(&start(120)).unwrap(), "and is not held again");
}

#[test]
fn a_void_round_leaves_board_and_memory_of_the_last_one() {
    let (_folder, path) = place();
    let store = Store::open(&path).unwrap();
    let board = hold(&store, 100, None, vec![outcome(1, PASSED)]);
    hold(&store, 120, Some(VoidReason::MostUnreachable), vec![outcome(1, Verdict::Void)]);
    assert_eq!(store.board().unwrap(), board);
    let passed = vec![outcome(1, PASSED).registration];
    assert_eq!(store.before().unwrap(), Before { passed: passed.clone(), was_unreachable: true });
    hold(&store, 140, Some(VoidReason::LoopLag), vec![outcome(1, Verdict::Void)]);
    assert_eq!(store.before().unwrap(), Before { passed, was_unreachable: false });
    assert_eq!(store.last_verdicts().unwrap()[0].outcome.verdict, Verdict::Void);
}

const MODEL: ModelDigest = ModelDigest([6; 32]);

fn answered(key: u8, verdict: Verdict) -> Outcome {
    let counts = Counts { answers: 5, tokens: u64::from(u32::MAX), checked: 3 };
    Outcome { work: Work::Inference { model: MODEL, counts }, ..outcome(key, verdict) }
}

#[test]
fn verdicts_of_all_tasks_are_kept_apart() {
    let (_folder, path) = place();
    let store = Store::open(&path).unwrap();
    let late = Verdict::Rejected(Fault::Late);
    let frozen = Verdict::Rejected(Fault::UnsupportedVersion);
    let outcomes =
        vec![outcome(1, frozen), answered(1, PASSED), outcome(2, PASSED), answered(2, late), answered(3, frozen)];
    hold(&store, 100, None, outcomes.clone());
    drop(store);

    let store = Store::open(&path).unwrap();
    let verdicts = store.last_verdicts().unwrap();
    assert_eq!(verdicts.iter().map(|last| last.outcome.clone()).collect::<Vec<_>>(), outcomes, "counts as well");
    assert_eq!(store.before().unwrap().passed, [outcomes[2].registration], "by compute alone");
    let frozen = |outcome: &Outcome, task| store.frozen(&outcome.registration, task).unwrap();
    assert_eq!((frozen(&outcomes[0], Task::Compute), frozen(&outcomes[0], Task::Inference(MODEL))), (1, 0));
    assert_eq!((frozen(&outcomes[4], Task::Compute), frozen(&outcomes[4], Task::Inference(MODEL))), (0, 1));
}

/// A database as release 0.1 left it: its tables, and rows that it wrote.
fn of_version_3(path: &Path, board: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let old = Connection::open(path).unwrap();
    for step in [include_str!("0001.sql"), include_str!("0002.sql"), include_str!("0003.sql")] {
        old.execute_batch(step).unwrap();
    }
    old.execute_batch(
        "INSERT INTO rounds VALUES (1, 160, 3, x'01', x'02', x'03', 'counted', NULL, x'09', 4, 5);
         INSERT INTO verdicts VALUES
             (1, 3, unhex(replace(hex(zeroblob(32)), '00', '01')), 5, x'001400000000000000', NULL, 20, 7),
             (1, 4, unhex(replace(hex(zeroblob(32)), '00', '02')), 7, x'0104', 'no_root', NULL, 0);",
    )
    .unwrap();
    old.execute("INSERT INTO board VALUES (1, ?1)", [board]).unwrap();
    old.pragma_update(None, "user_version", 3).unwrap();
}

/// Written by the code of that release: three windows of 10, 30 and 20; a missed one; a fraud.
const OLD_BOARD: &str = concat!(
    "0c",
    "01010101010101010101010101010101010101010101010101010101010101010500000000000000",
    "0300a000000000000000000c0a000000000000001e000000000000001400000000000000",
    "02020202020202020202020202020202020202020202020202020202020202020700000000000000",
    "0400a00000000000000000040000000000000000",
    "03030303030303030303030303030303030303030303030303030303030303030900000000000000",
    "2c01a00000000000000001880400000000000000",
);

#[test]
fn a_database_from_before_there_were_tasks_is_one_of_compute() {
    let (_folder, path) = place();
    of_version_3(&path, &hex::decode(OLD_BOARD).unwrap());

    let store = Store::open(&path).unwrap();
    let neuron = |key: u8, block| Registration { hotkey: Hotkey([key; 32]), block: Block(block) };
    let (one, two, three) = (neuron(1, 5), neuron(2, 7), neuron(3, 9));
    let mut expected = Board::new();
    let windows = [(one, 3, 120, Verdict::Accepted(Score(10))), (one, 3, 140, Verdict::Accepted(Score(30)))];
    let last = [
        (one, 3, 160, Verdict::Accepted(Score(20))),
        (two, 4, 160, Verdict::Rejected(Fault::NoRoot)),
        (three, 300, 160, Verdict::Rejected(Fault::WrongRow)),
    ];
    for (neuron, uid, block, verdict) in windows.into_iter().chain(last) {
        let window = Window { block: Block(block), tempo: 20 };
        expected.record(neuron, Uid(uid), (Task::Compute, verdict), window, &Policy::dev());
    }
    assert_eq!(store.board().unwrap(), expected);
    let outcome = |registration, uid, verdict, rounds| Outcome {
        uid: Uid(uid),
        registration,
        verdict,
        work: Work::Compute { rounds },
    };
    let verdicts: Vec<_> = store.last_verdicts().unwrap().into_iter().map(|last| last.outcome).collect();
    let expected =
        [outcome(one, 3, Verdict::Accepted(Score(20)), 7), outcome(two, 4, Verdict::Rejected(Fault::NoRoot), 0)];
    assert_eq!(verdicts, expected);
    assert_eq!(store.before().unwrap().passed, [one]);
}

#[test]
fn a_board_that_cannot_be_converted_leaves_the_database_as_it_was() {
    let (_folder, path) = place();
    of_version_3(&path, b"nonsense");
    let error = Store::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt(_)), "{error}");
    let old = Connection::open(&path).unwrap();
    assert_eq!(old.query_row("PRAGMA user_version", [], |row| row.get::<_, u32>(0)), Ok(3));
    assert_eq!(old.query_row("SELECT sum(rounds) FROM verdicts", [], |row| row.get::<_, i64>(0)), Ok(7));
}

#[test]
fn freezes_are_counted_by_registration() {
    let (_folder, path) = place();
    let store = Store::open(&path).unwrap();
    let frozen = Verdict::Rejected(Fault::UnsupportedVersion);
    hold(&store, 100, None, vec![outcome(1, frozen), outcome(2, PASSED)]);
    hold(&store, 120, None, vec![outcome(1, PASSED), outcome(2, PASSED)]);
    hold(&store, 140, None, vec![outcome(1, frozen), outcome(2, frozen)]);
    assert_eq!(
        store.frozen(&outcome(1, PASSED).registration, Task::Compute).unwrap(),
        2,
        "work in between does not erase it"
    );
    assert_eq!(store.frozen(&outcome(2, PASSED).registration, Task::Compute).unwrap(), 1);
    assert_eq!(store.frozen(&Registration { hotkey: Hotkey([1; 32]), block: Block(2) }, Task::Compute).unwrap(), 0);
}

#[test]
fn one_intent_lands_in_an_epoch_and_the_next_waits_for_its_fate() {
    let (_folder, path) = place();
    let store = Store::open(&path).unwrap();
    assert_eq!(store.begin_intent(&intent(5), None).unwrap(), Begun::Written);
    let other = Intent { extrinsic: vec![0xff], ..intent(5) };
    assert_eq!(store.begin_intent(&other, None).unwrap(), Begun::Blocked);
    assert_eq!(store.begin_intent(&intent(6), None).unwrap(), Begun::Blocked);
    drop(store);

    let store = Store::open(&path).unwrap();
    assert_eq!(store.open_intent().unwrap(), Some(intent(5)), "the same bytes, and no others");
    store.end_intent(&intent(5), &Submission::Landed(Block(101))).unwrap();
    store.end_intent(&intent(5), &Submission::Expired).unwrap();
    assert_eq!(
        store.last_intent().unwrap(),
        Some((intent(5), Submission::Landed(Block(101)))),
        "the first outcome stays"
    );
    assert_eq!(store.open_intent().unwrap(), None);
    assert_eq!(store.begin_intent(&intent(5), None).unwrap(), Begun::Present);
    assert_eq!(store.begin_intent(&intent(6), None).unwrap(), Begun::Written);
    let failed = Submission::Failed(Cause::SettingWeightsTooFast, "too fast".into());
    store.end_intent(&intent(6), &failed).unwrap();
    assert_eq!(store.last_intent().unwrap().unwrap().1, failed);
    assert_eq!(store.last_attempts().unwrap(), Some(Attempts { epoch: 6, count: 1, last: failed }));

    let again = Intent { hash: [0x66; 32], nonce: 9, ..intent(6) };
    assert_eq!(store.begin_intent(&again, None).unwrap(), Begun::Written, "what failed is signed anew");
    store.end_intent(&again, &Submission::Foreign(Block(125))).unwrap();
    let last = Submission::Foreign(Block(125));
    assert_eq!(store.last_attempts().unwrap(), Some(Attempts { epoch: 6, count: 2, last }));
    assert_eq!(store.own_weights().unwrap(), (Some(Block(101)), Some(9)));
}

#[test]
fn intents_of_the_first_release_are_kept() {
    let (_folder, path) = place();
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let old = Connection::open(&path).unwrap();
    old.execute_batch(include_str!("0001.sql")).unwrap();
    let row = intent(5);
    old.execute(
        "INSERT INTO intents VALUES (?1, 2, 5, ?2, ?3, 5, 100, 228, ?4, 'failed', NULL, 'words')",
        params![row.genesis, row.extrinsic, row.hash, parity_scale_codec::Encode::encode(&row.weights)],
    )
    .unwrap();
    old.pragma_update(None, "user_version", 1).unwrap();
    drop(old);

    let store = Store::open(&path).unwrap();
    let failed = Submission::Failed(Cause::Unknown, "words".into());
    assert_eq!(store.last_intent().unwrap(), Some((row, failed.clone())));
    assert_eq!(store.last_attempts().unwrap(), Some(Attempts { epoch: 5, count: 1, last: failed }));
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = Store::open(&file.path().join("v.db")).unwrap_err();
    assert!(matches!(error, StoreError::Open { .. }) && error.to_string().contains("`database`"), "{error}");
}

#[test]
fn evidence_is_kept_by_registration_and_model_until_the_neuron_leaves() {
    let (_folder, path) = place();
    let (model, other) = (ModelDigest([1; 32]), ModelDigest([2; 32]));
    let neuron = |key: u8, block| Registration { hotkey: Hotkey([key; 32]), block: Block(block) };
    let mut memory = Memory::default();
    memory.probe(7, Some(Fault::WrongEnd));
    {
        let store = Store::open(&path).unwrap();
        store.remember(&model, &[(neuron(1, 5), memory.clone()), (neuron(2, 5), memory.clone())]).unwrap();
    }
    let store = Store::open(&path).unwrap();
    assert_eq!(store.memory(&neuron(1, 5), &model).unwrap(), memory, "a restart forgets nothing");
    for (registration, model) in [(neuron(1, 5), other), (neuron(1, 6), model), (neuron(3, 5), model)] {
        assert_eq!(store.memory(&registration, &model).unwrap(), Memory::default());
    }
    store.remember(&model, &[(neuron(1, 5), Memory::default())]).unwrap();
    assert_eq!(store.memory(&neuron(1, 5), &model).unwrap(), Memory::default());
    store.forget_departed(&[neuron(1, 5)].into()).unwrap();
    assert_eq!(store.memory(&neuron(2, 5), &model).unwrap(), Memory::default());
}
