//! Submissions, written down before they leave: one at a time, and after one that has landed none in its epoch.

use incentive::units::{Block, NetUid};
use incentive::weights::WeightVector;
use neuron_common::chain::{Cause, Commit};
use parity_scale_codec::{DecodeAll as _, Encode as _};
use rusqlite::{Connection, OptionalExtension as _, Row, TransactionBehavior, params};

use super::{Store, StoreError, commits, integer, unsigned};

/// A weight vector that is signed and about to leave, or has left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// Genesis hash of the chain.
    pub genesis: [u8; 32],
    /// The subnet.
    pub netuid: NetUid,
    /// The epoch that it is the submission of.
    pub epoch: u64,
    /// The signed extrinsic, as the chain client encodes it. A repetition sends these bytes and no others.
    pub extrinsic: Vec<u8>,
    /// What explorers call it.
    pub hash: [u8; 32],
    /// The transaction number of the hotkey.
    pub nonce: u64,
    /// The finalized block that it was signed at.
    pub born: Block,
    /// The last block that can include it.
    pub mortal_until: Block,
    /// The vector in it.
    pub weights: WeightVector,
}

/// What became of an intent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Submission {
    /// Not known yet: it may be on its way.
    Open,
    /// The chain has it, since this block.
    Landed(Block),
    /// The pool refused it, in these words; no block holds it.
    Refused(Cause, String),
    /// It is in a block and failed there, in these words.
    Failed(Cause, String),
    /// It can never be included and no block holds it.
    Expired,
    /// Another process has set weights with this hotkey, in this block; with the same number, so this one never lands.
    Foreign(Block),
}

impl Submission {
    /// The stable name: record, metric label, API.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Landed(_) => "landed",
            Self::Refused(..) => "refused",
            Self::Failed(..) => "failed",
            Self::Expired => "expired",
            Self::Foreign(_) => "foreign",
        }
    }

    /// The block that decided it, where one did.
    #[must_use]
    pub const fn block(&self) -> Option<Block> {
        match self {
            Self::Landed(block) | Self::Foreign(block) => Some(*block),
            Self::Open | Self::Refused(..) | Self::Failed(..) | Self::Expired => None,
        }
    }

    /// Why the chain did not take it, and in which words, where it said so.
    #[must_use]
    pub const fn refusal(&self) -> Option<(Cause, &String)> {
        match self {
            Self::Refused(cause, words) | Self::Failed(cause, words) => Some((*cause, words)),
            Self::Open | Self::Landed(_) | Self::Expired | Self::Foreign(_) => None,
        }
    }
}

/// The submissions of one epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempts {
    /// The epoch.
    pub epoch: u64,
    /// How many there were.
    pub count: u32,
    /// What became of the last.
    pub last: Submission,
}

/// What became of the wish to submit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// The intent is written: the extrinsic may leave.
    Written,
    /// One has landed in this epoch already; that one counts and the new one must not leave.
    Present,
    /// An earlier one is still open: nothing else may leave before its fate is known.
    Blocked,
}

const COLUMNS: &str = "genesis, netuid, epoch, extrinsic, hash, nonce, born, mortal_until, weights, outcome, outcome_block, cause, detail";

impl Store {
    /// Writes an intent, and what is foreseen of it if it is a commit, unless one has landed in its epoch or an earlier one is open: one exclusive transaction.
    ///
    /// # Errors
    /// When the database cannot be written; the extrinsic must then not leave.
    pub fn begin_intent(&self, intent: &Intent, commit: Option<&Commit>) -> Result<Begun, StoreError> {
        let mut connection = self.0.connection.lock();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
        let of_subnet = params![intent.genesis, intent.netuid.get()];
        let open: bool = transaction.query_row(
            "SELECT EXISTS (SELECT 1 FROM intents WHERE genesis = ?1 AND netuid = ?2 AND outcome IS NULL)",
            of_subnet,
            |row| row.get(0),
        )?;
        let present: bool = transaction.query_row(
            "SELECT EXISTS (SELECT 1 FROM intents WHERE genesis = ?1 AND netuid = ?2 AND epoch = ?3 AND outcome = 'landed')",
            params![intent.genesis, intent.netuid.get(), integer(intent.epoch)],
            |row| row.get(0),
        )?;
        if present {
            return Ok(Begun::Present);
        }
        if open {
            return Ok(Begun::Blocked);
        }
        transaction.execute(
            "INSERT INTO intents (genesis, netuid, epoch, attempt, extrinsic, hash, nonce, born, mortal_until, weights)
             VALUES (?1, ?2, ?3, (SELECT COUNT(*) FROM intents WHERE genesis = ?1 AND netuid = ?2 AND epoch = ?3),
                     ?4, ?5, ?6, ?7, ?8, ?9)",
            params![
                intent.genesis,
                intent.netuid.get(),
                integer(intent.epoch),
                intent.extrinsic,
                intent.hash,
                integer(intent.nonce),
                integer(intent.born.get()),
                integer(intent.mortal_until.get()),
                intent.weights.encode()
            ],
        )?;
        if let Some(commit) = commit {
            commits::insert(&transaction, &intent.hash, commit)?;
        }
        transaction.commit()?;
        Ok(Begun::Written)
    }

