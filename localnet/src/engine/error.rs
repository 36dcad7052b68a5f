use std::path::PathBuf;

use sp_core::H256;

use crate::{
    journal::JournalError,
    preset::GenesisError,
    state::{CallError, StateError},
};

/// Why the engine could not start or not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The preset makes no genesis.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The runtime failed.
    #[error("the runtime failed: {0}")]
    Call(#[from] CallError),
    /// A state cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// The runtime answered something that cannot be decoded.
    #[error("the runtime's answer to {function} cannot be decoded: {reason}")]
    Answer {
        /// The runtime function.
        function: &'static str,
        /// What the decoder says.
        reason: String,
    },
    /// The runtime did not take the block's time.
    #[error("the block's inherent extrinsic was refused: {0}")]
    Inherent(String),
    /// The overlay's transactions do not pair up.
    #[error("state overlay: {0}")]
    Overlay(String),
    /// The header's state root differs from the trie's.
    #[error("the header's state root is not that of the state")]
    StateRoot,
    /// Block numbers are exhausted.
    #[error("block numbers are exhausted")]
    LastBlock,
    /// The journal's blocks come out differently now.
    #[error(
        "replaying {path}: block {number} comes out as {found:?} where {recorded:?} was recorded; \
         this program differs from the one that wrote it: use that one, or start anew with --reset"
    )]
    Replay {
        /// The journal.
        path: PathBuf,
        /// Height of the block.
        number: u32,
        /// What the journal says.
        recorded: H256,
        /// What came out.
        found: H256,
    },
    /// The journal names a block that it does not hold.
    #[error("replaying {path}: record {record} builds on a block that is not the head; start anew with --reset")]
    ReplayOrder {
        /// The journal.
        path: PathBuf,
        /// Position of the record, from 0.
        record: usize,
    },
    /// More blocks than there are.
    #[error("cannot revert {asked} blocks: the head is block {head}")]
    RevertTooFar {
        /// Blocks asked for.
        asked: u32,
        /// Height of the head.
        head: u32,
    },
    /// An upgrade to a version that is not newer.
    #[error("the runtime is at spec version {current}: give a higher one than {asked}")]
    UpgradeNotNewer {
        /// The version asked for.
        asked: u32,
        /// The version in force.
        current: u32,
    },
    /// The engine has stopped, by request or because its thread failed.
    #[error("the node has stopped")]
    Stopped,
    /// The thread could not be started.
    #[error("cannot start the engine's thread: {0}")]
    Thread(std::io::Error),
}
