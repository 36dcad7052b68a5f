//! When the common window of a subnet opens.
//!
//! Every miner and validator follows the chain and applies the rule of [`proof::window`] by itself; nobody announces it.

use std::time::Duration;

use incentive::policy::Policy;
use incentive::units::{Block, NetUid};
use proof::window::{admissible, opens};

use crate::chain::{BlockRef, Blocks, ChainClient, ChainError, Epoch};

/// How long to wait after the chain could not be asked.
const RETRY: Duration = Duration::from_secs(1);

/// A window that has opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenWindow {
    /// The block that opened it.
    pub block: BlockRef,
    /// What every challenge of this window is derived from: the hash of that block.
    pub nonce: [u8; 32],
    /// The block of the epoch before it; the tempo is counted from there.
    pub epoch_start: Block,
    /// The number of that epoch.
    pub epoch_index: u64,
    /// The finalized head when this was noticed: later than the block after a restart or an outage.
    pub noticed: Block,
}

/// Follows the chain and tells when a window opens: once per tempo. [`WindowClock::next`] is cancel safe.
pub struct WindowClock {
    chain: ChainClient,
    tempo: Tempo,
    feed: Option<Feed>,
    /// A block that was taken and not looked at yet.
    pending: Option<BlockRef>,
}

/// Where the blocks come from, and what is known about those that had passed already.
struct Feed {
    blocks: Blocks,
    head: Block,
    epoch: Epoch,
}

/// The rule, applied to one block after the other. Pure.
#[derive(Clone, Debug)]
struct Tempo {
    netuid: NetUid,
    reserve: u64,
    /// The epoch the current tempo started with, and whether its window has opened.
    current: Option<(Block, bool)>,
    /// The last block looked at.
    last: Option<Block>,
}

impl WindowClock {
    /// A clock for one subnet. It asks nothing of the chain before [`WindowClock::next`].
    #[must_use]
    pub fn new(chain: ChainClient, netuid: NetUid, policy: &Policy) -> Self {
        Self { chain, tempo: Tempo::new(netuid, policy), feed: None, pending: None }
    }

    /// The next window that opens; the one of the current tempo at once, if it has opened already.
    pub async fn next(&mut self) -> OpenWindow {
        loop {
            match self.step().await {
                Ok(Some(window)) => return window,
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(%error, "waiting for a window: trying again");
                    self.feed = None;
                    self.pending = None;
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    async fn step(&mut self) -> Result<Option<OpenWindow>, ChainError> {
        let Some(feed) = &mut self.feed else {
            self.feed = Some(backfill(&self.chain, self.tempo.netuid, self.tempo.last).await?);
            return Ok(None);
        };
        let block = match self.pending {
            Some(block) => block,
            None => *self.pending.insert(feed.blocks.next().await),
        };
        if self.tempo.last.is_some_and(|last| block.number <= last) {
            // A development chain was reverted: what was concluded from the old blocks is void.
            self.tempo.forget();
            self.feed = None;
            self.pending = None;
            return Ok(None);
        }
        let epoch =
            if block.number <= feed.head { feed.epoch } else { self.chain.epoch(self.tempo.netuid, block).await? };
        let noticed = block.number.max(feed.head);
        self.pending = None;
        Ok(self.tempo.look(block, epoch, noticed))
    }
}

/// Starts with the first block of the current tempo that was not looked at yet. The state is read at the head alone: the
/// blocks since the last epoch share it, and a node may have pruned theirs.
async fn backfill(chain: &ChainClient, netuid: NetUid, last: Option<Block>) -> Result<Feed, ChainError> {
    let head = chain.head().await?;
    let epoch = chain.epoch(netuid, head).await?;
    let first = last.map_or(epoch.last, |last| last.max(epoch.last)).after(1);
    Ok(Feed { blocks: chain.blocks_from(first), head: head.number, epoch })
}

impl Tempo {
    fn new(netuid: NetUid, policy: &Policy) -> Self {
        Self { netuid, reserve: u64::from(policy.window.reserve_blocks), current: None, last: None }
    }

    fn forget(&mut self) {
        self.current = None;
        self.last = None;
    }

    /// Looks at the next block. Blocks of a tempo must come in order and from its first on.
    fn look(&mut self, block: BlockRef, epoch: Epoch, noticed: Block) -> Option<OpenWindow> {
        self.last = Some(block.number);
        if self.current.is_none_or(|(start, _)| start != epoch.last) {
            self.current = Some((epoch.last, false));
        }
        let (start, opened) = self.current.as_mut()?;
        let offset = block.number.since(*start);
        let admissible = admissible(u64::from(epoch.tempo), self.reserve);
        // A subnet with tempo 0 has no epochs and so no windows.
        if *opened || epoch.tempo == 0 || !opens(&block.hash, self.netuid, offset, admissible) {
            return None;
        }
        *opened = true;
        let (epoch_start, epoch_index) = (*start, epoch.index);
        Some(OpenWindow { block, nonce: block.hash, epoch_start, epoch_index, noticed })
    }
}

#[cfg(test)]
mod tests;
