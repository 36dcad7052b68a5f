//! The journal: what a node needs to come back to the same head, and nothing else.
//!
//! A file of records after a header that names the genesis. A block is its time and its extrinsics; replaying runs
//! them again and compares the hash. Appending is one write; whether it survives a power cut is up to
//! [`Journal::sync`], while a killed process loses nothing.

mod file;
mod record;

pub use file::{Journal, Opened};
pub use record::Record;

use std::{io, path::PathBuf};

use sp_core::H256;

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The base path or a file in it cannot be read or written.
    #[error("{path}: {source}; give a --base-path that this user may write to")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another node holds the base path.
    #[error("{path} is in use by another node; stop that one or give another --base-path")]
    Locked {
        /// The base path.
        path: PathBuf,
    },
    /// The file is something else.
    #[error("{path} is not a journal of this program; give another --base-path or start anew with --reset")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The journal belongs to a chain with another genesis.
    #[error(
        "{path} holds a chain with genesis {found:?}, this one has {expected:?} \
         (other preset, options or version); start anew with --reset or give another --base-path"
    )]
    Genesis {
        /// The file.
        path: PathBuf,
        /// The genesis in the file.
        found: H256,
        /// The genesis of this node.
        expected: H256,
    },
    /// A record in the middle is damaged.
    #[error("{path} is damaged at byte {offset}, after {records} good records; start anew with --reset")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where the damaged record begins.
        offset: u64,
        /// How many good records come before it.
        records: usize,
    },
}
