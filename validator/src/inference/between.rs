//! Probes between the windows: a few to each miner at times that nobody can foresee. What they show can lower the pay of the
//! next window and add to the evidence; it never raises anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use incentive::inference::deadline_us;
use incentive::units::{NetUid, Registration};
use incentive::verdict::Fault;
use neuron_common::chain::{ChainClient, Snapshot};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout_at};

use super::audit::{Answer, form};
use super::bank::Bank;
use super::models::Model;
use super::part::Inference;
use super::quiet::BEFORE;
use super::settle::probe_share;
use super::stream::{self, Received};
use super::traffic::gap_ms;
use crate::dispatch::Target;
use crate::plan::plan;

/// How long the subnet is taken to be as it was read.
const FRESH: Duration = Duration::from_secs(60);
/// How long to wait when there is nobody to ask, or the chain cannot be read.
const PAUSE: Duration = Duration::from_secs(1);
/// Probes on their way at once: bounds memory.
const AT_ONCE: usize = 64;
/// Times of a token after the last deadline, beyond which a token is worth nothing.
const PATIENCE: u64 = 16;

/// Sends probes for ever.
pub struct Prober {
    /// One probe after the other.
    pub probes: Arc<Probes>,
    /// The node.
    pub chain: ChainClient,
    /// The subnet.
    pub netuid: NetUid,
    /// From block to block.
    pub block_time: Duration,
    /// Of each miner and model in a tempo.
    pub probes_per_epoch: u32,
}

/// What probes are sent and judged with.
pub struct Probes {
    inference: Arc<Inference>,
    /// Tokens that the checks of probes have computed since the last window.
    spent: AtomicU64,
    /// Which time between two windows that is, by the count of quiet times.
    since: AtomicU64,
}

/// Whom to ask: number of the model, address, and who holds the place.
pub type Party = (usize, Target, Registration);

impl Prober {
    /// Sends probes for ever, to whoever answered in the last window.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub async fn run(self) -> Result<()> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| anyhow::anyhow!("the system gave no randomness: {error}"))?;
        let mut rng = ChaCha20Rng::from_seed(seed);
        let places = Arc::new(Semaphore::new(AT_ONCE));
        let mut read: Option<(Instant, Snapshot)> = None;
        loop {
            if read.as_ref().is_none_or(|(at, _)| at.elapsed() > FRESH) {
                match self.chain.snapshot(self.netuid, None).await {
                    Ok(snapshot) => read = Some((Instant::now(), snapshot)),
                    Err(error) => tracing::debug!(%error, "the subnet cannot be read: no probes"),
                }
            }
            let parties = read.as_ref().map(|(_, snapshot)| (self.probes.parties(snapshot), snapshot.tempo));
            let Some((parties, tempo)) = parties.filter(|(parties, _)| !parties.is_empty()) else {
                sleep(PAUSE).await;
                continue;
            };
            let epoch = u64::try_from(self.block_time.as_millis()).unwrap_or(u64::MAX).saturating_mul(tempo.into());
            let mean = epoch / (u64::from(self.probes_per_epoch.max(1)) * parties.len() as u64);
            sleep(Duration::from_millis(gap_ms(&mut rng, mean))).await;
            let party = parties[(rng.next_u64() % parties.len() as u64) as usize];
            let draw = rng.next_u32();
            if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
                let probes = Arc::clone(&self.probes);
                tokio::spawn(async move {
                    probes.send(party, draw).await;
                    drop(place);
                });
            }
        }
    }
}

impl Probes {
    /// Nothing was sent yet.
    #[must_use]
    pub const fn new(inference: Arc<Inference>) -> Self {
        Self { inference, spent: AtomicU64::new(0), since: AtomicU64::new(0) }
    }

    /// Who is there now and answered in the last window.
    fn parties(&self, snapshot: &Snapshot) -> Vec<Party> {
        let serving = self.inference.serving.lock();
        let targets = plan(snapshot, &self.inference.asker.own).targets;
        let of_model = |model: usize| targets.iter().map(move |(target, registration)| (model, *target, *registration));
        let all = (0..self.inference.banks.len()).flat_map(of_model);
        all.filter(|(model, _, registration)| serving.contains(&(*model, *registration))).collect()
    }

