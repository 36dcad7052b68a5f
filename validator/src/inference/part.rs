//! The inference part of a window, in its order: everybody is asked at once, the form of all answers is looked at, a sample of
//! them is drawn and computed again, and each miner gets its verdict.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use incentive::inference::share;
use incentive::policy::InferencePolicy;
use incentive::task::ModelDigest;
use incentive::units::{Hotkey, Registration};
use incentive::verdict::Verdict;
use neuron_common::chain::Snapshot;
use neuron_common::keystore::Keypair;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::audit::Asker;
use super::bank::Bank;
use super::cases::{Case, claims, look_at_forms, outcomes};
use super::examiner::Examiner;
use super::models::Model;
use super::quiet::Quiet;
use super::sample::{self, Budget};
use super::settle::{Heard, Hold};
use super::window::{self, Lane};
use crate::dispatch::Target;
use crate::metrics::Metrics;
use crate::plan::Plan;
use crate::record::{Counts, Outcome, Work};
use crate::store::{Store, StoreError};

/// More answers of one class that are checked, after one of them was odd.
const SECOND_LOOKS: usize = 4;
/// Requests that lie ready for each place at which one may be sent.
const READY: usize = 8;

/// What the inference part needs.
pub struct Inference {
    /// Signs requests.
    pub key: Arc<Keypair>,
    /// What seeds are derived from.
    pub asker: Asker,
    /// The part's times, and the models.
    pub policy: InferencePolicy,
    /// Requests to each model that can be judged, in the order of the policy.
    pub banks: Vec<Arc<Bank>>,
    /// Models of the policy that cannot be judged: nobody is paid for them, and nobody loses anything.
    pub unjudged: Vec<ModelDigest>,
    /// Computes answers again; number `i` is the model of bank `i`.
    pub examiner: Examiner,
    /// Where evidence is kept.
    pub store: Store,
    /// What is counted.
    pub metrics: Metrics,
    /// How many of a hundred tokens are checked.
    pub audit_percent: u32,
    /// Tokens that the checks of a window may compute.
    pub budget_tokens: u32,
    /// How long the checks of a window may take.
    pub patience: Duration,
    /// How long the program may stand still while answers are timed.
    pub lag_limit: Duration,
    /// When no probes are sent.
    pub quiet: Quiet,
    /// Held by whoever changes what is remembered of miners.
    pub remembering: tokio::sync::Mutex<()>,
    /// Who answered in the last window: whom probes are sent to.
    pub serving: Mutex<BTreeSet<(usize, Registration)>>,
}

/// An answer that this validator failed to check; the log says why.
struct Unchecked;

/// What was heard in the inference part.
pub struct Part {
    /// Model, miner, and what it sent.
    heard: Vec<(usize, Target, Registration, Heard)>,
    hold: Hold,
    /// Whether this program stood still.
    stood_still: bool,
}

impl Inference {
    /// Asks everybody for answers of all models at once; takes ramp and hold.
    pub async fn ask(&self, snapshot: &Snapshot, targets: &[(Target, Registration)]) -> Part {
        let streams = own_streams(snapshot, &self.asker.own, self.policy.streams_max);
        let asked: Vec<_> = (0..self.banks.len())
            .flat_map(|model| targets.iter().map(move |(target, registration)| (model, *target, *registration)))
            .collect();
        let ready: Vec<_> = self.banks.iter().map(|bank| bank.ready() / targets.len().max(1)).collect();
        let lane = |(model, target, _): &(usize, Target, _)| {
            Lane::new(*target, Arc::clone(&self.banks[*model]), streams, ready[*model])
        };
        let lanes: Vec<_> = asked.iter().map(lane).collect();
        if ready.iter().any(|ready| *ready < streams as usize) {
            tracing::warn!(
                ?ready,
                streams,
                "fewer requests lie ready for a miner than it may be sent at once; the rest is made in the window"
            );
        }
        if lanes.is_empty() {
            return Part {
                heard: Vec::new(),
                hold: Hold { end: Instant::now(), ms: self.policy.hold_ms },
                stood_still: false,
            };
        }
        let (heard, hold, punctuality) = window::hold(&self.key, &self.policy, lanes).await;
        self.metrics.inference_window(punctuality.spread, punctuality.lag);
        let stood_still = punctuality.lag > self.lag_limit;
        if stood_still {
            tracing::warn!(lag = ?punctuality.lag, limit = ?self.lag_limit, "the program stood still while answers were timed: they are void");
        }
        let heard = asked
            .into_iter()
            .zip(heard)
            .map(|((model, target, registration), heard)| (model, target, registration, heard));
        Part { heard: heard.collect(), hold, stood_still }
    }

