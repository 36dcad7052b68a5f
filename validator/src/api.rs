//! What others may read: the board of this validator, from its database, as JSON.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use incentive::board::Board;
use incentive::policy::{ModelPolicy, Policy};
use incentive::task::Task;
use incentive::units::{Block, Registration, Uid};
use incentive::verdict::Verdict;
use neuron_common::keystore::ss58;
use neuron_common::problem::Problem;
use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::watch;

use crate::record::{RoundSummary, Work};
use crate::store::{Committed, Intent, LastVerdict, Reveal, Store, StoreError, Submission};
use crate::submit::{REMEDY, Status};

/// What the routes read from.
#[derive(Clone, Debug)]
pub struct Api {
    /// The database.
    pub store: Store,
    /// The policy of the subnet.
    pub policy: Arc<Policy>,
    /// The newest block.
    pub head: watch::Receiver<Block>,
    /// Why there is no submission.
    pub status: Arc<Mutex<Status>>,
}

/// The answer of `GET /v1/board`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct View {
    /// The newest finalized block that the validator has seen.
    pub block: u64,
    /// The last round that ended.
    pub round: Option<RoundView>,
    /// The last submission.
    pub submission: Option<SubmissionView>,
    /// The last commit, where the subnet has commit-reveal on.
    pub commit: Option<CommitView>,
    /// What stands in the way of the next submission, with the remedy.
    pub waiting_for: Option<String>,
    /// One row per neuron, by uid.
    pub neurons: Vec<Row>,
}

/// A round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RoundView {
    /// The block that opened its window.
    pub window: u64,
    /// The epoch of the subnet then.
    pub epoch: u64,
    /// Why it does not count; `null` if it does.
    pub void: Option<&'static str>,
    /// What the operator can do about that.
    pub remedy: Option<&'static str>,
}

/// A submission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SubmissionView {
    /// The epoch that it belongs to.
    pub epoch: u64,
    /// `open`, `landed`, `refused`, `failed`, `expired` or `foreign`.
    pub outcome: &'static str,
    /// The block that holds it; the one with the weights of another process, if `foreign`.
    pub block: Option<u64>,
    /// The chain's name for the reason, if it was refused or failed.
    pub cause: Option<&'static str>,
    /// The chain's words, if it was refused or failed.
    pub reason: Option<String>,
    /// What explorers call the extrinsic.
    pub extrinsic: String,
}

/// A commit of weights that the chain holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CommitView {
    /// The epoch of its submission.
    pub epoch: u64,
    /// The epoch in which the chain reveals it.
    pub reveal_epoch: u64,
    /// The block in which that was foreseen to begin.
    pub reveal_block: u64,
    /// The round of the beacon that opens it.
    pub round: u64,
    /// `awaited`, `revealed` or `missed`.
    pub outcome: &'static str,
    /// What the operator can do if it was missed.
    pub remedy: Option<&'static str>,
}

/// A neuron: what it did in compute, and with each model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Its place.
    pub uid: u16,
    /// Its address.
    pub hotkey: String,
    /// The window of the last verdict.
    pub window: Option<u64>,
    /// `accepted`, `rejected` or `void`.
    pub verdict: Option<&'static str>,
    /// The code of the fault of the last window; `null` when accepted or void.
    pub fault: Option<&'static str>,
    /// Verified in the last window.
    pub operations_per_second: Option<u64>,
    /// Rounds counted in the last window.
    pub rounds: u64,
    /// The reputation in compute now.
    pub score: u64,
    /// The entry in the last weight vector, for all tasks together.
    pub weight: u16,
    /// One for each model of the policy with which it was judged, in the order of the policy.
    pub inference: Vec<ModelRow>,
}

/// What a neuron did with one model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelRow {
    /// The model's name in the policy.
    pub model: String,
    /// The window of the last verdict.
    pub window: Option<u64>,
    /// `accepted`, `rejected` or `void`.
    pub verdict: Option<&'static str>,
    /// The code of the fault of the last window; `null` when accepted or void.
    pub fault: Option<&'static str>,
    /// Tokens in time, each with its credit, in the last window.
    pub tokens_per_second: Option<f64>,
    /// The reputation with this model now, in thousandths of a token per second.
    pub score: u64,
}

/// The routes.
pub fn routes(api: Api) -> Router {
    Router::new().route("/v1/board", get(board)).with_state(api)
}

async fn board(State(api): State<Api>) -> Result<Json<View>, Problem> {
    let block = *api.head.borrow();
    let read =
        api.store.run(|store| Ok((store.board()?, store.last_verdicts()?, store.last_round()?, store.last_intent()?)));
    let (board, verdicts, round, intent) = read.await.map_err(|error| problem(&error))?;
    let waiting_for = api.status.lock().waiting_for.clone();
    let commit = api.store.run(Store::last_commit).await.map_err(|error| problem(&error))?;
    Ok(Json(View {
        block: block.get(),
        round: round.as_ref().map(round_view),
        neurons: rows(block, &api.policy, &board, &verdicts, intent.as_ref().map(|(intent, _)| intent)),
        submission: intent.map(|(intent, outcome)| submission_view(&intent, &outcome)),
        commit: commit.map(|(commit, reveal)| commit_view(&commit, reveal)),
        waiting_for,
    }))
}