    /// One probe; `draw` decides whether it is checked. What a window disturbed says nothing.
    pub async fn send(&self, party: Party, draw: u32) {
        let inference = &self.inference;
        let Some(times) = inference.quiet.now() else { return };
        let Some(answer) = ask(inference, &inference.banks[party.0], &party.1).await else { return };
        sleep(BEFORE).await;
        if inference.quiet.now() != Some(times) {
            inference.metrics.probe("disturbed");
            return;
        }
        if self.since.swap(times, Ordering::Relaxed) != times {
            self.spent.store(0, Ordering::Relaxed);
        }
        if let Err(error) = self.judge(party, answer, draw, times).await {
            tracing::error!(%error, "what a probe showed could not be kept");
        }
    }

    async fn judge(&self, party: Party, mut answer: Answer, draw: u32, times: u64) -> Result<()> {
        let (model, target, registration) = party;
        let inference = &self.inference;
        let known = Arc::clone(inference.banks[model].model());
        let digest = known.policy.digest;
        let bound = inference.asker.bound(&known, &target.hotkey, &answer.question);
        let mut wrong = form(&known, &answer, &bound).err();
        answer.forget_surplus();
        let share = probe_share(&known.policy, &answer);
        let _alone = inference.remembering.lock().await;
        // Others may have been before it: in a window this machine checks nothing.
        if inference.quiet.now() != Some(times) {
            inference.metrics.probe("disturbed");
            return Ok(());
        }
        let mut memory = inference.store.run(move |store| store.memory(&registration, &digest)).await?;
        let ppm = memory.audit_ppm(inference.audit_percent * 10_000);
        let drawn = u64::from(draw) * 1_000_000 < u64::from(ppm) << 32;
        if wrong.is_none() && answer.tokens() > 0 && drawn && self.spend(&answer) {
            let examined = inference.examiner.examine(model, answer.clone(), bound).await?;
            wrong = memory.add(&known.table, &examined).fault;
        }
        memory.probe(share, wrong);
        inference.metrics.probe(wrong.or(answer.received.fault()).map_or("answered", Fault::code));
        Ok(inference.store.run(move |store| store.remember(&digest, &[(registration, memory)])).await?)
    }

    /// Whether the check of an answer fits the budget between two windows.
    fn spend(&self, answer: &Answer) -> bool {
        let cost = u64::from(answer.tokens()) + u64::from(answer.prompt_tokens());
        let most = u64::from(self.inference.budget_tokens);
        let fits = |spent: u64| spent.checked_add(cost).filter(|all| *all <= most);
        self.spent.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok()
    }
}

/// One request to a miner that is asked nothing else.
async fn ask(inference: &Inference, bank: &Arc<Bank>, target: &Target) -> Option<Answer> {
    let question = bank.make().await?;
    let (model, probe) = (bank.model(), &question.probe);
    let begun = Instant::now();
    let end = begun + last_moment(model, &question.prompt, probe.answer_tokens);
    let received = match timeout_at(end, stream::connect(target)).await {
        Err(_over) => Received::nothing(begun, Fault::Unreachable),
        Ok(Err(fault)) => Received::nothing(begun, fault),
        Ok(Ok(line)) => {
            let request = stream::request(&inference.key, target, probe);
            stream::ask(line, request, probe.expected(model.vocabulary, model.context), end).await
        }
    };
    Some(Answer { question: Arc::new(question.sent()), received })
}

/// After it no token of an answer is worth anything.
fn last_moment(model: &Model, prompt: &[u32], answer_tokens: u32) -> Duration {
    let prompt = u32::try_from(prompt.len()).unwrap_or(u32::MAX);
    let late = u64::from(model.policy.token_us) * PATIENCE;
    Duration::from_micros(deadline_us(&model.policy, prompt, answer_tokens).saturating_add(late))
}
