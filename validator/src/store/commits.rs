//! Commits: what was foreseen of each, and whether the chain revealed it.

use incentive::units::Block;
use incentive::weights::WeightVector;
use neuron_common::chain::Commit;
use parity_scale_codec::DecodeAll as _;
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};

use super::{Store, StoreError, integer, unsigned};

/// Weights that the chain holds encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// What explorers call the extrinsic.
    pub hash: [u8; 32],
    /// The epoch of its submission.
    pub epoch: u64,
    /// The block that holds the commit.
    pub landed: Block,
    /// What was foreseen.
    pub commit: Commit,
    /// What is encrypted.
    pub weights: WeightVector,
}

impl Committed {
    /// The epoch in which the chain reveals it: one later, if it was included later than foreseen.
    #[must_use]
    pub fn reveal_epoch(&self) -> u64 {
        self.commit.reveal_epoch.saturating_add(u64::from(self.landed >= self.commit.closes))
    }
}

/// What became of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reveal {
    /// Its epoch has not come or is not over.
    Awaited,
    /// Its weights were seen to count at this block.
    Revealed(Block),
    /// Its epoch was over at this block, and its weights do not count.
    Missed(Block),
}

impl Reveal {
    /// The stable name: record, metric label, API.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Awaited => "awaited",
            Self::Revealed(_) => "revealed",
            Self::Missed(_) => "missed",
        }
    }
}

const COLUMNS: &str =
    "hash, intents.epoch, intents.outcome_block, closes, reveal_epoch, reveal_block, round, intents.weights,
    commits.outcome, commits.outcome_block";

impl Store {
    /// The oldest commit that the chain holds and of which it is not known whether it was revealed.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn awaited_commit(&self) -> Result<Option<Committed>, StoreError> {
        let found = one(&self.0.connection.lock(), "commits.outcome IS NULL ORDER BY intents.epoch LIMIT 1")?;
        Ok(found.map(|(committed, _)| committed))
    }

    /// The newest commit that the chain holds, and what became of it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn last_commit(&self) -> Result<Option<(Committed, Reveal)>, StoreError> {
        one(&self.0.connection.lock(), "1 ORDER BY intents.epoch DESC LIMIT 1")
    }

    /// Writes what became of a commit. The first outcome stays.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn end_commit(&self, hash: &[u8; 32], reveal: Reveal) -> Result<(), StoreError> {
        let (Reveal::Revealed(block) | Reveal::Missed(block)) = reveal else { return Ok(()) };
        self.0.connection.lock().execute(
            "UPDATE commits SET outcome = ?2, outcome_block = ?3 WHERE hash = ?1 AND outcome IS NULL",
            params![hash, reveal.code(), integer(block.get())],
        )?;
        Ok(())
    }
}

/// Writes what is foreseen of the commit in an intent, together with the intent.
pub(super) fn insert(transaction: &Transaction<'_>, hash: &[u8; 32], commit: &Commit) -> rusqlite::Result<()> {
    transaction.execute(
        "INSERT INTO commits (hash, closes, reveal_epoch, reveal_block, round) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            hash,
            integer(commit.closes.get()),
            integer(commit.reveal_epoch),
            integer(commit.reveal_block.get()),
            integer(commit.round),
        ],
    )?;
    Ok(())
}

fn one(connection: &Connection, which: &str) -> Result<Option<(Committed, Reveal)>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM commits JOIN intents USING (hash)
         WHERE intents.outcome = 'landed' AND {which}"
    );
    let Some((committed, weights, reveal)) = connection.query_row(&sql, [], committed).optional()? else {
        return Ok(None);
    };
    let weights =
        WeightVector::decode_all(&mut weights.as_slice()).map_err(|_| StoreError::Corrupt("a weight vector"))?;
    Ok(Some((Committed { weights, ..committed }, reveal)))
}

fn committed(row: &Row<'_>) -> rusqlite::Result<(Committed, Vec<u8>, Reveal)> {
    let number = |column| row.get(column).map(unsigned);
    let commit = Commit {
        closes: Block(number(3)?),
        reveal_epoch: number(4)?,
        reveal_block: Block(number(5)?),
        round: number(6)?,
    };
    let (hash, epoch, landed) = (row.get(0)?, number(1)?, Block(number(2)?));
    let reveal = match row.get::<_, Option<String>>(8)?.as_deref() {
        Some("revealed") => Reveal::Revealed(Block(number(9)?)),
        Some(_) => Reveal::Missed(Block(number(9)?)),
        None => Reveal::Awaited,
    };
    Ok((Committed { hash, epoch, landed, commit, weights: WeightVector::default() }, row.get(7)?, reveal))
}