    /// Writes what became of an intent. The first outcome stays.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn end_intent(&self, intent: &Intent, outcome: &Submission) -> Result<(), StoreError> {
        if *outcome == Submission::Open {
            return Ok(());
        }
        let block = outcome.block().map(|block| integer(block.get()));
        let (cause, detail) = outcome.refusal().map(|(cause, words)| (cause.name(), words)).unzip();
        self.0.connection.lock().execute(
            "UPDATE intents SET outcome = ?2, outcome_block = ?3, cause = ?4, detail = ?5
             WHERE hash = ?1 AND outcome IS NULL",
            params![intent.hash, outcome.code(), block, cause, detail],
        )?;
        Ok(())
    }

    /// The intent whose outcome is not known.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn open_intent(&self) -> Result<Option<Intent>, StoreError> {
        let connection = self.0.connection.lock();
        let found = one(&connection, "outcome IS NULL ORDER BY epoch, attempt LIMIT 1")?;
        Ok(found.map(|(intent, _)| intent))
    }

    /// The newest intent and what became of it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn last_intent(&self) -> Result<Option<(Intent, Submission)>, StoreError> {
        one(&self.0.connection.lock(), "1 ORDER BY epoch DESC, attempt DESC LIMIT 1")
    }

    /// The submissions of the last epoch that had one.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn last_attempts(&self) -> Result<Option<Attempts>, StoreError> {
        let connection = self.0.connection.lock();
        let Some((Intent { epoch, .. }, last)) = one(&connection, "1 ORDER BY epoch DESC, attempt DESC LIMIT 1")?
        else {
            return Ok(None);
        };
        let sql = "SELECT COUNT(*) FROM intents WHERE epoch = ?1";
        let count = connection.query_row(sql, [integer(epoch)], |row| row.get(0))?;
        Ok(Some(Attempts { epoch, count, last }))
    }

    /// The newest block that holds weights of this database, and the highest number that was signed with.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn own_weights(&self) -> Result<(Option<Block>, Option<u64>), StoreError> {
        let sql = "SELECT MAX(CASE outcome WHEN 'landed' THEN outcome_block END), MAX(nonce) FROM intents";
        let row = self.0.connection.lock().query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let (block, nonce): (Option<i64>, Option<i64>) = row;
        Ok((block.map(|block| Block(unsigned(block))), nonce.map(unsigned)))
    }
}

fn one(connection: &Connection, which: &str) -> Result<Option<(Intent, Submission)>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM intents WHERE {which}");
    let found = connection.query_row(&sql, [], |row| Ok((intent(row)?, submission(row)?))).optional()?;
    let Some(((intent, weights), submission)) = found else { return Ok(None) };
    let weights =
        WeightVector::decode_all(&mut weights.as_slice()).map_err(|_| StoreError::Corrupt("a weight vector"))?;
    Ok(Some((Intent { weights, ..intent }, submission)))
}

fn intent(row: &Row<'_>) -> rusqlite::Result<(Intent, Vec<u8>)> {
    let intent = Intent {
        genesis: row.get(0)?,
        netuid: NetUid(row.get(1)?),
        epoch: unsigned(row.get(2)?),
        extrinsic: row.get(3)?,
        hash: row.get(4)?,
        nonce: unsigned(row.get(5)?),
        born: Block(unsigned(row.get(6)?)),
        mortal_until: Block(unsigned(row.get(7)?)),
        weights: WeightVector::default(),
    };
    Ok((intent, row.get(8)?))
}

fn submission(row: &Row<'_>) -> rusqlite::Result<Submission> {
    let outcome: Option<String> = row.get(9)?;
    let block: Option<i64> = row.get(10)?;
    let cause: Option<String> = row.get(11)?;
    let detail: Option<String> = row.get(12)?;
    let block = Block(unsigned(block.unwrap_or(0)));
    let refusal = || (cause.as_deref().map_or(Cause::Unknown, Cause::of_name), detail.clone().unwrap_or_default());
    Ok(match outcome.as_deref() {
        Some("landed") => Submission::Landed(block),
        Some("foreign") => Submission::Foreign(block),
        Some("refused") => {
            let (cause, words) = refusal();
            Submission::Refused(cause, words)
        }
        Some("failed") => {
            let (cause, words) = refusal();
            Submission::Failed(cause, words)
        }
        Some(_) => Submission::Expired,
        None => Submission::Open,
    })
}
