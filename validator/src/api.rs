//! What others may read: the board of this validator, from its database, as JSON.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use incentive::board::Board;
use incentive::units::{Block, Registration};
use incentive::verdict::Verdict;
use neuron_common::keystore::ss58;
use neuron_common::problem::Problem;
use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::watch;

use crate::record::RoundSummary;
use crate::store::{Committed, Intent, LastVerdict, Reveal, Store, StoreError, Submission};
use crate::submit::{REMEDY, Status};

/// What the routes read from.
#[derive(Clone, Debug)]
pub struct Api {
    /// The database.
    pub store: Store,
    /// The newest block.
    pub head: watch::Receiver<Block>,
    /// Why there is no submission.
    pub status: Arc<Mutex<Status>>,
}

/// The answer of `GET /v1/board`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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

/// A neuron.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
    /// The reputation now.
    pub score: u64,
    /// The entry in the last weight vector.
    pub weight: u16,
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
    let view = view(block, &board, &verdicts, round.as_ref(), intent, waiting_for);
    Ok(Json(View { commit: commit.map(|(commit, reveal)| commit_view(&commit, reveal)), ..view }))
}

fn problem(error: &StoreError) -> Problem {
    tracing::error!(%error, "the board cannot be read");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "database", "the database cannot be read; see the validator's log")
}

fn view(
    block: Block,
    board: &Board,
    verdicts: &[LastVerdict],
    round: Option<&RoundSummary>,
    intent: Option<(Intent, Submission)>,
    waiting_for: Option<String>,
) -> View {
    let weights: BTreeMap<_, _> = intent
        .iter()
        .flat_map(|(intent, _)| intent.weights.iter())
        .map(|(uid, weight)| (uid.get(), weight.get()))
        .collect();
    let row = |uid: u16, registration: &Registration| Row {
        uid,
        hotkey: ss58(&registration.hotkey),
        window: None,
        verdict: None,
        fault: None,
        operations_per_second: None,
        rounds: 0,
        score: board.score(registration, block).get(),
        weight: weights.get(&uid).copied().unwrap_or(0),
    };
    let mut rows: BTreeMap<u16, Row> = board
        .iter()
        .map(|(registration, standing)| (standing.uid.get(), row(standing.uid.get(), registration)))
        .collect();
    for LastVerdict { window, outcome } in verdicts {
        let uid = outcome.uid.get();
        let (verdict, fault, speed) = match outcome.verdict {
            Verdict::Accepted(score) => ("accepted", None, Some(score.get())),
            Verdict::Rejected(fault) => ("rejected", Some(fault.code()), None),
            Verdict::Void => ("void", None, None),
        };
        let judged = Row {
            window: Some(window.get()),
            verdict: Some(verdict),
            fault,
            operations_per_second: speed,
            rounds: outcome.rounds,
            ..row(uid, &outcome.registration)
        };
        rows.insert(uid, judged);
    }
    View {
        block: block.get(),
        round: round.map(round_view),
        submission: intent.map(|(intent, outcome)| submission_view(&intent, &outcome)),
        commit: None,
        waiting_for,
        neurons: rows.into_values().collect(),
    }
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
