//! The validator's memory: one SQLite file that a restart, a crash or another reader may meet at any time.
//!
//! Every write is one transaction. What is not in here did not happen: board, verdicts and submissions are all restored
//! from it.

mod commits;
mod evidence;
mod intents;
mod migrations;
mod rounds;
#[cfg(test)]
mod tests;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use incentive::units::{Hotkey, NetUid};
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension as _, params};

pub use commits::{Committed, Reveal};
pub use intents::{Attempts, Begun, Intent, Submission};
pub use rounds::{LastVerdict, RoundEnd, RoundStart};

/// What can go wrong with the database.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another validator works with the same file.
    #[error("{path} is in use by another validator; stop it, or give this one its own `database`")]
    Locked {
        /// The database.
        path: PathBuf,
    },
    /// The file or its folder cannot be written.
    #[error("cannot open {path}: {source}; check `database`, its folder and its permissions")]
    Open {
        /// The database.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A later release has written the file.
    #[error(
        "{path} has version {found}, this release knows up to {known}; run the release that wrote it, or a later one"
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// The version in the file.
        found: u32,
        /// The newest version known here.
        known: u32,
    },
    /// The file belongs to another chain, subnet or hotkey.
    #[error("{path} belongs to another {what} ({found}); give this validator its own `database`")]
    Foreign {
        /// The database.
        path: PathBuf,
        /// `chain`, `subnet` or `hotkey`.
        what: &'static str,
        /// What it belongs to.
        found: String,
    },
    /// SQLite refused.
    #[error("database: {0}; check the free space of its disk")]
    Sqlite(#[from] rusqlite::Error),
    /// Something in it cannot be read.
    #[error("database: {0} cannot be decoded; restore a backup or start with an empty `database`")]
    Corrupt(&'static str),
    /// The thread that did the work is gone.
    #[error("database: the work was cut off: {0}")]
    Cut(#[from] tokio::task::JoinError),
}

/// Whom a database belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Genesis hash of the chain.
    pub genesis: [u8; 32],
    /// The subnet.
    pub netuid: NetUid,
    /// The validator's hotkey.
    pub hotkey: Hotkey,
}

impl Owner {
    fn facts(&self) -> [(&'static str, Vec<u8>); 3] {
        let netuid = self.netuid.get().to_le_bytes().to_vec();
        [("chain", self.genesis.to_vec()), ("subnet", netuid), ("hotkey", self.hotkey.0.to_vec())]
    }
}

/// The open database. Clones share one connection.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    connection: Mutex<Connection>,
    path: PathBuf,
    /// Held as long as the database is open.
    _lock: File,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Store").field(&self.0.path).finish()
    }
}

impl Store {
    /// Opens the file, creates it if needed, and brings it to the current version.
    ///
    /// # Errors
    /// When it is in use, cannot be written, or was written by a later release.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let lock = lock(path)?;
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        // A submission must not be forgotten by a power cut: full synchronisation, not that of the last checkpoint.
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;")?;
        migrations::apply(&mut connection, path)?;
        Ok(Self(Arc::new(Inner { connection: Mutex::new(connection), path: path.to_owned(), _lock: lock })))
    }

    /// Binds a new database to its chain, subnet and hotkey; refuses that of another.
    ///
    /// # Errors
    /// [`StoreError::Foreign`] names what differs.
    pub fn claim(&self, owner: &Owner) -> Result<(), StoreError> {
        self.belongs_to(owner)?;
        let mut connection = self.0.connection.lock();
        let transaction = connection.transaction()?;
        for (key, value) in owner.facts() {
            transaction.execute(
                "INSERT INTO owner (key, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                params![key, value],
            )?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// Whether the database is new or belongs to this chain, subnet and hotkey.
    ///
    /// # Errors
    /// [`StoreError::Foreign`] names what differs.
    pub fn belongs_to(&self, owner: &Owner) -> Result<(), StoreError> {
        let connection = self.0.connection.lock();
        for (key, value) in owner.facts() {
            let found: Option<Vec<u8>> =
                connection.query_row("SELECT value FROM owner WHERE key = ?1", [key], |row| row.get(0)).optional()?;
            if let Some(found) = found.filter(|found| *found != value) {
                return Err(StoreError::Foreign { path: self.0.path.clone(), what: key, found: hex::encode(found) });
            }
        }
        Ok(())
    }

    /// Does work on the database without holding up the event loop.
    ///
    /// # Errors
    /// Those of the work.
    pub async fn run<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Self) -> Result<T, StoreError> + Send + 'static,
    {
        let store = self.clone();
        tokio::task::spawn_blocking(move || work(&store)).await?
    }
}

/// Takes the lock beside the database, so that no second validator writes, while others may still read.
fn lock(path: &Path) -> Result<File, StoreError> {
    let open = |source| StoreError::Open { path: path.to_owned(), source };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(open)?;
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file = File::options().create(true).truncate(false).write(true).open(PathBuf::from(name)).map_err(open)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked { path: path.to_owned() }),
        Err(TryLockError::Error(source)) => Err(open(source)),
    }
}

/// SQLite's integers are signed: larger numbers are stored as the largest. Exact values lie in the encoded columns.
fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