fn problem(error: &StoreError) -> Problem {
    tracing::error!(%error, "the board cannot be read");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "database", "the database cannot be read; see the validator's log")
}

/// One row for everybody who has a standing or was judged last, by uid.
fn rows(now: Block, policy: &Policy, board: &Board, verdicts: &[LastVerdict], intent: Option<&Intent>) -> Vec<Row> {
    let weights: BTreeMap<_, _> = intent.into_iter().flat_map(|intent| intent.weights.iter()).collect();
    let standings = board.iter().map(|(registration, standing)| (standing.uid, *registration));
    // Who was judged last holds the place, whoever held it before.
    let holders: BTreeMap<_, _> =
        standings.chain(verdicts.iter().map(|last| (last.outcome.uid, last.outcome.registration))).collect();
    let last: Last<'_> = verdicts.iter().map(|last| ((last.outcome.registration, last.outcome.task()), last)).collect();
    let row = |(uid, registration): (Uid, Registration)| {
        let of = |task| judged(now, board, &last, &registration, task);
        let compute = of(Task::Compute).unwrap_or_default();
        let model =
            |model: &ModelPolicy| of(Task::Inference(model.digest)).map(|judged| judged.with_model(model.id.clone()));
        Row {
            uid: uid.get(),
            hotkey: ss58(&registration.hotkey),
            window: compute.window,
            verdict: compute.verdict,
            fault: compute.fault,
            operations_per_second: compute.earned,
            rounds: compute.rounds,
            score: compute.score,
            weight: weights.get(&uid).map_or(0, |weight| weight.get()),
            inference: policy.models().iter().filter_map(model).collect(),
        }
    };
    holders.into_iter().map(row).collect()
}

/// The last verdicts, by whom and what they judge.
type Last<'a> = BTreeMap<(Registration, Task), &'a LastVerdict>;

/// What is known of one neuron in one task.
#[derive(Default)]
struct Judged {
    window: Option<u64>,
    verdict: Option<&'static str>,
    fault: Option<&'static str>,
    earned: Option<u64>,
    rounds: u64,
    score: u64,
}

/// Nothing if it neither has a standing in the task nor was judged in it last.
fn judged(now: Block, board: &Board, last: &Last<'_>, registration: &Registration, task: Task) -> Option<Judged> {
    let seen = board.standing(registration).is_some_and(|standing| standing.tasks.contains_key(&task));
    let score = board.score(registration, task, now).get();
    let Some(LastVerdict { window, outcome }) = last.get(&(*registration, task)) else {
        return seen.then(|| Judged { score, ..Judged::default() });
    };
    let (verdict, fault, earned) = match outcome.verdict {
        Verdict::Accepted(score) => ("accepted", None, Some(score.get())),
        Verdict::Rejected(fault) => ("rejected", Some(fault.code()), None),
        Verdict::Void => ("void", None, None),
    };
    let rounds = match outcome.work {
        Work::Compute { rounds } => rounds,
        Work::Inference { .. } => 0,
    };
    Some(Judged { window: Some(window.get()), verdict: Some(verdict), fault, earned, rounds, score })
}

impl Judged {
    fn with_model(self, model: String) -> ModelRow {
        let Self { window, verdict, fault, earned, score, .. } = self;
        ModelRow { model, window, verdict, fault, tokens_per_second: earned.map(thousandths), score }
    }
}

/// A score in thousandths as a number with at most three decimals; exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "for readers: the exact score stands beside it")]
fn thousandths(score: u64) -> f64 {
    score as f64 / 1000.0
}

fn round_view(round: &RoundSummary) -> RoundView {
    RoundView {
        window: round.block.get(),
        epoch: round.epoch,
        void: round.void.map(crate::record::VoidReason::code),
        remedy: round.void.map(crate::record::VoidReason::remedy),
    }
}

fn submission_view(intent: &Intent, outcome: &Submission) -> SubmissionView {
    SubmissionView {
        epoch: intent.epoch,
        outcome: outcome.code(),
        block: outcome.block().map(Block::get),
        cause: outcome.refusal().map(|(cause, _)| cause.name()),
        reason: outcome.refusal().map(|(_, words)| words.clone()),
        extrinsic: format!("0x{}", hex::encode(intent.hash)),
    }
}

fn commit_view(committed: &Committed, reveal: Reveal) -> CommitView {
    CommitView {
        epoch: committed.epoch,
        reveal_epoch: committed.reveal_epoch(),
        reveal_block: committed.commit.reveal_block.get(),
        round: committed.commit.round,
        outcome: reveal.code(),
        remedy: matches!(reveal, Reveal::Missed(_)).then_some(REMEDY),
    }
}

#[cfg(test)]
mod tests;
