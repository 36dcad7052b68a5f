//! Weights go to the chain once per epoch, whatever happens in between.
//!
//! Not twice, by three guards of which each would do: nothing is signed for an epoch in which the chain shows weights; what is
//! signed is void if the hotkey has sent anything since that look ([`WeightsChain::sign`]); and until the fate of a signed
//! extrinsic is known, which is written down before it leaves, no other is signed. After a crash the same bytes leave again.
//!
//! Not never: what expired, or was refused for a reason that other bytes may avoid, is signed anew within its epoch.
//! [`decide`], [`fate`], [`missed`] and [`rival`] are pure; [`Submitter`] acts on them.

mod chain;
mod decide;
mod reveal;
pub mod rival;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use incentive::policy::Policy;
use incentive::units::{Block, Hotkey, NetUid};
use neuron_common::chain::{ChainError, Inclusion, SignedExtrinsic, SignedWeights, Snapshot};
use parity_scale_codec::{DecodeAll as _, Encode as _};
use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::watch;

use crate::metrics::Metrics;
use crate::store::{Begun, Intent, Store, StoreError, Submission};
use rival::{Known, Sight};

pub use chain::{Signed, WeightsChain};
pub use decide::{Decision, Past, Skip, decide, fate, missed};
pub use reveal::{REMEDY, judge};

/// The version key of the weights that this release writes; an owner may demand a higher one.
pub const WEIGHTS_VERSION: u64 = 1;

/// Why the last look ended without a submission, for the API.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The reason, in words with a remedy; `None` when nothing stands in the way.
    pub waiting_for: Option<String>,
    /// What the chain said about the hotkey when this process first looked.
    #[serde(skip)]
    start: Option<Sight>,
    /// The block with the weights of another process that submits with this hotkey.
    #[serde(skip)]
    rival: Option<Block>,
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
    /// The policy of the subnet: what each task is worth, and when an epoch's round is over.
    pub policy: Arc<Policy>,
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
    /// Submits once per epoch, after its round where that ends in time, until cancelled. `rounds` holds the window of the
    /// last one, `head` the block.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn run(
        &self,
        mut rounds: watch::Receiver<Option<Block>>,
        mut head: watch::Receiver<Block>,
    ) -> Result<(), StoreError> {
        let mut wait = Block(0);
        loop {
            let open = self.store.run(Store::open_intent).await?;
            let now = *head.borrow_and_update();
            self.watch_reveal(now).await?;
            let step = match open {
                Some(intent) => self.settle(&intent).await?,
                None if now >= wait => self.submit().await?,
                None => Step::Open,
            };
            match step {
                Step::Settled(_) => wait = Block(0),
                Step::Done => wait = Block(u64::MAX),
                Step::Wait(block) => wait = block,
                Step::Open => {}
            }
            tokio::select! {
                changed = rounds.changed() => {
                    if changed.is_err() { return Ok(()) }
                    rounds.borrow_and_update();
                    wait = Block(0);
                }
                changed = head.changed() => if changed.is_err() { return Ok(()) },
            }
        }
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
        if let Some(step) = self.beware(&snapshot).await? {
            return Ok(step);
        }
        let board = self.store.run(Store::board).await?;
        let past = Past {
            attempts: self.store.run(Store::last_attempts).await?,
            round: self.store.run(Store::last_round).await?.map_or(Block(0), |round| round.block),
        };
        let weights = match decide(&snapshot, &self.own, &board, &past, &self.policy) {
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
        let SignedWeights { extrinsic: signed, commit } = match self.chain.sign(&snapshot, &weights).await {
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
        match self.store.run(move |store| store.begin_intent(&written, commit.as_ref())).await? {
            Begun::Written => self.settle(&intent).await,
            // Somebody else wrote in between; what is there counts.
            Begun::Present | Begun::Blocked => Ok(Step::Open),
        }
    }

    /// Stops if another process submits with this hotkey.
    async fn beware(&self, snapshot: &Snapshot) -> Result<Option<Step>, StoreError> {
        let Some(neuron) = snapshot.neuron(&self.own) else { return Ok(None) };
        let (start, found) = {
            let status = self.status.lock();
            (status.start, status.rival)
        };
        if let Some(block) = found {
            self.note(Some(&Skip::Rival(block)));
            return Ok(Some(Step::Done));
        }
        let (landed, signed) = self.store.run(Store::own_weights).await?;
        let weights = neuron.last_update;
        if start.is_some_and(|start| Known { start, landed, signed }.explains(weights)) {
            return Ok(None);
        }
        let nonce = match self.chain.nonce(snapshot.block).await {
            Ok(nonce) => nonce,
            Err(error) => return Ok(Some(self.again(&error.to_string()))),
        };
        let now = Sight { weights, nonce };
        let start = *self.status.lock().start.get_or_insert(now);
        if !(Known { start, landed, signed }).contradicts(&now) {
            return Ok(None);
        }
        self.stop(weights);
        Ok(Some(Step::Done))
    }

    /// Stops submitting for as long as this process runs.
    fn stop(&self, block: Block) {
        self.status.lock().rival = Some(block);
        self.note(Some(&Skip::Rival(block)));
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
        if let (Submission::Expired, Err(error)) = (&fate, &outcome) {
            // Who used the number, if it was used? The chain's state tells.
            match self.chain.snapshot(self.netuid).await {
                Ok(snapshot) => {
                    let updated = snapshot.neuron(&self.own).map_or(Block(0), |neuron| neuron.last_update);
                    fate = missed(error, intent.born, updated);
                }
                Err(error) => return Ok(self.again(&error.to_string())),
            }
        }
        self.metrics.submission(fate.code(), fate.refusal().map(|(cause, _)| cause));
        let (written, ended) = (intent.clone(), fate.clone());
        self.store.run(move |store| store.end_intent(&written, &ended)).await?;
        Ok(self.tell(intent, fate, outcome))
    }

    /// Says what became of an intent.
    fn tell(&self, intent: &Intent, fate: Submission, outcome: Result<Inclusion, ChainError>) -> Step {
        let epoch = intent.epoch;
        let reason = outcome.err().map_or_else(String::new, |error| error.to_string());
        match &fate {
            Submission::Open => return self.again(&reason),
            Submission::Landed(block) => {
                self.note(None);
                tracing::info!(epoch, %block, neurons = intent.weights.uids.len(), "weights are on the chain");
            }
            Submission::Foreign(block) => self.stop(*block),
            Submission::Expired | Submission::Refused(..) | Submission::Failed(..) => {
                tracing::error!(epoch, reason, "the chain did not take a submission of this epoch");
                self.status.lock().waiting_for = Some(reason);
            }
        }
        Step::Settled(fate)
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
            self.metrics.submission(skip.code(), None);
            if skip.is_failure() {
                tracing::error!(reason = %skip, "no weights are submitted");
            } else {
                tracing::info!(reason = %skip, "no weights are submitted now");
            }
        }
        status.waiting_for = text;
    }
}
