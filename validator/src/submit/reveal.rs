//! Whether the chain revealed what was committed.
//!
//! The chain drops a commit that it cannot open or apply without an event, so the weights themselves are the witness: from
//! the epoch of the reveal on they must be those of the commit.

use incentive::units::{Block, Uid, Weight};
use neuron_common::chain::Snapshot;

use super::{Submitter, WeightsChain};
use crate::store::{Committed, Reveal, Store, StoreError};

/// What an operator can do about a commit that was not revealed.
pub const REMEDY: &str = "check that the chain's beacon delivers (Drand.LastStoredRound grows), and that the hotkey kept its \
    uid, permit and stake until the reveal; the next commit counts again";

/// What became of a commit, seen at one block: `weights` are those of the validator that count there.
///
/// Weights equal to those of an earlier epoch count as revealed: nothing depends on which commit they came from.
#[must_use]
pub fn judge(committed: &Committed, now: &Snapshot, weights: &[(Uid, Weight)]) -> Reveal {
    let due = committed.reveal_epoch();
    if now.epoch_index < due {
        Reveal::Awaited
    } else if committed.weights.iter().eq(weights.iter().copied()) {
        Reveal::Revealed(now.block.number)
    } else if now.epoch_index > due {
        Reveal::Missed(now.block.number)
    } else {
        Reveal::Awaited
    }
}

impl<C: WeightsChain> Submitter<C> {
    /// Looks whether the oldest commit of unknown fate was revealed, once its time has come.
    ///
    /// # Errors
    /// When the database cannot be used. A node that does not answer is asked again at the next block.
    pub async fn watch_reveal(&self, head: Block) -> Result<Reveal, StoreError> {
        let Some(committed) = self.store.run(Store::awaited_commit).await? else { return Ok(Reveal::Awaited) };
        if head < committed.commit.reveal_block {
            return Ok(Reveal::Awaited);
        }
        let Some(reveal) = self.look(&committed).await else { return Ok(Reveal::Awaited) };
        let (hash, epoch) = (committed.hash, committed.epoch);
        match reveal {
            Reveal::Awaited => return Ok(reveal),
            Reveal::Revealed(block) => tracing::info!(epoch, %block, "the committed weights are revealed and count"),
            Reveal::Missed(block) => {
                tracing::error!(epoch, %block, remedy = REMEDY, "the chain did not reveal the weights of this epoch");
            }
        }
        self.metrics.reveal(reveal.code());
        self.store.run(move |store| store.end_commit(&hash, reveal)).await?;
        Ok(reveal)
    }

    /// `None` if the node does not answer.
    async fn look(&self, committed: &Committed) -> Option<Reveal> {
        let seen = async {
            let now = self.chain.snapshot(self.netuid).await?;
            let weights = match now.neuron(&self.own) {
                Some(neuron) => self.chain.weights(self.netuid, neuron.uid).await?,
                None => Vec::new(),
            };
            Ok(judge(committed, &now, &weights))
        };
        let seen: Result<_, neuron_common::chain::ChainError> = seen.await;
        seen.inspect_err(|error| tracing::debug!(%error, "the reveal cannot be looked for; trying at the next block"))
            .ok()
    }
}
