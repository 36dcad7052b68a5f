//! The inference part of a window on the wire: all miners and all models at once, first with more and more requests at a
//! time, then with as many as served best.
//!
//! Everybody's first requests leave together and everybody's last tokens count until the same moment, so a device that
//! works for several hotkeys, or for several models, has no time of its own for any of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use incentive::inference::{Ramp, free_us, step_ms};
use incentive::policy::InferencePolicy;
use incentive::verdict::Fault;
use neuron_common::keystore::Keypair;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::audit::Answer;
use super::bank::Bank;
use super::models::Question;
use super::settle::{Asked, Heard, Hold, Silent, credits};
use super::stream::{self, Received};
use crate::dispatch::{self, Punctuality, Target};

/// From the decision to begin to the first request: time to start everybody's tasks.
const LEAD: Duration = Duration::from_millis(50);
/// From one request at a place to the next at least.
const TURN: Duration = Duration::from_millis(50);
/// How long a place rests at most, after requests that brought no token.
const REST: Duration = Duration::from_millis(800);

/// One miner and one model.
pub struct Lane {
    /// The miner.
    pub target: Target,
    /// What it is asked.
    pub bank: Arc<Bank>,
    /// This validator's part of the requests that it may be asked at once.
    pub streams: u32,
    /// Requests that lie ready for it. Held while the next one is fetched: a lane waits for one at a time.
    ready: Mutex<usize>,
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
    while now < times.hold && !heard.is_gone() {
        let until = (now + times.step).min(times.hold);
        let (answers, _) = load(&key, &lane, ramp.level(), until, &mut heard.silent).await;
        ramp.step(credits(&lane.bank.model().policy, &answers, until).0);
        heard.ramp.extend(answers);
        now = until;
    }
    heard.streams = ramp.best();
    if !heard.is_gone() {
        (heard.hold, heard.asked) = load(&key, &lane, heard.streams, times.end, &mut heard.silent).await;
    }
    (heard, late)
}

/// Keeps so many requests on their way until the time is over. The answers with tokens, in the order of their requests, and what
/// all requests asked for.
async fn load(
    key: &Arc<Keypair>,
    lane: &Arc<Lane>,
    level: u32,
    until: Instant,
    silent: &mut Silent,
) -> (Vec<Answer>, Asked) {
    let (mut places, mut answers, mut asked) = (JoinSet::new(), Vec::<Answer>::new(), Asked::default());
    let gone = Arc::new(AtomicBool::new(false));
    for _ in 0..level {
        places.spawn(place(Arc::clone(key), Arc::clone(lane), until, Arc::clone(&gone)));
    }
    while let Some(done) = places.join_next().await {
        let (more, said, wanted) = done.unwrap_or_default();
        answers.extend(more);
        silent.add(&said);
        asked.add(wanted);
    }
    answers.sort_by_key(|answer| answer.received.began);
    (answers, asked)
}

/// One request after the other at one place. After one that brought no token the place rests, longer each time: refusing costs a
/// miner nothing, and must cost the validator little.
async fn place(
    key: Arc<Keypair>,
    lane: Arc<Lane>,
    until: Instant,
    gone: Arc<AtomicBool>,
) -> (Vec<Answer>, Silent, Asked) {
    let (mut answers, mut silent, mut asked, mut rest) = (Vec::new(), Silent::default(), Asked::default(), TURN);
    while Instant::now() < until && !gone.load(Ordering::Relaxed) {
        let begun = Instant::now();
        let heard = ask(&key, &lane, until).await;
        heard.iter().for_each(|answer| asked.note(answer));
        let free = match heard {
            Some(answer) if answer.tokens() > 0 => {
                rest = TURN;
                // The time that the fastest device of the field would have taken.
                let free = Duration::from_micros(free_us(&lane.bank.model().policy, answer.tokens()));
                let free = (answer.received.began + free).max(begun + TURN);
                answers.push(answer);
                free
            }
            silence => {
                if let Some(answer) = silence {
                    silent.note(answer.received.end);
                    gone.fetch_or(silent.is_final(), Ordering::Relaxed);
                }
                rest = (rest * 2).min(REST);
                Instant::now() + rest
            }
        };
        sleep_until(free.min(until)).await;
    }
    (answers, silent, asked)
}

/// One request. `None` if there was none to make in time.
async fn ask(key: &Keypair, lane: &Lane, until: Instant) -> Option<Answer> {
    let Lane { target, bank, .. } = lane;
    let question = timeout_at(until, lane.question()).await.ok()??;
    let (model, probe) = (bank.model(), &question.probe);
    let begun = Instant::now();
    let received = match timeout_at(until, stream::connect(target)).await {
        Err(_over) => Received::nothing(begun, Fault::Unreachable),
        Ok(Err(fault)) => Received::nothing(begun, fault),
        Ok(Ok(line)) => {
            let request = stream::request(key, target, probe);
            stream::ask(line, request, probe.expected(model.vocabulary, model.context), until).await
        }
    };
    Some(Answer { question: Arc::new(question.sent()), received })
}

impl Lane {
    /// One miner and one model; `ready` requests of the bank are this lane's.
    #[must_use]
    pub fn new(target: Target, bank: Arc<Bank>, streams: u32, ready: usize) -> Self {
        Self { target, bank, streams, ready: Mutex::new(ready) }
    }

    /// The next request: of those that lie ready only its own part, so that no miner that answers fast and badly takes those
    /// of the others; then one that is made now, one lane after the other.
    async fn question(&self) -> Option<Question> {
        let mut ready = self.ready.lock().await;
        if let Some(left) = ready.checked_sub(1)
            && let Some(question) = self.bank.take()
        {
            *ready = left;
            return Some(question);
        }
        self.bank.make().await
    }
}
