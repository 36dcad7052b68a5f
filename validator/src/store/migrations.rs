//! Numbered steps from an empty file to the current tables. A step that was released is never edited.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::StoreError;

/// Step `n` leads from version `n` to `n + 1` of `PRAGMA user_version`.
const STEPS: [&str; 3] = [include_str!("0001.sql"), include_str!("0002.sql"), include_str!("0003.sql")];

/// The version that this release works with.
pub(super) const VERSION: u32 = STEPS.len() as u32;

/// Applies the missing steps, each in one transaction.
pub(super) fn apply(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let found: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found > VERSION {
        return Err(StoreError::Newer { path: path.to_owned(), found, known: VERSION });
    }
    for (version, step) in (1..=VERSION).zip(STEPS).skip(found as usize) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(())
}
