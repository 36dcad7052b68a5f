//! Rounds, verdicts and the board: written together, so that a crash never leaves one without the others.

use incentive::board::Board;
use incentive::task::Task;
use incentive::units::{Block, Hotkey, Registration, Uid};
use incentive::verdict::{Fault, Verdict};
use parity_scale_codec::{DecodeAll as _, Encode as _};
use rusqlite::{OptionalExtension as _, Row, Transaction, TransactionBehavior, params};

use super::{Store, StoreError, integer, unsigned};
use crate::record::{Before, Counts, Outcome, RoundSummary, VoidReason, Work};

/// A round that is about to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoundStart {
    /// The block that opened the window.
    pub block: Block,
    /// The epoch that the subnet is in.
    pub epoch: u64,
    /// The window id.
    pub window: [u8; 32],
    /// The hash of the block.
    pub nonce: [u8; 32],
    /// Digest of the policy that it was held under.
    pub policy: [u8; 32],
    /// Unix time in milliseconds.
    pub started_ms: u64,
}

/// How a round ended.
#[derive(Clone, Debug)]
pub struct RoundEnd {
    /// The block that opened the window.
    pub block: Block,
    /// Why it does not count, if it does not; the board is then left as it is.
    pub void: Option<VoidReason>,
    /// What was found; all void if the round is.
    pub outcomes: Vec<Outcome>,
    /// The secret that drew the samples, if it was revealed.
    pub secret: Option<[u8; 32]>,
    /// From the first request to the last verdict.
    pub took_ms: u64,
}

/// The last verdict on a neuron in one task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastVerdict {
    /// The window it was found in.
    pub window: Block,
    /// What was found.
    pub outcome: Outcome,
}

impl Store {
    /// Notes that a round begins. False if this window has a round already: then it must not be held again.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn begin_round(&self, start: &RoundStart) -> Result<bool, StoreError> {
        let connection = self.0.connection.lock();
        let rows = connection.execute(
            "INSERT INTO rounds (block, epoch, window, nonce, policy, state, started_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, 'open', ?6) ON CONFLICT DO NOTHING",
            params![
                integer(start.block.get()),
                integer(start.epoch),
                start.window,
                start.nonce,
                start.policy,
                integer(start.started_ms)
            ],
        )?;
        Ok(rows == 1)
    }

    /// Writes how a round ended, its verdicts and the board after it.
    ///
    /// # Errors
    /// When the database cannot be written; nothing of the round is then recorded.
    pub fn end_round(&self, end: &RoundEnd, board: &Board) -> Result<(), StoreError> {
        let mut connection = self.0.connection.lock();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let (state, reason) = end.void.map_or(("counted", None), |reason| ("void", Some(reason.code())));
        transaction.execute(
            "UPDATE rounds SET state = ?2, void_reason = ?3, secret = ?4, took_ms = ?5 WHERE block = ?1 AND state = 'open'",
            params![integer(end.block.get()), state, reason, end.secret, integer(end.took_ms)],
        )?;
        let round: i64 =
            transaction
                .query_row("SELECT id FROM rounds WHERE block = ?1", [integer(end.block.get())], |row| row.get(0))?;
        for outcome in &end.outcomes {
            insert_verdict(&transaction, round, outcome)?;
        }
        if end.void.is_none() {
            transaction.execute(
                "INSERT INTO board (id, state) VALUES (1, ?1) ON CONFLICT (id) DO UPDATE SET state = excluded.state",
                [board.encode()],
            )?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// Ends the rounds that a stopped validator left open. Returns their windows.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn void_open_rounds(&self) -> Result<Vec<Block>, StoreError> {
        let connection = self.0.connection.lock();
        let mut statement = connection
            .prepare("UPDATE rounds SET state = 'void', void_reason = ?1 WHERE state = 'open' RETURNING block")?;
        let blocks = statement.query_map([VoidReason::Restarted.code()], |row| row.get::<_, i64>(0))?;
        Ok(blocks.map(|block| block.map(|block| Block(unsigned(block)))).collect::<Result<_, _>>()?)
    }

    /// The reputation after the last counted round.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn board(&self) -> Result<Board, StoreError> {
        let connection = self.0.connection.lock();
        let state: Option<Vec<u8>> =
            connection.query_row("SELECT state FROM board WHERE id = 1", [], |row| row.get(0)).optional()?;
        state.map_or_else(
            || Ok(Board::new()),
            |state| Board::decode_all(&mut state.as_slice()).map_err(|_| StoreError::Corrupt("the board")),
        )
    }

    /// What the next round needs to know of the last one that counted.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn before(&self) -> Result<Before, StoreError> {
        let connection = self.0.connection.lock();
        let last_void: Option<Option<String>> = connection
            .query_row("SELECT void_reason FROM rounds WHERE state != 'open' ORDER BY block DESC LIMIT 1", [], |row| {
                row.get(0)
            })
            .optional()?;
        let was_unreachable =
            last_void.flatten().as_deref().and_then(VoidReason::from_code) == Some(VoidReason::MostUnreachable);
        let mut statement = connection.prepare(
            "SELECT hotkey, registered FROM verdicts
             WHERE round = (SELECT id FROM rounds WHERE state = 'counted' ORDER BY block DESC LIMIT 1)
               AND task = ?1 AND score IS NOT NULL",
        )?;
        let passed = statement.query_map([Task::Compute.encode()], |row| {
            Ok(Registration { hotkey: Hotkey(row.get(0)?), block: Block(unsigned(row.get(1)?)) })
        })?;
        Ok(Before { passed: passed.collect::<Result<_, _>>()?, was_unreachable })
    }

    /// In how many of its last 256 counted rounds of a task a neuron spoke no common version.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn frozen(&self, registration: &Registration, task: Task) -> Result<u32, StoreError> {
        let connection = self.0.connection.lock();
        let mut statement = connection.prepare(
            "SELECT count(*) FROM (
                 SELECT v.fault FROM verdicts v JOIN rounds r ON r.id = v.round
                 WHERE v.hotkey = ?1 AND v.registered = ?2 AND v.task = ?3 AND r.state = 'counted'
                 ORDER BY v.round DESC LIMIT 256
             ) WHERE fault = ?4",
        )?;
        let (hotkey, registered) = (registration.hotkey.0, integer(registration.block.get()));
        let of = params![hotkey, registered, task.encode(), Fault::UnsupportedVersion.code()];
        Ok(statement.query_row(of, |row| row.get(0))?)
    }

    /// The last round that ended.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn last_round(&self) -> Result<Option<RoundSummary>, StoreError> {
        let connection = self.0.connection.lock();
        let summary = connection
            .query_row(
                "SELECT block, epoch, void_reason FROM rounds WHERE state != 'open' ORDER BY block DESC LIMIT 1",
                [],
                |row| {
                    let reason: Option<String> = row.get(2)?;
                    Ok(RoundSummary {
                        block: Block(unsigned(row.get(0)?)),
                        epoch: unsigned(row.get(1)?),
                        void: reason.as_deref().and_then(VoidReason::from_code),
                    })
                },
            )
            .optional()?;
        Ok(summary)
    }

    /// The verdicts of the last round that found any.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn last_verdicts(&self) -> Result<Vec<LastVerdict>, StoreError> {
        let connection = self.0.connection.lock();
        let mut statement = connection.prepare(
            "SELECT r.block, v.uid, v.hotkey, v.registered, v.verdict, v.task, v.rounds, v.answers, v.tokens, v.checked
             FROM verdicts v JOIN rounds r ON r.id = v.round
             WHERE v.round = (SELECT max(round) FROM verdicts) ORDER BY v.uid, v.task",
        )?;
        let rows = statement.query_map([], |row| Ok(last_verdict(row)))?;
        rows.map(|row| row?).collect()
    }
}

