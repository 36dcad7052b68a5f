//! Submissions: at most one per chain, subnet and epoch, written down before it leaves.

use incentive::units::{Block, NetUid};
use incentive::weights::WeightVector;
use parity_scale_codec::{DecodeAll as _, Encode as _};
use rusqlite::{Connection, OptionalExtension as _, Row, TransactionBehavior, params};

use super::{Store, StoreError, integer, unsigned};

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
    /// The chain refused it for good, in these words.
    Failed(String),
    /// Its lifetime is over and no block holds it.
    Expired,
}

impl Submission {
    /// The stable name: record, metric label, API.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Landed(_) => "landed",
            Self::Failed(_) => "failed",
            Self::Expired => "expired",
        }
    }
}

/// What became of the wish to submit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// The intent is written: the extrinsic may leave.
    Written,
    /// This epoch has one already; that one counts and the new one must not leave.
    Present,
    /// An earlier one is still open: nothing else may leave before its fate is known.
    Blocked,
}

const COLUMNS: &str =
    "genesis, netuid, epoch, extrinsic, hash, nonce, born, mortal_until, weights, outcome, outcome_block, detail";

impl Store {
    /// Writes an intent unless its epoch has one or an earlier one is open: one exclusive transaction.
    ///
    /// # Errors
    /// When the database cannot be written; the extrinsic must then not leave.
    pub fn begin_intent(&self, intent: &Intent) -> Result<Begun, StoreError> {
        let mut connection = self.0.connection.lock();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
        let of_subnet = params![intent.genesis, intent.netuid.get()];
        let open: bool = transaction.query_row(
            "SELECT EXISTS (SELECT 1 FROM intents WHERE genesis = ?1 AND netuid = ?2 AND outcome IS NULL)",
            of_subnet,
            |row| row.get(0),
        )?;
        let present: bool = transaction.query_row(
            "SELECT EXISTS (SELECT 1 FROM intents WHERE genesis = ?1 AND netuid = ?2 AND epoch = ?3)",
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
            "INSERT INTO intents (genesis, netuid, epoch, extrinsic, hash, nonce, born, mortal_until, weights)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
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
        transaction.commit()?;
        Ok(Begun::Written)
    }

    /// Writes what became of an intent. The first outcome stays.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn end_intent(&self, intent: &Intent, outcome: &Submission) -> Result<(), StoreError> {
        let (block, detail) = match outcome {
            Submission::Open => return Ok(()),
            Submission::Landed(block) => (Some(integer(block.get())), None),
            Submission::Failed(detail) => (None, Some(detail.as_str())),
            Submission::Expired => (None, None),
        };
        self.0.connection.lock().execute(
            "UPDATE intents SET outcome = ?4, outcome_block = ?5, detail = ?6
             WHERE genesis = ?1 AND netuid = ?2 AND epoch = ?3 AND outcome IS NULL",
            params![intent.genesis, intent.netuid.get(), integer(intent.epoch), outcome.code(), block, detail],
        )?;
        Ok(())
    }

    /// The intent whose outcome is not known.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn open_intent(&self) -> Result<Option<Intent>, StoreError> {
        let connection = self.0.connection.lock();
        let found = one(&connection, "outcome IS NULL ORDER BY epoch LIMIT 1")?;
        Ok(found.map(|(intent, _)| intent))
    }

    /// The newest intent and what became of it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn last_intent(&self) -> Result<Option<(Intent, Submission)>, StoreError> {
        one(&self.0.connection.lock(), "1 ORDER BY epoch DESC LIMIT 1")
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
    let detail: Option<String> = row.get(11)?;
    Ok(match outcome.as_deref() {
        Some("landed") => Submission::Landed(Block(unsigned(block.unwrap_or(0)))),
        Some("failed") => Submission::Failed(detail.unwrap_or_default()),
        Some(_) => Submission::Expired,
        None => Submission::Open,
    })
}
