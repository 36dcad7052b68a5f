//! Weights go to the chain at most once per epoch, whatever happens in between.
//!
//! The signed extrinsic is written down before it leaves. Until its fate is known nothing else is signed; after a crash
//! the same bytes leave again. [`decide`] and [`fate`] are pure; [`Submitter`] acts on them.

mod chain;
mod decide;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use incentive::units::{Block, Hotkey, NetUid};
use neuron_common::chain::SignedExtrinsic;
use parity_scale_codec::{DecodeAll as _, Encode as _};
use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::watch;

use crate::metrics::Metrics;
use crate::store::{Begun, Intent, Store, StoreError, Submission};

pub use chain::{Signed, WeightsChain};
pub use decide::{Decision, Past, Skip, decide, fate};

/// The version key of the weights that this release writes; an owner may demand a higher one.
pub const WEIGHTS_VERSION: u64 = 1;

/// Why the last look ended without a submission, for the API.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The reason, in words with a remedy; `None` when nothing stands in the way.
    pub waiting_for: Option<String>,
}

/// Brings weights to the chain.
#[derive(Clone)]
pub struct Submitter<C> {
    /// The node.
    pub chain: C,
    /// The subnet.
    pub netuid: NetUid,
    /// Genesis hash of its chain.
    pub genesis: [u8; 32],
    /// This validator.
    pub own: Hotkey,
    /// Blocks that the policy leaves between the last possible window and the epoch.
    pub reserve: u32,
    /// Where intents are written.
    pub store: Store,
    /// What is counted.
    pub metrics: Metrics,
    /// What the API shows.
    pub status: Arc<Mutex<Status>>,
}

/// What one look came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// An intent has its outcome.
    Settled(Submission),
    /// An intent is open: look again at the next block.
    Open,
    /// Nothing may be submitted before this block.
    Wait(Block),
    /// Nothing is to be submitted for this round.
    Done,
}

