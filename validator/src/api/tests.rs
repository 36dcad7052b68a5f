use incentive::board::Window;
use incentive::policy::InferencePolicy;
use incentive::task::ModelDigest;
use incentive::units::{Hotkey, Score, Uid};
use incentive::verdict::Fault;
use serde_json::json;

use super::*;
use crate::record::{Counts, Outcome};

const MODEL: ModelDigest = ModelDigest([6; 32]);
const GONE: ModelDigest = ModelDigest([7; 32]);

fn policy() -> Policy {
    let model = ModelPolicy {
        id: "org/small".to_owned(),
        digest: MODEL,
        share: 300,
        first_ms: 500,
        prompt_us: 300,
        token_us: 20_000,
        fastest_us: 1_000,
        fingerprint: false,
    };
    let inference =
        InferencePolicy { ramp_ms: 2_000, hold_ms: 3_000, streams_max: 64, answer_tokens: 64, models: vec![model] };
    Policy { inference: Some(inference), ..Policy::dev() }
}

fn neuron(key: u8) -> Registration {
    Registration { hotkey: Hotkey([key; 32]), block: Block(1) }
}

fn outcome(key: u8, work: Work, verdict: Verdict) -> Outcome {
    Outcome { uid: Uid(key.into()), registration: neuron(key), verdict, work }
}

const fn answers(model: ModelDigest) -> Work {
    Work::Inference { model, counts: Counts { answers: 9, tokens: 90, checked: 8 } }
}

const COMPUTE: Work = Work::Compute { rounds: 4 };

/// The rows after one window with these outcomes.
fn shown(outcomes: &[Outcome]) -> serde_json::Value {
    let (policy, mut board) = (policy(), Board::new());
    let window = Window { block: Block(100), tempo: 20 };
    for outcome in outcomes {
        board.record(outcome.registration, outcome.uid, (outcome.task(), outcome.verdict), window, &policy);
    }
    let last: Vec<_> =
        outcomes.iter().map(|outcome| LastVerdict { window: Block(100), outcome: outcome.clone() }).collect();
    serde_json::to_value(rows(Block(101), &policy, &board, &last, None)).unwrap()
}

#[test]
fn each_model_has_its_row_beside_compute() {
    let rows = shown(&[
        outcome(1, COMPUTE, Verdict::Accepted(Score(77))),
        outcome(1, answers(MODEL), Verdict::Accepted(Score(12_345))),
        outcome(2, COMPUTE, Verdict::Rejected(Fault::NoRoot)),
        outcome(2, answers(MODEL), Verdict::Rejected(Fault::WrongTokens)),
    ]);
    let first = json!({
        "uid": 1, "hotkey": ss58(&Hotkey([1; 32])), "window": 100, "verdict": "accepted", "fault": null,
        "operations_per_second": 77, "rounds": 4, "score": 77, "weight": 0,
        "inference": [{
            "model": "org/small", "window": 100, "verdict": "accepted", "fault": null, "tokens_per_second": 12.345,
            "score": 12_345,
        }],
    });
    assert_eq!(rows[0], first, "and nothing else: neither margins nor what was checked");
    assert_eq!(rows[1]["fault"], "no_root");
    assert_eq!(rows[1]["inference"][0]["fault"], "wrong_tokens");
    assert_eq!(rows[1]["inference"][0]["tokens_per_second"], json!(null));
}

#[test]
fn who_was_judged_in_no_model_has_no_row_of_one() {
    let rows = shown(&[outcome(1, COMPUTE, Verdict::Void), outcome(2, answers(GONE), Verdict::Accepted(Score(1)))]);
    assert_eq!((&rows[0]["verdict"], &rows[0]["inference"]), (&json!("void"), &json!([])));
    assert_eq!((&rows[1]["verdict"], &rows[1]["inference"]), (&json!(null), &json!([])), "not in the policy");
}

#[test]
fn a_standing_is_shown_without_a_verdict() {
    let (policy, mut board) = (policy(), Board::new());
    let window = Window { block: Block(100), tempo: 20 };
    let task = Task::Inference(MODEL);
    board.record(neuron(1), Uid(1), (task, Verdict::Accepted(Score(5))), window, &policy);
    let rows = rows(Block(101), &policy, &board, &[], None);
    assert_eq!((rows[0].score, rows[0].window, rows[0].inference[0].score), (0, None, 5));
}
