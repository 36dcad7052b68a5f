//! The inference part of a window on the wire: all miners and all models at once, first with more and more requests at a
//! time, then with as many as served best.
//!
//! Everybody's first requests leave together and everybody's last tokens count until the same moment, so a device that
//! works for several hotkeys, or for several models, has no time of its own for any of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use incentive::inference::{Ramp, deadline_us, free_us};
use incentive::policy::InferencePolicy;
use incentive::verdict::Fault;
use neuron_common::keystore::Keypair;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::audit::Answer;
use super::bank::Bank;
use super::settle::{Heard, Hold};
use super::stream::{self, End, Received};
use crate::dispatch::{self, Punctuality, Target};

/// From the decision to begin to the first request: time to start everybody's tasks.
const LEAD: Duration = Duration::from_millis(50);
/// How long a place stays empty after a request that brought no token.
const REST: Duration = Duration::from_millis(250);

/// One miner and one model.
#[derive(Clone)]
pub struct Lane {
    /// The miner.
    pub target: Target,
    /// What it is asked.
    pub bank: Arc<Bank>,
    /// This validator's part of the requests that it may be asked at once.
    pub streams: u32,
}

/// When the parts of the part begin and end.
#[derive(Clone, Copy, Debug)]
struct Times {
    start: Instant,
    hold: Instant,
    end: Instant,
}

/// Who asks whom for what.
struct Driver {
    key: Arc<Keypair>,
    lane: Lane,
    /// Tokens that were in time, since the last step of the ramp.
    goodput: AtomicU64,
}

/// Asks all lanes at once. What each sent, in the order of the lanes, when the paid time ended, and how punctual this
/// program was.
pub async fn hold(key: &Arc<Keypair>, policy: &InferencePolicy, lanes: Vec<Lane>) -> (Vec<Heard>, Hold, Punctuality) {
    let start = Instant::now() + LEAD;
    let hold = start + Duration::from_millis(policy.ramp_ms.into());
    let times = Times { start, hold, end: hold + Duration::from_millis(policy.hold_ms.into()) };
    let tasks: Vec<_> = lanes
        .into_iter()
        .map(|lane| tokio::spawn(drive(Driver { key: Arc::clone(key), lane, goodput: AtomicU64::new(0) }, times)))
        .collect();
    sleep_until(start).await;
    let lag = tokio::spawn(dispatch::lag(times.end));
    let (mut heard, mut spread) = (Vec::with_capacity(tasks.len()), Duration::ZERO);
    for task in tasks {
        // A task that panicked is a defect of ours; the miner is not to blame, and not to be paid either.
        let (one, late) = task.await.unwrap_or_default();
        spread = spread.max(late);
        heard.push(one);
    }
    let punctuality = Punctuality { spread, lag: lag.await.unwrap_or_default() };
    (heard, Hold { end: times.end, ms: policy.hold_ms }, punctuality)
}

/// Steps that a ramp up to so many requests takes at most: each doubling once, and its halvings once.
fn steps(streams: u32) -> u32 {
    2 * (streams.max(1).ilog2() + 1) + 2
}

/// One lane from start to end, and how late it began.
async fn drive(driver: Driver, times: Times) -> (Heard, Duration) {
    let driver = Arc::new(driver);
    sleep_until(times.start).await;
    let late = times.start.elapsed();
    let mut ramp = Ramp::new(driver.lane.streams);
    let step = (times.hold - times.start) / steps(driver.lane.streams);
    let (raised, gone) = ask_many(&driver, times.hold, Load::Raised { ramp: &mut ramp, step }).await;
    // What was begun in the ramp is cut: tokens that a miner saved up there must not be let go in the time that is paid.
    let streams = ramp.best();
    let held = if gone { Vec::new() } else { ask_many(&driver, times.end, Load::Held(streams)).await.0 };
    (Heard { ramp: raised, hold: held, streams }, late)
}

/// How many requests at once.
enum Load<'a> {
    Raised { ramp: &'a mut Ramp, step: Duration },
    Held(u32),
}

impl Load<'_> {
    const fn level(&self) -> u32 {
        match self {
            Self::Raised { ramp, .. } => ramp.level(),
            Self::Held(streams) => *streams,
        }
    }
}

/// Keeps so many requests on their way until the time is over. All answers, and whether the miner has said that it does not
/// serve the model, after which nothing more is asked.
async fn ask_many(driver: &Arc<Driver>, until: Instant, mut load: Load<'_>) -> (Vec<Answer>, bool) {
    let (mut streams, mut answers, mut gone) = (JoinSet::new(), Vec::new(), false);
    let step = match &load {
        Load::Raised { step, .. } => *step,
        Load::Held(_) => until.saturating_duration_since(Instant::now()) + REST,
    };
    let mut turn = Instant::now() + step;
    while Instant::now() < until && !(gone && streams.is_empty()) {
        while streams.len() < load.level() as usize && !gone {
            streams.spawn(ask(Arc::clone(driver), until));
        }
        tokio::select! {
            Some(done) = streams.join_next(), if !streams.is_empty() => {
                let Ok(Some(answer)) = done else { continue };
                gone |= refuses_for_good(&answer);
                answers.push(answer);
            }
            () = sleep_until(turn) => {
                turn += step;
                if let Load::Raised { ramp, .. } = &mut load {
                    ramp.step(driver.goodput.swap(0, Ordering::Relaxed));
                }
            }
            () = sleep_until(until) => {}
        }
    }
    // They end at the same time.
    while let Some(done) = streams.join_next().await {
        answers.extend(done.ok().flatten());
    }
    answers.sort_by_key(|answer| answer.received.began);
    (answers, gone)
}

fn refuses_for_good(answer: &Answer) -> bool {
    matches!(answer.received.end, End::Fault(Fault::NotServed | Fault::UnsupportedVersion))
}

/// One request, and the rest of its place: the time that the fastest device of the field would have taken, or some pause
/// after a refusal.
async fn ask(driver: Arc<Driver>, until: Instant) -> Option<Answer> {
    let Lane { target, bank, .. } = &driver.lane;
    let question = timeout_at(until, bank.take()).await.ok()??;
    let (model, probe) = (bank.model(), &question.probe);
    let begun = Instant::now();
    let received = match timeout_at(until, stream::connect(target)).await {
        Err(_over) => Received::nothing(begun, Fault::NoAnswer),
        Ok(Err(fault)) => Received::nothing(begun, fault),
        Ok(Ok(line)) => {
            let prompt = u32::try_from(question.prompt.len()).unwrap_or(u32::MAX);
            let request = stream::request(&driver.key, target, probe);
            let arrived = |index, at| {
                let in_time = at <= deadline_us(&model.policy, prompt, index);
                driver.goodput.fetch_add(in_time.into(), Ordering::Relaxed);
            };
            stream::ask(line, request, probe.expected(model.vocabulary, model.context), until, arrived).await
        }
    };
    let tokens = u32::try_from(received.ids.len()).unwrap_or(u32::MAX);
    let free = if tokens == 0 {
        Instant::now() + REST
    } else {
        received.began + Duration::from_micros(free_us(&model.policy, tokens))
    };
    sleep_until(free.min(until)).await;
    Some(Answer { question, received })
}