impl<C: WeightsChain> Submitter<C> {
    /// Submits after every round that ended, until cancelled. `rounds` holds the window of the last one, `head` the block.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn run(
        &self,
        mut rounds: watch::Receiver<Option<Block>>,
        mut head: watch::Receiver<Block>,
    ) -> Result<(), StoreError> {
        let round = *rounds.borrow_and_update();
        let mut due = self.is_due(round).await?;
        let mut wait = Block(0);
        loop {
            let open = self.store.run(Store::open_intent).await?;
            let now = *head.borrow_and_update();
            let step = match open {
                Some(intent) => self.settle(&intent).await?,
                None if due && now >= wait => self.submit().await?,
                None => Step::Open,
            };
            match step {
                Step::Settled(_) => {
                    let round = *rounds.borrow();
                    due = self.is_due(round).await?;
                }
                Step::Done => due = false,
                Step::Wait(block) => wait = block,
                Step::Open => {}
            }
            tokio::select! {
                changed = rounds.changed() => {
                    if changed.is_err() { return Ok(()) }
                    let round = *rounds.borrow_and_update();
                    (due, wait) = (self.is_due(round).await?, Block(0));
                }
                changed = head.changed() => if changed.is_err() { return Ok(()) },
            }
        }
    }

    /// Whether the last round is newer than the last submission.
    async fn is_due(&self, round: Option<Block>) -> Result<bool, StoreError> {
        let last = self.store.run(Store::last_intent).await?;
        Ok(round.is_some_and(|round| last.is_none_or(|(intent, _)| intent.born < round)))
    }

    /// Signs, writes down and submits the weights of now, if there is something to submit.
    ///
    /// # Errors
    /// When the database cannot be used; nothing has then left.
    pub async fn submit(&self) -> Result<Step, StoreError> {
        let snapshot = match self.chain.snapshot(self.netuid).await {
            Ok(snapshot) => snapshot,
            Err(error) => return Ok(self.again(&error.to_string())),
        };
        let board = self.store.run(Store::board).await?;
        let past = Past {
            submitted: self.store.run(Store::last_intent).await?.map(|(intent, _)| intent.epoch),
            round: self.store.run(Store::last_round).await?.map_or(Block(0), |round| round.block),
            reserve: self.reserve,
        };
        let weights = match decide(&snapshot, &self.own, &board, &past) {
            Decision::Submit(weights) => weights,
            Decision::Wait(block, skip) => {
                self.note(Some(&skip));
                return Ok(Step::Wait(block));
            }
            Decision::Skip(skip) => {
                self.note(Some(&skip));
                return Ok(Step::Done);
            }
        };
        let signed = match self.chain.sign(self.netuid, &weights).await {
            Ok(signed) => signed,
            Err(error) => return Ok(self.again(&error.to_string())),
        };
        let intent = Intent {
            genesis: self.genesis,
            netuid: self.netuid,
            epoch: snapshot.epoch_index,
            extrinsic: signed.encode(),
            hash: signed.hash,
            nonce: signed.nonce,
            born: signed.born,
            mortal_until: signed.mortal_until,
            weights,
        };
        let written = intent.clone();
        match self.store.run(move |store| store.begin_intent(&written)).await? {
            Begun::Written => self.settle(&intent).await,
            // Somebody else wrote in between; what is there counts.
            Begun::Present | Begun::Blocked => Ok(Step::Open),
        }
    }

    /// Submits the bytes of an intent, again if need be, and writes down what became of them.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn settle(&self, intent: &Intent) -> Result<Step, StoreError> {
        let signed = SignedExtrinsic::decode_all(&mut intent.extrinsic.as_slice())
            .map_err(|_| StoreError::Corrupt("a signed extrinsic"))?;
        let outcome = self.chain.submit(&signed).await;
        let mut fate = fate(&outcome);
        if fate == Submission::Expired {
            // The node may have thrown away the blocks that held it; the chain's state still tells.
            match self.chain.snapshot(self.netuid).await {
                Ok(snapshot) => {
                    let updated = snapshot.neuron(&self.own).map_or(Block(0), |neuron| neuron.last_update);
                    if updated > intent.born {
                        fate = Submission::Landed(updated);
                    }
                }
                Err(error) => return Ok(self.again(&error.to_string())),
            }
        }
        self.metrics.submission(fate.code());
        let (written, ended) = (intent.clone(), fate.clone());
        self.store.run(move |store| store.end_intent(&written, &ended)).await?;
        match (&fate, outcome) {
            (Submission::Landed(block), _) => {
                self.note(None);
                tracing::info!(epoch = intent.epoch, %block, neurons = intent.weights.uids.len(), "weights are on the chain");
            }
            (Submission::Open, Err(error)) => return Ok(self.again(&error.to_string())),
            (Submission::Open, Ok(_)) => return Ok(Step::Open),
            (Submission::Failed(_) | Submission::Expired, outcome) => {
                let reason = outcome.err().map_or_else(|| "expired".to_owned(), |error| error.to_string());
                tracing::error!(epoch = intent.epoch, reason, "the chain did not take the weights of this epoch");
                self.status.lock().waiting_for = Some(reason);
            }
        }
        Ok(Step::Settled(fate))
    }

    fn again(&self, reason: &str) -> Step {
        tracing::warn!(reason, "weights are not on the chain yet: trying again at the next block");
        self.status.lock().waiting_for = Some(reason.to_owned());
        Step::Open
    }

    fn note(&self, skip: Option<&Skip>) {
        let text = skip.map(ToString::to_string);
        let mut status = self.status.lock();
        if status.waiting_for != text
            && let Some(skip) = skip
        {
            self.metrics.submission(skip.code());
            if skip.is_failure() {
                tracing::error!(reason = %skip, "no weights are submitted");
            } else {
                tracing::info!(reason = %skip, "no weights are submitted now");
            }
        }
        status.waiting_for = text;
    }
}
