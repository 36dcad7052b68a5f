use std::{
    collections::HashMap,
    hash::BuildHasherDefault,
    sync::atomic::{AtomicUsize, Ordering},
};

use hash_db::Prefix;
use parking_lot::RwLock;
use sp_core::H256;
use sp_state_machine::{BackendTransaction, DefaultError};
use sp_trie::{LayoutV1, empty_trie_root};

use super::Hasher;

/// Length of a node's hash in bytes.
const HASH_BYTES: usize = 32;

/// Keys are hashes already; their first bytes serve as well as hashing them again, and faster.
#[derive(Default)]
struct FirstBytes(u64);

impl std::hash::Hasher for FirstBytes {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Every trie node ever written, by hash.
#[derive(Default)]
pub struct NodeStore {
    nodes: RwLock<HashMap<H256, Box<[u8]>, BuildHasherDefault<FirstBytes>>>,
    bytes: AtomicUsize,
}

impl NodeStore {
    /// A store that holds the empty trie.
    #[must_use]
    pub fn new() -> Self {
        let store = Self::default();
        store.nodes.write().insert(Self::empty_root(), Box::new([0]));
        store
    }

    /// The root of the trie without keys.
    #[must_use]
    pub fn empty_root() -> H256 {
        empty_trie_root::<LayoutV1<Hasher>>()
    }

    /// Adds the nodes that a block created.
    pub fn commit(&self, mut transaction: BackendTransaction<Hasher>) {
        let mut nodes = self.nodes.write();
        for (key, (value, references)) in transaction.drain() {
            // The key is the node's path followed by its hash; the path is of no use here.
            let Some(hash) = key.len().checked_sub(HASH_BYTES).map(|start| H256::from_slice(&key[start..])) else {
                continue;
            };
            if references > 0 {
                let length = value.len();
                if nodes.insert(hash, value.into_boxed_slice()).is_none() {
                    self.bytes.fetch_add(length + HASH_BYTES, Ordering::Relaxed);
                }
            }
        }
    }

    /// Bytes of nodes and hashes held, without the map's own overhead.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }
}

impl sp_state_machine::Storage<Hasher> for NodeStore {
    fn get(&self, key: &H256, _prefix: Prefix<'_>) -> Result<Option<Vec<u8>>, DefaultError> {
        Ok(self.nodes.read().get(key).map(|node| node.to_vec()))
    }
}
