//! One round, top to bottom: the one place where what decides (pure) meets what acts.
//!
//! snapshot → plan → one common window → openings → answers of models → verification → verdicts → board

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use engine::Kernel;
use incentive::board::{Board, Window};
use incentive::policy::Policy;
use incentive::units::{Hotkey, NetUid, Registration};
use incentive::verdict::{Fault, Verdict};
use incentive::{score, units::Block};
use neuron_common::chain::{ChainClient, Snapshot};
use neuron_common::window::OpenWindow;
use proof::{Challenge, Weights};
use tokio::time::Instant;

use crate::dispatch::{self, Answer, Collected, Dispatch, Target};
use crate::inference::part::{Inference, Part};
use crate::metrics::Metrics;
use crate::plan::{Plan, plan, registration};
use crate::record::{Before, Outcome, VoidReason, Work, most_unreachable, without_endless_freeze};
use crate::store::{RoundEnd, RoundStart, Store, StoreError};

/// How many blocks after its opening a window may still be measured: who starts on the block itself gains the delay.
const LATE_BLOCKS: u64 = 2;
/// Bytes of rows that are recomputed at once.
const BATCH_BYTES: u64 = 16 << 20;

/// What a round needs.
#[derive(Clone)]
pub struct Rounds {
    /// The node.
    pub chain: ChainClient,
    /// The subnet.
    pub netuid: NetUid,
    /// The policy of the subnet.
    pub policy: Arc<Policy>,
    /// This validator.
    pub own: Hotkey,
    /// How miners are asked.
    pub dispatch: Dispatch,
    /// Where it is recorded.
    pub store: Store,
    /// What is counted.
    pub metrics: Metrics,
    /// How long the program may stand still during a window.
    pub lag_limit: Duration,
    /// Threads that check openings.
    pub threads: NonZeroUsize,
    /// How models are measured, where the policy pays for any.
    pub inference: Option<Arc<Inference>>,
}

/// What a round found out when it could be held.
struct Measured {
    snapshot: Snapshot,
    outcomes: Vec<Outcome>,
    secret: [u8; 32],
    /// What models answered, not judged yet, and who was asked.
    answers: Option<(Part, Plan)>,
}

impl Rounds {
    /// Holds the round of a window and records it. `None` if this window has its record already.
    ///
    /// # Errors
    /// When the database cannot be written: nothing was then recorded, and the round is void at the next start.
    pub async fn hold(&self, window: OpenWindow, unix_ms: u64) -> Result<Option<RoundEnd>, StoreError> {
        let started = Instant::now();
        let _quiet = self.inference.as_ref().map(|inference| inference.quiet.begin());
        let challenge = Challenge {
            genesis: self.chain.genesis(),
            netuid: self.netuid,
            block: window.block.number,
            nonce: window.nonce,
            compute: self.policy.compute.clone(),
        };
        // Reading the subnet and writing the record need no order between them, and the window is open already.
        let start = RoundStart {
            block: window.block.number,
            epoch: window.epoch_index,
            window: challenge.id(),
            nonce: window.nonce,
            policy: proof::policy_digest(&self.policy),
            started_ms: unix_ms,
        };
        let begin = self.store.run(move |store| store.begin_round(&start));
        let (subnet, begun) = tokio::join!(self.subnet(window), begin);
        if !begun? {
            return Ok(None);
        }
        let before = self.store.run(Store::before).await?;
        let mut measured = match subnet {
            Ok(snapshot) => self.measure(snapshot, challenge).await,
            Err(reason) => Err(reason),
        };
        if let Ok(measured) = &mut measured {
            self.judge_answers(measured).await?;
        }
        let took = started.elapsed();
        let end = self.judge(window.block.number, measured, &before, took).await?;
        self.metrics.round(end.void, &end.outcomes, took);
        Ok(Some(end))
    }

    /// Makes ready what the next window needs and what takes time, beside whoever goes on waiting for that window.
    pub async fn prepare(&self) {
        let Some(inference) = self.inference.clone() else { return };
        match self.chain.snapshot(self.netuid, None).await {
            Ok(snapshot) => {
                let miners = plan(&snapshot, &self.own).targets.len();
                tokio::spawn(async move { inference.prepare(&snapshot, miners).await });
            }
            Err(error) => tracing::warn!(%error, "the subnet cannot be read: requests are made when they are needed"),
        }
    }

    /// The subnet at the block of the window, unless that is long ago.
    async fn subnet(&self, window: OpenWindow) -> Result<Snapshot, VoidReason> {
        let lost = |error| {
            tracing::error!(%error, "the subnet cannot be read: the round is void");
            VoidReason::ChainLost
        };
        let read = self.chain.snapshot(self.netuid, Some(window.block.hash));
        let (head, snapshot) = tokio::try_join!(self.chain.head(), read).map_err(lost)?;
        if head.number.max(window.noticed).since(window.block.number) > LATE_BLOCKS {
            return Err(VoidReason::Missed);
        }
        let permit = snapshot.neuron(&self.own).is_some_and(|neuron| neuron.validator_permit);
        if permit { Ok(snapshot) } else { Err(VoidReason::NoPermit) }
    }