    /// Checks a sample and judges everybody.
    ///
    /// # Errors
    /// When evidence cannot be read or written.
    pub async fn judge(&self, part: Part, plan: &Plan, tempo: u16) -> Result<Vec<Outcome>, StoreError> {
        let mut found = self.without_asking(plan);
        if part.stood_still {
            found.extend(part.heard.iter().map(|(model, target, registration, heard)| {
                let counts = Counts { answers: heard.requests(), ..Counts::default() };
                self.outcome(*model, target, *registration, Verdict::Void, counts)
            }));
            return Ok(found);
        }
        let _alone = self.remembering.lock().await;
        let cases = self.cases(part.heard).await?;
        let started = Instant::now();
        let (cases, broken) = self.check(cases).await;
        self.metrics.checks(cases.iter().map(|case| u64::from(case.found.checked)).sum(), started.elapsed());
        let least = sample::least(tempo);
        let models: Vec<_> = self.models();
        let judged = outcomes(&models, &cases, part.hold, least, &broken);
        let unchecked = judged.iter().filter(|outcome| outcome.verdict == Verdict::Void).count();
        if unchecked > 0 {
            tracing::warn!(
                miners = unchecked,
                least,
                "answers could not be checked and are not scored: raise `inference.budget_tokens`, or see `validator check`"
            );
        }
        found.extend(judged);
        self.remember(cases, plan).await?;
        Ok(found)
    }

    /// Makes requests for the next window of this subnet with so many miners, until that window opens.
    pub async fn prepare(self: &Arc<Self>, snapshot: &Snapshot, miners: usize) {
        self.quiet.over().await;
        let streams = own_streams(snapshot, &self.asker.own, self.policy.streams_max);
        let wanted = miners.saturating_mul(streams as usize).saturating_mul(READY);
        let this = Arc::clone(self);
        let filled = tokio::task::spawn_blocking(move || {
            let go = || this.quiet.now().is_some();
            this.banks.iter().for_each(|bank| bank.fill(wanted, go));
        });
        if let Err(error) = filled.await {
            tracing::error!(%error, "making requests broke off: they are made when they are needed");
        }
    }

    /// The models that can be judged.
    #[must_use]
    pub fn models(&self) -> Vec<Arc<Model>> {
        self.banks.iter().map(|bank| Arc::clone(bank.model())).collect()
    }

    /// Who has no address is not asked, and models that cannot be judged are void for all.
    fn without_asking(&self, plan: &Plan) -> Vec<Outcome> {
        let outcome = |uid, registration, verdict, model: ModelDigest| {
            let work = Work::Inference { model, counts: Counts::default() };
            Outcome { uid, registration, verdict, work }
        };
        let judged = self.banks.iter().flat_map(|bank| {
            let model = bank.model().policy.digest;
            plan.decided.iter().map(move |decided| outcome(decided.uid, decided.registration, decided.verdict, model))
        });
        let unjudged = self.unjudged.iter().flat_map(|model| {
            let asked = plan.targets.iter().map(|(target, registration)| (target.uid, *registration));
            let all = asked.chain(plan.decided.iter().map(|decided| (decided.uid, decided.registration)));
            all.map(move |(uid, registration)| outcome(uid, registration, Verdict::Void, *model))
        });
        judged.chain(unjudged).collect()
    }

    fn outcome(
        &self,
        model: usize,
        target: &Target,
        registration: Registration,
        verdict: Verdict,
        counts: Counts,
    ) -> Outcome {
        let model = self.banks[model].model().policy.digest;
        Outcome { uid: target.uid, registration, verdict, work: Work::Inference { model, counts } }
    }

    /// What was heard, with what is remembered, after a look at the form of all answers.
    async fn cases(&self, heard: Vec<(usize, Target, Registration, Heard)>) -> Result<Vec<Case>, StoreError> {
        let (models, asker) = (self.models(), self.asker);
        self.store
            .run(move |store| {
                let mut cases = Vec::with_capacity(heard.len());
                for (model, target, registration, heard) in heard {
                    let memory = store.memory(&registration, &models[model].policy.digest)?;
                    cases.push(Case::new(model, target, registration, heard, memory));
                }
                look_at_forms(&models, &asker, &mut cases);
                Ok(cases)
            })
            .await
    }

