//! The search for one extrinsic in finalized blocks: the only witness of what became of it.
//!
//! One search runs on one connection and along one chain: each block must follow on the one before. So the blocks of nodes
//! that disagree are never mixed, and a node that lags cannot make an extrinsic look expired.

use incentive::units::Block;
use subxt::config::Hasher as _;
use subxt::config::substrate::BlakeTwo256;
use subxt::utils::{AccountId32, H256};

use super::link::Link;
use super::{BlockRef, ChainError, SignedExtrinsic, blocks, node, rpc};

/// How far the search for one extrinsic has come.
pub struct Search<'a> {
    extrinsic: &'a SignedExtrinsic,
    /// The first block that was not searched yet.
    next: Block,
    /// The hash of the last block that was.
    last: Option<[u8; 32]>,
    /// The finalized head when blocks were last searched.
    head: Option<BlockRef>,
    /// Whether the node has thrown blocks away that had to be searched.
    gaps: bool,
}

/// Where an extrinsic was found.
pub struct Place {
    /// The block.
    pub block: BlockRef,
    /// Its place in the block.
    pub index: u32,
}

impl<'a> Search<'a> {
    /// Nothing is searched yet.
    pub const fn new(extrinsic: &'a SignedExtrinsic) -> Self {
        Self { extrinsic, next: extrinsic.born.after(1), last: None, head: None, gaps: false }
    }

    /// What is searched for.
    pub const fn extrinsic(&self) -> &'a SignedExtrinsic {
        self.extrinsic
    }

    /// Searches the finalized blocks that were not searched yet.
    ///
    /// # Errors
    /// If the node does not answer, or answers with blocks that do not follow on each other.
    pub async fn advance(&mut self, link: &Link) -> Result<Option<Place>, ChainError> {
        let head = blocks::head_of(link).await?;
        self.head = Some(head);
        while self.next <= head.number.min(self.extrinsic.mortal_until) {
            // A node behind a balancer may not know the newest blocks yet: they are asked for again.
            let Some(hash) = blocks::hash_of(link, self.next).await? else { break };
            let block = BlockRef { number: self.next, hash };
            if let Some(index) = self.look(link, block).await? {
                return Ok(Some(Place { block, index }));
            }
            self.next = self.next.after(1);
        }
        Ok(None)
    }

    /// Whether the extrinsic is in a block that is finalized by now.
    ///
    /// # Errors
    /// As [`Search::advance`].
    pub async fn peek(&self, link: &Link) -> Result<bool, ChainError> {
        let mut ahead = Self { ..*self };
        Ok(ahead.advance(link).await?.is_some())
    }

    async fn look(&mut self, link: &Link, block: BlockRef) -> Result<Option<u32>, ChainError> {
        let doing = "reading a block";
        let body = link.rpc.chain_get_block(Some(H256(block.hash))).await.map_err(rpc(doing))?;
        let before = self.last.replace(block.hash);
        let Some(body) = body.map(|details| details.block) else {
            self.gaps = true;
            return Ok(None);
        };
        if before.is_some_and(|before| before != body.header.parent_hash.0) {
            let message = format!("its block {} does not follow on the one before", block.number);
            return Err(ChainError::Node { doing, message });
        }
        let mut hashes = body.extrinsics.iter().map(|bytes| BlakeTwo256.hash(&bytes.0).0);
        Ok(hashes.position(|hash| hash == self.extrinsic.hash).and_then(|index| u32::try_from(index).ok()))
    }

    /// Whether every block was searched that could hold the extrinsic by its lifetime.
    pub fn is_over(&self) -> bool {
        self.next > self.extrinsic.mortal_until
    }

    /// # Errors
    /// [`ChainError::Expired`] or [`ChainError::NonceTaken`] once the extrinsic can never be included, with every block
    /// searched that could hold it.
    pub async fn still_possible(&self, link: &Link) -> Result<(), ChainError> {
        let Some(head) = self.head.filter(|head| self.is_over() || head.number < self.next) else { return Ok(()) };
        let at = link.online.at_block_hash_and_number(H256(head.hash), head.number.get()).await;
        let at = at.map_err(node("reading a block"))?;
        let account = AccountId32(self.extrinsic.signer.0);
        let used = at.tx().account_nonce(&account).await.map_err(node("reading the nonce"))?;
        let (call, until) = (self.extrinsic.call.clone(), Block(self.next.get().saturating_sub(1)));
        if used > self.extrinsic.nonce {
            return Err(ChainError::NonceTaken { call, nonce: self.extrinsic.nonce, until, complete: !self.gaps });
        }
        if self.is_over() { Err(ChainError::Expired { call, until }) } else { Ok(()) }
    }
}