fn last_verdict(row: &Row<'_>) -> Result<LastVerdict, StoreError> {
    let registration = Registration { hotkey: Hotkey(row.get(2)?), block: Block(unsigned(row.get(3)?)) };
    let (verdict, task): (Vec<u8>, Vec<u8>) = (row.get(4)?, row.get(5)?);
    let verdict = Verdict::decode_all(&mut verdict.as_slice()).map_err(|_| StoreError::Corrupt("a verdict"))?;
    let task = Task::decode_all(&mut task.as_slice()).map_err(|_| StoreError::Corrupt("the task of a verdict"))?;
    let count = |column| row.get::<_, Option<i64>>(column).map(|count| unsigned(count.unwrap_or(0)));
    let work = match task {
        Task::Compute => Work::Compute { rounds: count(6)? },
        Task::Inference(model) => {
            Work::Inference { model, counts: Counts { answers: count(7)?, tokens: count(8)?, checked: count(9)? } }
        }
    };
    let outcome = Outcome { uid: Uid(row.get(1)?), registration, verdict, work };
    Ok(LastVerdict { window: Block(unsigned(row.get(0)?)), outcome })
}

fn insert_verdict(transaction: &Transaction<'_>, round: i64, outcome: &Outcome) -> Result<(), StoreError> {
    let (fault, score) = match outcome.verdict {
        Verdict::Accepted(score) => (None, Some(integer(score.get()))),
        Verdict::Rejected(fault) => (Some(fault.code()), None),
        Verdict::Void => (None, None),
    };
    let (rounds, counts) = match outcome.work {
        Work::Compute { rounds } => (Some(integer(rounds)), None),
        Work::Inference { counts, .. } => (None, Some(counts)),
    };
    let mut statement = transaction.prepare(
        "INSERT INTO verdicts
             (round, uid, task, kind, hotkey, registered, verdict, fault, score, rounds, answers, tokens, checked)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?;
    statement.execute(params![
        round,
        outcome.uid.get(),
        outcome.task().encode(),
        outcome.task().code(),
        outcome.registration.hotkey.0,
        integer(outcome.registration.block.get()),
        outcome.verdict.encode(),
        fault,
        score,
        rounds,
        counts.map(|counts| integer(counts.answers)),
        counts.map(|counts| integer(counts.tokens)),
        counts.map(|counts| integer(counts.checked)),
    ])?;
    Ok(())
}