    /// Draws a sample and computes it again, the first answer of everybody first. Also the models whose checks failed.
    async fn check(&self, mut cases: Vec<Case>) -> (Vec<Case>, BTreeSet<usize>) {
        let (models, end, mut broken) = (self.models(), Instant::now() + self.patience, BTreeSet::new());
        let mut budget = Budget::new(self.budget_tokens);
        let mut seed = [0; 32];
        if let Err(error) = getrandom::fill(&mut seed) {
            tracing::error!(%error, "the system gave no randomness: answers are not scored");
            return (cases, (0..models.len()).collect());
        }
        let drawn = sample::draw(&seed, &claims(&models, &cases, self.audit_percent), &mut budget);
        let most = drawn.iter().map(Vec::len).max().unwrap_or(0);
        for rank in 0..most {
            for (case, drawn) in cases.iter_mut().zip(&drawn) {
                let Some(&index) = drawn.get(rank) else { continue };
                if Instant::now() > end {
                    tracing::warn!(limit = ?self.patience, "the checks of this window take too long: the rest is left out; lower `inference.budget_tokens`");
                    return (cases, broken);
                }
                if let Err(Unchecked) = self.check_one(&models, case, index, drawn, &mut budget).await {
                    broken.insert(case.model);
                }
            }
        }
        (cases, broken)
    }

    /// Checks one answer, and after an odd one some more of its class. Whoever is refused already is not looked at any more.
    async fn check_one(
        &self,
        models: &[Arc<Model>],
        case: &mut Case,
        index: usize,
        drawn: &[usize],
        budget: &mut Budget,
    ) -> Result<(), Unchecked> {
        let again = self.examine(models, case, index).await?;
        if !again || case.found.fault.is_some() {
            return Ok(());
        }
        for index in case.alike(index, drawn).into_iter().take(SECOND_LOOKS) {
            if case.found.fault.is_none() && budget.spend_reserve(case.cost(index)) {
                self.examine(models, case, index).await?;
            }
        }
        Ok(())
    }

    async fn examine(&self, models: &[Arc<Model>], case: &mut Case, index: usize) -> Result<bool, Unchecked> {
        if case.found.fault.is_some() || case.is_checked(index) {
            return Ok(false);
        }
        let (Some(answer), model) = (case.answer(index), &models[case.model]) else { return Ok(false) };
        let bound = self.asker.bound(model, &case.target.hotkey, &answer.question);
        match self.examiner.examine(case.model, answer.clone(), bound).await {
            Ok(examined) => Ok(case.add(index, &model.table, &examined)),
            Err(error) => {
                tracing::error!(model = %model.policy.id, %error, "an answer could not be checked: this model is not scored in this window");
                Err(Unchecked)
            }
        }
    }

    /// Keeps what was learned, whatever becomes of the round.
    async fn remember(&self, cases: Vec<Case>, plan: &Plan) -> Result<(), StoreError> {
        let asked = plan.targets.iter().map(|(_, registration)| *registration);
        let current: BTreeSet<_> = asked.chain(plan.decided.iter().map(|decided| decided.registration)).collect();
        let models: Vec<_> = self.models().iter().map(|model| model.policy.digest).collect();
        let served = cases.iter().filter(|case| case.heard.all().any(|answer| answer.tokens() > 0));
        *self.serving.lock() = served.map(|case| (case.model, case.registration)).collect();
        self.store
            .run(move |store| {
                for (index, model) in models.iter().enumerate() {
                    let of_model = cases.iter().filter(|case| case.model == index);
                    let memories: Vec<_> = of_model.filter_map(Case::remembered).collect();
                    store.remember(model, &memories)?;
                }
                store.forget_departed(&current)
            })
            .await
    }
}

/// This validator's part of the requests that one miner is sent at once: by its stake among those that may ask.
fn own_streams(snapshot: &Snapshot, own: &Hotkey, streams_max: u32) -> u32 {
    let validators = snapshot.neurons.iter().filter(|neuron| neuron.validator_permit);
    let all = validators.map(|neuron| neuron.stake.get()).fold(0, u64::saturating_add);
    let own = snapshot.neuron(own).map_or(0, |neuron| neuron.stake.get());
    share(streams_max, own, all)
}
