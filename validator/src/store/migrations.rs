//! Numbered steps from an empty file to the current tables. A step that was released is never edited.

mod boards;

use std::path::Path;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::StoreError;

/// SQL, and what SQL cannot do.
struct Step(&'static str, fn(&Transaction<'_>) -> Result<(), StoreError>);

/// Step `n` leads from version `n` to `n + 1` of `PRAGMA user_version`.
const STEPS: [Step; 5] = [
    Step(include_str!("0001.sql"), |_| Ok(())),
    Step(include_str!("0002.sql"), |_| Ok(())),
    Step(include_str!("0003.sql"), |_| Ok(())),
    Step(include_str!("0004.sql"), boards::with_tasks),
    Step(include_str!("0005.sql"), |_| Ok(())),
];

/// The version that this release works with.
pub(super) const VERSION: u32 = STEPS.len() as u32;

/// Applies the missing steps, each in one transaction.
pub(super) fn apply(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let found: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found > VERSION {
        return Err(StoreError::Newer { path: path.to_owned(), found, known: VERSION });
    }
    for (version, Step(sql, convert)) in (1..=VERSION).zip(STEPS).skip(found as usize) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
        transaction.execute_batch(sql)?;
        convert(&transaction)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(())
}
