//! The inference part of a window on the wire: all miners and all models at once, first with more and more requests at a
//! time, then with as many as served best.
//!
//! Everybody's first requests leave together and everybody's last tokens count until the same moment, so a device that
//! works for several hotkeys, or for several models, has no time of its own for any of them.

use std::sync::Arc;
use std::time::Duration;

use incentive::inference::{Ramp, free_us, step_ms};
use incentive::policy::InferencePolicy;
use incentive::verdict::Fault;
use neuron_common::keystore::Keypair;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::audit::Answer;
use super::bank::Bank;
use super::settle::{Heard, Hold, credits};
use super::stream::{self, End, Received};
use crate::dispatch::{self, Punctuality, Target};

/// From the decision to begin to the first request: time to start everybody's tasks.
const LEAD: Duration = Duration::from_millis(50);
/// How long a place stays empty after a request that brought no token.
const REST: Duration = Duration::from_millis(50);

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
    step: Duration,
    hold: Instant,
    end: Instant,
}

/// Asks all lanes at once. What each sent, in the order of the lanes, when the paid time ended, and how punctual this
/// program was.
pub async fn hold(key: &Arc<Keypair>, policy: &InferencePolicy, lanes: Vec<Lane>) -> (Vec<Heard>, Hold, Punctuality) {
    let start = Instant::now() + LEAD;
    let hold = start + Duration::from_millis(policy.ramp_ms.into());
    let end = hold + Duration::from_millis(policy.hold_ms.into());
    let tasks: Vec<_> = lanes
        .into_iter()
        .map(|lane| {
            let step = Duration::from_millis(step_ms(policy.ramp_ms, lane.streams).max(1).into());
            tokio::spawn(drive(Arc::clone(key), Arc::new(lane), Times { start, step, hold, end }))
        })
        .collect();
    sleep_until(start).await;
    let lag = tokio::spawn(dispatch::lag(end));
    let (mut heard, mut spread) = (Vec::with_capacity(tasks.len()), Duration::ZERO);
    for task in tasks {
        // A task that panicked is a defect of ours; the miner is not to blame, and not to be paid either.
        let (one, late) = task.await.unwrap_or_default();
        spread = spread.max(late);
        heard.push(one);
    }
    let punctuality = Punctuality { spread, lag: lag.await.unwrap_or_default() };
    (heard, Hold { end, ms: policy.hold_ms }, punctuality)
}

/// One lane from start to end, and how late it began.
async fn drive(key: Arc<Keypair>, lane: Arc<Lane>, times: Times) -> (Heard, Duration) {
    sleep_until(times.start).await;
    let late = times.start.elapsed();
    let (mut heard, mut ramp) = (Heard::default(), Ramp::new(lane.streams));
    let mut now = times.start;
    // Each step begins anew and ends for all its requests at once: only so is a load seen that the engine does not keep up with,
    // and no tokens can be saved up in the ramp and let go in the time that is paid.
    while now < times.hold {
        let until = (now + times.step).min(times.hold);
        let answers = load(&key, &lane, ramp.level(), until).await;
        ramp.step(credits(&lane.bank.model().policy, &answers, until).0);
        let gone = answers.iter().any(refuses_for_good);
        heard.ramp.extend(answers);
        if gone {
            return (heard, late);
        }
        now = until;
    }
    heard.streams = ramp.best();
    heard.hold = load(&key, &lane, heard.streams, times.end).await;
    (heard, late)
}

/// Keeps so many requests on their way until the time is over, and no longer than the miner says that it serves the model.
async fn load(key: &Arc<Keypair>, lane: &Arc<Lane>, level: u32, until: Instant) -> Vec<Answer> {
    let (mut streams, mut answers) = (JoinSet::new(), Vec::<Answer>::new());
    let mut gone = false;
    while Instant::now() < until && !(gone && streams.is_empty()) {
        while streams.len() < level as usize && !gone {
            streams.spawn(ask(Arc::clone(key), Arc::clone(lane), until));
        }
        // All of them end by themselves, at the latest at that time.
        if let Some(Ok(Some(answer))) = streams.join_next().await {
            gone |= refuses_for_good(&answer);
            answers.push(answer);
        }
    }
    while let Some(done) = streams.join_next().await {
        answers.extend(done.ok().flatten());
    }
    answers.sort_by_key(|answer| answer.received.began);
    answers
}

fn refuses_for_good(answer: &Answer) -> bool {
    matches!(answer.received.end, End::Fault(Fault::NotServed | Fault::UnsupportedVersion))
}

/// One request, and the rest of its place: the time that the fastest device of the field would have taken, or some pause
/// after a refusal.
async fn ask(key: Arc<Keypair>, lane: Arc<Lane>, until: Instant) -> Option<Answer> {
    let Lane { target, bank, .. } = lane.as_ref();
    let Ok(Some(question)) = timeout_at(until, bank.take()).await else {
        sleep_until(until.min(Instant::now() + REST)).await;
        return None;
    };
    let (model, probe) = (bank.model(), &question.probe);
    let begun = Instant::now();
    let received = match timeout_at(until, stream::connect(target)).await {
        Err(_over) => Received::nothing(begun, Fault::Unreachable),
        Ok(Err(fault)) => Received::nothing(begun, fault),
        Ok(Ok(line)) => {
            let request = stream::request(&key, target, probe);
            stream::ask(line, request, probe.expected(model.vocabulary, model.context), until).await
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
