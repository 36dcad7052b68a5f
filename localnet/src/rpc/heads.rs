use std::sync::Arc;

use tokio::sync::watch;

use crate::engine::{Block, Chain, Head};

/// How many blocks a follower that is behind takes at a time.
const STRIDE: usize = 64;

/// Follows the chain block by block. Whoever falls behind reads what it missed, so nothing is ever lost.
pub struct Heads {
    chain: Arc<Chain>,
    changes: watch::Receiver<Head>,
    last: Head,
}

/// What happened since the last look.
pub enum Step {
    /// Blocks on top of the last one, without gaps.
    Blocks(Vec<Arc<Block>>),
    /// The last block was taken back; this is the head now.
    Reverted(Arc<Block>),
}

impl Heads {
    /// Follows from the present head on.
    pub fn new(chain: Arc<Chain>) -> (Self, Arc<Block>) {
        let changes = chain.heads();
        let best = chain.best();
        let last = best.head();
        (Self { chain, changes, last }, best)
    }

    /// Waits until there is something new; `None` when the node has stopped.
    pub async fn next(&mut self) -> Option<Step> {
        loop {
            self.changes.borrow_and_update();
            match self.chain.after(self.last, STRIDE) {
                None => {
                    let best = self.chain.best();
                    self.last = best.head();
                    return Some(Step::Reverted(best));
                }
                Some(blocks) => {
                    if let Some(newest) = blocks.last() {
                        self.last = newest.head();
                        return Some(Step::Blocks(blocks));
                    }
                }
            }
            self.changes.changed().await.ok()?;
        }
    }
}
