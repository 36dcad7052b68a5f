//! Boards of earlier releases in the layout of this one.

use std::collections::{BTreeMap, VecDeque};

use incentive::board::{Board, Record, Standing};
use incentive::task::Task;
use incentive::units::{Block, Registration, Score, Uid};
use parity_scale_codec::{Decode, DecodeAll as _, Encode as _};
use rusqlite::{OptionalExtension as _, Transaction};

use crate::store::StoreError;

/// A standing up to version 3 of the database, when compute was the only task.
#[derive(Decode)]
struct OfCompute {
    uid: Uid,
    last: Block,
    forfeited_until: Option<Block>,
    windows: VecDeque<Score>,
}

/// What was earned until now, was earned with compute.
pub(super) fn with_tasks(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    let state: Option<Vec<u8>> =
        transaction.query_row("SELECT state FROM board WHERE id = 1", [], |row| row.get(0)).optional()?;
    let Some(state) = state else { return Ok(()) };
    let standings = Vec::<(Registration, OfCompute)>::decode_all(&mut state.as_slice())
        .map_err(|_| StoreError::Corrupt("the board of an earlier release"))?;
    let standings: Vec<_> = standings.into_iter().map(|(registration, old)| (registration, old.into())).collect();
    transaction.execute("UPDATE board SET state = ?1 WHERE id = 1", [Board::from(standings).encode()])?;
    Ok(())
}

impl From<OfCompute> for Standing {
    fn from(OfCompute { uid, last, forfeited_until, windows }: OfCompute) -> Self {
        Self { uid, forfeited_until, tasks: BTreeMap::from([(Task::Compute, Record { last, windows })]) }
    }
}
