use std::sync::Arc;

use parity_scale_codec::DecodeAll as _;
use sp_core::{H256, storage::ChildInfo};
use sp_externalities::{Extensions, set_and_run_with_externalities};
use sp_state_machine::{Backend as _, Ext, IterArgs, TrieBackendBuilder};
use sp_trie::MerkleValue;
use sp_version::RuntimeVersion;

use super::{Backend, CallError, NodeStore, Overlay, call_in};

/// The state under one root, readable from any thread.
#[derive(Clone)]
pub struct StateView {
    store: Arc<NodeStore>,
    root: H256,
}

/// The trie could not be read; only a damaged store does that.
#[derive(Debug, Clone, thiserror::Error)]
#[error("state {root:?} cannot be read: {reason}")]
pub struct StateError {
    root: H256,
    reason: String,
}

/// A key and its value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// A stretch of keys to read.
#[derive(Clone, Copy)]
pub struct Page<'a> {
    /// What the keys start with.
    pub prefix: &'a [u8],
    /// Where to go on: only keys after this one.
    pub after: Option<&'a [u8]>,
    /// At most so many keys.
    pub count: usize,
}

impl StateView {
    /// The state under `root` in `store`.
    #[must_use]
    pub const fn new(store: Arc<NodeStore>, root: H256) -> Self {
        Self { store, root }
    }

    /// The backend that the state machine reads from.
    #[must_use]
    pub fn backend(&self) -> Backend {
        TrieBackendBuilder::new(Arc::clone(&self.store) as Arc<_>, self.root).build()
    }

    /// Runs a runtime function and forgets what it wrote.
    ///
    /// # Errors
    /// When the function does not exist or panics.
    pub fn call(&self, method: &str, data: &[u8]) -> Result<Vec<u8>, CallError> {
        call_in(&self.backend(), &mut Overlay::default(), method, data)
    }

    /// Looks at the state from within, as runtime code does, and forgets what was written.
    pub fn within<R>(&self, look: impl FnOnce() -> R) -> R {
        let (backend, mut overlay, mut extensions) = (self.backend(), Overlay::default(), Extensions::new());
        let mut externalities = Ext::new(&mut overlay, &backend, Some(&mut extensions));
        set_and_run_with_externalities(&mut externalities, look)
    }

    /// The runtime's version.
    ///
    /// # Errors
    /// When the trie is damaged.
    pub fn version(&self) -> Result<RuntimeVersion, CallError> {
        let answer = self.call("Core_version", &[])?;
        RuntimeVersion::decode_all(&mut &*answer).map_err(|error| CallError::Panicked(error.to_string()))
    }

    /// The value under a key.
    ///
    /// # Errors
    /// When the trie is damaged.
    pub fn value(&self, child: Option<&ChildInfo>, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        let backend = self.backend();
        match child {
            None => backend.storage(key),
            Some(child) => backend.child_storage(child, key),
        }
        .map_err(|error| self.error(error))
    }

    /// The hash of the value under a key.
    ///
    /// # Errors
    /// When the trie is damaged.
    pub fn hash(&self, child: Option<&ChildInfo>, key: &[u8]) -> Result<Option<H256>, StateError> {
        let backend = self.backend();
        match child {
            None => backend.storage_hash(key),
            Some(child) => backend.child_storage_hash(child, key),
        }
        .map_err(|error| self.error(error))
    }

    /// The Merkle value of the trie node closest below a key.
    ///
    /// # Errors
    /// When the trie is damaged.
    pub fn closest_merkle_value(&self, child: Option<&ChildInfo>, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        let backend = self.backend();
        let value = match child {
            None => backend.closest_merkle_value(key),
            Some(child) => backend.child_closest_merkle_value(child, key),
        };
        Ok(value.map_err(|error| self.error(error))?.map(|value| match value {
            MerkleValue::Node(node) => node,
            MerkleValue::Hash(hash) => hash.0.to_vec(),
        }))
    }

    /// Keys in order.
    ///
    /// # Errors
    /// When the trie is damaged.
    pub fn keys(&self, child: Option<&ChildInfo>, page: Page<'_>) -> Result<Vec<Vec<u8>>, StateError> {
        let backend = self.backend();
        let keys = backend.keys(arguments(child, page)).map_err(|error| self.error(error))?;
        keys.take(page.count).collect::<Result<_, _>>().map_err(|error| self.error(error))
    }

    /// Keys in order, with their values.
    ///
    /// # Errors
    /// When the trie is damaged.
    pub fn pairs(&self, child: Option<&ChildInfo>, page: Page<'_>) -> Result<Vec<Pair>, StateError> {
        let backend = self.backend();
        let pairs = backend.pairs(arguments(child, page)).map_err(|error| self.error(error))?;
        pairs.take(page.count).collect::<Result<_, _>>().map_err(|error| self.error(error))
    }

    /// The trie nodes that prove the values under `keys`.
    ///
    /// # Errors
    /// When the trie is damaged.
    pub fn proof(&self, keys: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, StateError> {
        let proof = sp_state_machine::prove_read(self.backend(), keys).map_err(|error| self.error(error))?;
        Ok(proof.into_iter_nodes().collect())
    }

    #[expect(clippy::needless_pass_by_value, reason = "errors come by value from map_err")]
    fn error(&self, reason: impl ToString) -> StateError {
        StateError { root: self.root, reason: reason.to_string() }
    }
}

fn arguments<'a>(child: Option<&ChildInfo>, page: Page<'a>) -> IterArgs<'a> {
    let mut arguments = IterArgs::default();
    arguments.prefix = Some(page.prefix);
    arguments.start_at = page.after;
    arguments.start_at_exclusive = true;
    arguments.child_info = child.cloned();
    arguments
}
