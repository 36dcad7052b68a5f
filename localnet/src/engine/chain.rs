use std::{collections::HashMap, sync::Arc};

use parking_lot::RwLock;
use sp_core::H256;
use tokio::sync::watch;

use crate::{
    runtime::Header,
    state::{NodeStore, StateView},
};

/// A block as it is kept: for ever, since any of them may be asked for.
#[derive(Debug)]
pub struct Block {
    /// BLAKE2 of the encoded header.
    pub hash: H256,
    /// The header.
    pub header: Header,
    /// The extrinsics, each encoded with its length prefix.
    pub body: Vec<Vec<u8>>,
}

impl Block {
    /// Where the block stands.
    #[must_use]
    pub const fn head(&self) -> Head {
        Head { number: self.header.number, hash: self.hash }
    }
}

/// Number and hash of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Height.
    pub number: u32,
    /// Hash.
    pub hash: H256,
}

/// What is known of the chain. One thread writes, everybody reads.
///
/// Followers keep the last block they saw and wait for [`Chain::heads`]: blocks they missed are read from here, so a
/// slow one loses nothing and costs nothing.
pub struct Chain {
    store: Arc<NodeStore>,
    genesis: Arc<Block>,
    index: RwLock<Index>,
    head: watch::Sender<Head>,
}

struct Index {
    by_number: Vec<Arc<Block>>,
    by_hash: HashMap<H256, Arc<Block>>,
}

impl Chain {
    /// A chain of one block, whose state is already in `store`.
    #[must_use]
    pub fn new(store: Arc<NodeStore>, genesis: Block) -> Self {
        let genesis = Arc::new(genesis);
        let index = Index {
            by_number: vec![Arc::clone(&genesis)],
            by_hash: HashMap::from([(genesis.hash, Arc::clone(&genesis))]),
        };
        let (head, _) = watch::channel(genesis.head());
        Self { store, genesis, index: RwLock::new(index), head }
    }

    /// Block 0.
    #[must_use]
    pub const fn genesis(&self) -> &Arc<Block> {
        &self.genesis
    }

    /// The newest block. It is final: nothing but a revert ever takes it back.
    #[must_use]
    pub fn best(&self) -> Arc<Block> {
        self.index.read().by_number.last().map_or_else(|| Arc::clone(&self.genesis), Arc::clone)
    }

    /// Any block that was ever built, also one that was reverted.
    #[must_use]
    pub fn block(&self, hash: H256) -> Option<Arc<Block>> {
        self.index.read().by_hash.get(&hash).cloned()
    }

    /// The block at a height.
    #[must_use]
    pub fn at(&self, number: u32) -> Option<Arc<Block>> {
        self.index.read().by_number.get(usize::try_from(number).ok()?).cloned()
    }

    /// At most `count` blocks after `last`, or `None` when `last` was reverted.
    #[must_use]
    pub fn after(&self, last: Head, count: usize) -> Option<Vec<Arc<Block>>> {
        let index = self.index.read();
        let position = usize::try_from(last.number).ok()?;
        if index.by_number.get(position)?.hash != last.hash {
            return None;
        }
        Some(index.by_number.iter().skip(position + 1).take(count).cloned().collect())
    }

    /// The state after a block.
    #[must_use]
    pub fn state(&self, block: &Block) -> StateView {
        StateView::new(Arc::clone(&self.store), block.header.state_root)
    }

    /// The store that all states live in.
    #[must_use]
    pub const fn store(&self) -> &Arc<NodeStore> {
        &self.store
    }

    /// Changes whenever the head does.
    #[must_use]
    pub fn heads(&self) -> watch::Receiver<Head> {
        self.head.subscribe()
    }

    /// Makes a child of the head the new head.
    pub(super) fn extend(&self, block: Arc<Block>) {
        let head = block.head();
        let mut index = self.index.write();
        index.by_hash.insert(block.hash, Arc::clone(&block));
        index.by_number.push(block);
        drop(index);
        self.head.send_replace(head);
    }

    /// Makes the block at `number` the head again. Block 0 stays.
    pub(super) fn truncate(&self, number: u32) -> Head {
        let mut index = self.index.write();
        index.by_number.truncate(usize::try_from(number).unwrap_or(usize::MAX).saturating_add(1));
        let head = index.by_number.last().map_or_else(|| self.genesis.head(), |block| block.head());
        drop(index);
        self.head.send_replace(head);
        head
    }
}
