//! Finalized blocks, in order, without gaps, across lost connections.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::future::try_join_all;
use incentive::units::Block;
use subxt::SubstrateConfig;
use subxt::config::{Config, Header as _};
use subxt_rpcs::client::RpcSubscription;

use super::link::{Backoff, Link};
use super::{BlockRef, ChainClient, ChainError};

type Header = <SubstrateConfig as Config>::Header;

/// Hashes asked for at once when blocks were missed.
const BATCH: u64 = 32;

/// Blocks remembered to find out where a chain was rewritten.
const TRAIL: usize = 256;

/// An endless run of finalized blocks. [`Blocks::next`] is cancel safe.
pub struct Blocks {
    chain: ChainClient,
    /// What was handed out last, oldest first.
    trail: VecDeque<BlockRef>,
    /// Fetched and not handed out yet; follows on the trail.
    queue: VecDeque<BlockRef>,
    /// Where to start, when nothing was handed out yet.
    start: Option<Block>,
    /// The highest finalized block known.
    head: Option<Block>,
    heads: Option<(Arc<Link>, RpcSubscription<Header>)>,
    /// Whether the node must first be asked if it still knows the last block of the trail.
    unsure: bool,
}

impl ChainClient {
    /// Finalized blocks from the current one on.
    #[must_use]
    pub fn blocks(&self) -> Blocks {
        Blocks::new(self.clone(), None)
    }

    /// Finalized blocks from `first` on.
    #[must_use]
    pub fn blocks_from(&self, first: Block) -> Blocks {
        Blocks::new(self.clone(), Some(first))
    }
}

impl Blocks {
    fn new(chain: ChainClient, start: Option<Block>) -> Self {
        let (trail, queue) = (VecDeque::new(), VecDeque::new());
        Self { chain, trail, queue, start, head: None, heads: None, unsure: true }
    }

    /// The next finalized block; waits for it, reconnecting for as long as it takes.
    ///
    /// Numbers rise by one. Only if the node gives up blocks that it had called finalized (a development chain that is
    /// reverted) they are handed out again, with their new hashes.
    pub async fn next(&mut self) -> BlockRef {
        let mut backoff = Backoff::new();
        loop {
            if let Some(block) = self.queue.pop_front() {
                self.remember(block);
                return block;
            }
            if let Err(error) = self.advance().await {
                tracing::warn!(%error, "following the chain: trying again");
                self.heads = None;
                backoff.wait().await;
            }
        }
    }

    fn remember(&mut self, block: BlockRef) {
        if self.trail.len() == TRAIL {
            self.trail.pop_front();
        }
        self.trail.push_back(block);
    }

    /// One step: subscribe, wait for a head, or fetch what is missing up to it.
    async fn advance(&mut self) -> Result<(), ChainError> {
        if self.heads.as_ref().is_none_or(|(link, _)| link.is_lost()) {
            return self.subscribe().await;
        }
        let Some(head) = self.head else { return self.wait().await };
        if self.unsure {
            self.settle(head).await?;
        }
        let next = self.trail.back().map(|block| block.number.after(1)).or(self.start).unwrap_or(head);
        if next <= head { self.fetch(next, head).await } else { self.wait().await }
    }

    async fn subscribe(&mut self) -> Result<(), ChainError> {
        self.heads = None;
        self.unsure = true;
        let link = self.chain.link_patiently().await?;
        let heads = link.rpc.chain_subscribe_finalized_heads().await.map_err(super::rpc("following the chain"))?;
        let (head, _) = finalized(&link).await?;
        self.heads = Some((link, heads));
        self.reached(&head);
        Ok(())
    }

    /// Waits for the next head. A silent connection is asked now and then: it may be dead without having been closed.
    async fn wait(&mut self) -> Result<(), ChainError> {
        let poll = self.chain.timing().poll;
        let Some((link, heads)) = &mut self.heads else { return Ok(()) };
        let head = tokio::select! {
            header = heads.next() => match header {
                Some(Ok(header)) => header,
                Some(Err(_)) | None => {
                    link.give_up();
                    return Ok(());
                }
            },
            () = tokio::time::sleep(poll) => finalized(link).await?.0,
        };
        self.reached(&head);
        Ok(())
    }

    fn reached(&mut self, header: &Header) {
        let number = Block(header.number());
        let follows = self.trail.back().is_some_and(|last| {
            number == last.number.after(1) && header.parent_hash.0 == last.hash || number == last.number
        });
        self.unsure |= !follows;
        self.head = Some(number);
    }

    /// Is the node still on the chain that was followed so far?
    async fn settle(&mut self, head: Block) -> Result<(), ChainError> {
        let Some((link, _)) = &self.heads else { return Ok(()) };
        let link = link.clone();
        if let Some(last) = self.trail.iter().rev().find(|block| block.number <= head)
            && hash_of(&link, last.number).await? != Some(last.hash)
        {
            self.rewind(&link, head).await?;
        }
        self.unsure = false;
        Ok(())
    }

    async fn fetch(&mut self, first: Block, head: Block) -> Result<(), ChainError> {
        let Some((link, _)) = &self.heads else { return Ok(()) };
        let last = head.min(first.after(BATCH - 1));
        let numbers = first.get()..=last.get();
        let hashes = try_join_all(numbers.clone().map(|number| hash_of(link, Block(number)))).await?;
        // A node behind a balancer may not know the newest blocks yet: what it lacks is asked for again.
        let known =
            numbers.zip(hashes).map_while(|(number, hash)| Some(BlockRef { number: Block(number), hash: hash? }));
        self.queue.extend(known);
        if self.queue.is_empty() {
            self.head = None;
        }
        Ok(())
    }

    /// The node has other blocks than those handed out: go back to the last that both know.
    async fn rewind(&mut self, link: &Link, head: Block) -> Result<(), ChainError> {
        let before = self.trail.back().map(|block| block.number);
        while let Some(last) = self.trail.back().copied() {
            if last.number <= head && hash_of(link, last.number).await? == Some(last.hash) {
                break;
            }
            self.start = Some(last.number);
            self.trail.pop_back();
        }
        let kept = self.trail.back().map(|block| block.number);
        tracing::warn!(?before, ?kept, "the node has rewritten finalized blocks; following its new ones");
        Ok(())
    }
}

async fn finalized(link: &Link) -> Result<(Header, [u8; 32]), ChainError> {
    let doing = "reading the finalized head";
    let hash = link.rpc.chain_get_finalized_head().await.map_err(super::rpc(doing))?;
    let header = link.rpc.chain_get_header(Some(hash)).await.map_err(super::rpc(doing))?;
    let header =
        header.ok_or_else(|| ChainError::Node { doing, message: "it does not know its own head".to_owned() })?;
    Ok((header, hash.0))
}

/// The hash of the block of this number on the node's chain.
pub(super) async fn hash_of(link: &Link, number: Block) -> Result<Option<[u8; 32]>, ChainError> {
    let hash = link.rpc.chain_get_block_hash(Some(number.get().into())).await;
    Ok(hash.map_err(super::rpc("reading a block hash"))?.map(|hash| hash.0))
}

/// The finalized head.
pub(super) async fn head_of(link: &Link) -> Result<BlockRef, ChainError> {
    let (header, hash) = finalized(link).await?;
    Ok(BlockRef { number: Block(header.number()), hash })
}