    /// Asks everybody at once, collects, opens, verifies.
    async fn measure(&self, snapshot: Snapshot, challenge: Challenge) -> Result<Measured, VoidReason> {
        let plan = plan(&snapshot, &self.own);
        let targets: Vec<Target> = plan.targets.iter().map(|(target, _)| *target).collect();
        let secret = secret()?;

        let (collected, punctuality) = self.dispatch.window(&targets, &challenge, &self.policy, &secret).await;
        self.metrics.window(punctuality.spread, punctuality.lag);
        if punctuality.lag > self.lag_limit {
            tracing::warn!(lag = ?punctuality.lag, limit = ?self.lag_limit, "the program stood still during the window");
            return Err(VoidReason::LoopLag);
        }
        let answers = dispatch::openings(&self.dispatch, &collected, &challenge, &self.policy, &secret).await;
        // After the openings, which a miner computes; before the verification, which this machine computes: neither may
        // stand beside answers that are timed.
        let heard = match &self.inference {
            Some(inference) => Some(inference.ask(&snapshot, &plan.targets).await),
            None => None,
        };
        let threads = self.threads;
        let verified = tokio::task::spawn_blocking(move || verify(&challenge, threads, collected, &answers));
        let verified = verified.await.map_err(|error| {
            tracing::error!(%error, "verification did not finish: the round is void");
            VoidReason::VerifierFailed
        })??;

        let registrations = plan.targets.iter().map(|(_, registration)| *registration);
        let asked =
            registrations.zip(verified).map(|(registration, (one, found))| self.outcome(registration, &one, found));
        let mut outcomes: Vec<Outcome> = plan.decided.iter().cloned().chain(asked).collect();
        outcomes.sort_by_key(|outcome| (outcome.uid, outcome.task()));
        Ok(Measured { snapshot, outcomes, secret, answers: heard.map(|heard| (heard, plan)) })
    }

    /// Adds the verdicts on the answers of models.
    async fn judge_answers(&self, measured: &mut Measured) -> Result<(), StoreError> {
        if let (Some(inference), Some((heard, plan))) = (&self.inference, measured.answers.take()) {
            measured.outcomes.extend(inference.judge(heard, &plan, measured.snapshot.tempo).await?);
            measured.outcomes.sort_by_key(|outcome| (outcome.uid, outcome.task()));
        }
        Ok(())
    }

    fn outcome(&self, registration: Registration, one: &Collected, found: Result<(), Fault>) -> Outcome {
        let rounds = one.rounds();
        let verdict = match found {
            Ok(()) => Verdict::Accepted(score::score(rounds, &self.policy)),
            Err(fault) => Verdict::Rejected(fault),
        };
        Outcome { uid: one.target.uid, registration, verdict, work: Work::Compute { rounds } }
    }

    /// Turns what was found into reputation, or into nothing if the round does not count, and records it.
    async fn judge(
        &self,
        block: Block,
        measured: Result<Measured, VoidReason>,
        before: &Before,
        took: Duration,
    ) -> Result<RoundEnd, StoreError> {
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let mut end = RoundEnd { block, void: None, outcomes: Vec::new(), secret: None, took_ms };
        let mut subnet = None;
        match measured {
            Err(reason) => end.void = Some(reason),
            Ok(Measured { snapshot, outcomes, secret, answers: _ }) => {
                end.void = most_unreachable(before, &outcomes).then_some(VoidReason::MostUnreachable);
                end.outcomes = outcomes;
                end.secret = Some(secret);
                subnet = Some(snapshot);
            }
        }
        let policy = Arc::clone(&self.policy);
        self.store
            .run(move |store| {
                let mut board = store.board()?;
                match (end.void, subnet) {
                    (None, Some(snapshot)) => record(store, &mut board, &mut end, &snapshot, &policy)?,
                    (_, _) => end.outcomes.iter_mut().for_each(|outcome| outcome.verdict = Verdict::Void),
                }
                store.end_round(&end, &board)?;
                Ok(end)
            })
            .await
    }
}

/// Lets the verdicts of a round that counts into the board.
fn record(
    store: &Store,
    board: &mut Board,
    end: &mut RoundEnd,
    snapshot: &Snapshot,
    policy: &Policy,
) -> Result<(), StoreError> {
    board.retain(snapshot.neurons.iter().map(registration));
    let window = Window { block: end.block, tempo: snapshot.tempo };
    for outcome in &mut end.outcomes {
        let task = outcome.task();
        let frozen = store.frozen(&outcome.registration, task)?;
        outcome.verdict = without_endless_freeze(outcome.verdict, frozen, policy.reputation.windows);
        board.record(outcome.registration, outcome.uid, (task, outcome.verdict), window, policy);
    }
    Ok(())
}

/// 32 bytes that nobody can know before the roots are in.
fn secret() -> Result<[u8; 32], VoidReason> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|error| {
        tracing::error!(%error, "the system gave no randomness: the round is void");
        VoidReason::VerifierFailed
    })?;
    Ok(secret)
}

/// What was collected, and whether the opened rows were right.
pub type Verified = Vec<(Collected, Result<(), Fault>)>;

/// Recomputes the opened rows of all miners, as many at once as memory allows. Blocks.
///
/// # Errors
/// [`VoidReason::VerifierFailed`] when the policy cannot be verified.
pub fn verify(
    challenge: &Challenge,
    threads: NonZeroUsize,
    collected: Vec<Collected>,
    answers: &[Result<Answer, Fault>],
) -> Result<Verified, VoidReason> {
    let compute = &challenge.compute;
    let weights = Weights::frugal(challenge).map_err(|error| {
        tracing::error!(%error, "the policy cannot be verified: the round is void");
        VoidReason::VerifierFailed
    })?;
    let rows = u64::from(compute.openings) * u64::from(compute.width);
    let at_once = usize::try_from(BATCH_BYTES / rows.max(1)).unwrap_or(usize::MAX).max(1);
    let kernel = Kernel::new(threads);
    let mut found = Vec::with_capacity(collected.len());
    for (collected, answers) in collected.chunks(at_once).zip(answers.chunks(at_once)) {
        found.extend(dispatch::verify(&weights, &kernel, collected, answers));
    }
    Ok(collected.into_iter().zip(found).collect())
}
