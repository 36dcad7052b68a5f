use std::sync::Arc;

use sp_core::H256;
use sp_runtime::transaction_validity::ValidTransaction;

use super::Watcher;

/// What a pool may hold.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Extrinsics.
    pub count: usize,
    /// Bytes of all extrinsics together.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { count: 8192, bytes: 64 << 20 }
    }
}

/// A validated extrinsic on its way into the pool.
#[derive(Debug)]
pub struct Candidate {
    /// BLAKE2 of the encoded extrinsic.
    pub hash: H256,
    /// The extrinsic with its length prefix.
    pub bytes: Arc<[u8]>,
    /// What the runtime says of it.
    pub validity: ValidTransaction,
    /// The block on whose state it was validated.
    pub validated: u32,
    /// Who wants to know what becomes of it.
    pub watcher: Option<Watcher>,
}

/// Where an extrinsic in the pool stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It can go into the next block.
    Ready,
    /// It waits for another one.
    Future,
}

/// An extrinsic in the pool.
pub(super) struct Entry {
    pub bytes: Arc<[u8]>,
    pub priority: u64,
    pub provides: Vec<Vec<u8>>,
    /// Only those that were neither in the state nor included since.
    pub requires: Vec<Vec<u8>>,
    /// How many of `requires` no ready extrinsic provides.
    pub missing: usize,
    /// Place in the order of the ready ones.
    pub place: Option<u64>,
    /// Arrival, for evicting the oldest of those that wait.
    pub arrival: u64,
    /// The last block that it may go into.
    pub until: u64,
    pub watcher: Option<Watcher>,
}

impl Entry {
    pub fn new(candidate: Candidate, arrival: u64) -> (H256, Self) {
        let Candidate { hash, bytes, validity, validated, watcher } = candidate;
        let entry = Self {
            bytes,
            priority: validity.priority,
            provides: validity.provides,
            requires: validity.requires,
            missing: 0,
            place: None,
            arrival,
            until: u64::from(validated).saturating_add(validity.longevity),
            watcher,
        };
        (hash, entry)
    }

    pub fn tell(&self, status: super::Status) {
        if let Some(watcher) = &self.watcher {
            watcher.tell(status);
        }
    }
}
