//! One window: solved once, streamed to every validator that asks, opened once for each.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, Weak, mpsc};
use std::time::{Duration, Instant};

use bytes::Bytes;
use incentive::policy::PolicyError;
use incentive::units::Hotkey;
use neuron_common::keystore::Keypair;
use neuron_common::wire::RootFrame;
use parking_lot::Mutex;
use proof::{Chain, Challenge, Commitment, Digest, OpenedRow, Opening, Sample, Weights};
use tokio::sync::{oneshot, watch};

use crate::metrics::Metrics;
use crate::work::{Work, Worker};

/// A window that this miner solves or has solved.
pub struct Run {
    challenge: Challenge,
    id: Digest,
    hotkey: Hotkey,
    /// All frames so far, and whether there will be more.
    frames: watch::Sender<Frames>,
    ends: Mutex<Ends>,
    validators: Mutex<HashMap<Hotkey, Seat>>,
    chains: Vec<mpsc::Sender<OpenOrder>>,
}

#[derive(Default)]
struct Frames {
    bytes: Vec<Bytes>,
    /// Chains that still work.
    open: usize,
}

/// When the work ends: a window after the last validator asked, at most two windows after the first.
struct Ends {
    at: Instant,
    latest: Instant,
}

/// What is kept of one validator.
struct Seat {
    secret_commitment: Digest,
    opened: bool,
}

struct OpenOrder {
    samples: Vec<Sample>,
    answer: oneshot::Sender<Option<Vec<OpenedRow>>>,
}

/// What a run works with.
#[derive(Clone, Copy)]
pub struct Solving<'a> {
    /// Who works, and signs.
    pub key: &'a Arc<Keypair>,
    /// What solves.
    pub work: &'a Arc<dyn Work>,
    /// Chains, each on a thread of its own.
    pub chains: u16,
    /// Counts rounds.
    pub metrics: &'a Metrics,
}

/// Why a validator gets no opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenRefusal {
    /// It never asked for the window.
    #[error("this validator did not ask for the window")]
    Stranger,
    /// It was answered already.
    #[error("the window was opened for this validator already")]
    Again,
    /// Its secret is not the one it committed to.
    #[error("the secret is not the one that the window request committed to")]
    WrongSecret,
    /// It counts rounds that were not sent.
    #[error("rounds are counted that this miner did not send")]
    Miscounted,
    /// The work cannot be opened.
    #[error("the work cannot be opened")]
    Unable,
}

impl Run {
    /// Starts to solve, one thread for each chain.
    ///
    /// # Errors
    /// When the challenge has impossible dimensions, or a thread cannot be started.
    pub fn start(challenge: Challenge, solving: &Solving<'_>, duration: Duration) -> anyhow::Result<Arc<Self>> {
        let Solving { key, work, chains, metrics } = *solving;
        let now = Instant::now();
        let id = challenge.id();
        let (orders, inboxes): (Vec<_>, Vec<_>) = (0..chains).map(|_| mpsc::channel()).unzip();
        let run = Arc::new(Self {
            id,
            hotkey: key.hotkey(),
            frames: watch::Sender::new(Frames { bytes: Vec::new(), open: usize::from(chains) }),
            ends: Mutex::new(Ends { at: now + duration, latest: now + 2 * duration }),
            validators: Mutex::default(),
            chains: orders,
            challenge,
        });
        // Every chain needs the same weights: the first thread makes them, the others wait.
        let weights = Arc::new(OnceLock::new());
        for (index, inbox) in (0..chains).zip(inboxes) {
            let chain = ChainThread {
                index,
                inbox,
                weights: Arc::clone(&weights),
                work: Arc::clone(work),
                key: Arc::clone(key),
                metrics: metrics.clone(),
                // The thread must not keep the run alive: when the run is dropped its inbox closes and the thread ends.
                run: Arc::downgrade(&run),
            };
            let challenge = run.challenge.clone();
            std::thread::Builder::new().name(format!("chain-{index}")).spawn(move || chain.run(&challenge))?;
        }
        Ok(run)
    }

    /// The window id.
    #[must_use]
    pub const fn id(&self) -> &Digest {
        &self.id
    }

    /// What is solved.
    #[must_use]
    pub const fn challenge(&self) -> &Challenge {
        &self.challenge
    }

    /// Computes, signs and publishes one round; false when the chain is at its end.
    fn round(&self, worker: &mut dyn Worker, chain: &mut Chain, key: &Keypair) -> bool {
        if Instant::now() >= self.ends.lock().at {
            return false;
        }
        let Some(root) = worker.next_round() else { return false };
        let head = chain.push(root);
        let (index, round) = (chain.index(), chain.rounds());
        let signature = key.sign(&proof::head_digest(&self.id, &self.hotkey, index, round, &head));
        let frame = RootFrame { chain: index, round, root, signature };
        self.frames.send_modify(|frames| frames.bytes.push(Bytes::copy_from_slice(&frame.encode())));
        true
    }

    /// Seats a validator and prolongs the work so that its window is covered. A second request of the same validator
    /// attaches to the same work; its first commitment stays.
    pub fn attach(&self, validator: Hotkey, secret_commitment: Digest, duration: Duration) {
        self.validators.lock().entry(validator).or_insert(Seat { secret_commitment, opened: false });
        let mut ends = self.ends.lock();
        ends.at = (Instant::now() + duration).max(ends.at).min(ends.latest);
    }

    /// The frames so far and then each as it comes, until the work ends.
    pub fn stream(&self) -> impl futures_util::Stream<Item = Result<Bytes, std::convert::Infallible>> + use<> {
        futures_util::stream::unfold((self.frames.subscribe(), 0), |(mut frames, sent)| async move {
            let chunk = {
                let state = frames.wait_for(|frames| frames.bytes.len() > sent || frames.open == 0).await.ok()?;
                Bytes::from(state.bytes[sent..].concat())
            };
            if chunk.is_empty() {
                return None;
            }
            let sent = sent + chunk.len() / RootFrame::LEN;
            Some((Ok(chunk), (frames, sent)))
        })
    }

    /// Opens what the validator's secret draws from the rounds that it counted.
    ///
    /// # Errors
    /// Says why not. Nothing is computed before all checks have passed.
    pub async fn open(
        &self,
        validator: &Hotkey,
        secret: &Digest,
        counted: &[u32],
    ) -> Result<(Vec<Sample>, Opening), OpenRefusal> {
        self.check_secret(validator, secret)?;
        let commitment = self.commitment(counted).ok_or(OpenRefusal::Miscounted)?;
        if let Some(seat) = self.validators.lock().get_mut(validator) {
            if seat.opened {
                return Err(OpenRefusal::Again);
            }
            seat.opened = true;
        }
        let samples = proof::sample(secret, &self.challenge, &commitment);
        let mut answers = Vec::with_capacity(self.chains.len());
        for (index, orders) in (0u16..).zip(&self.chains) {
            let own: Vec<Sample> = samples.iter().filter(|sample| sample.chain == index).copied().collect();
            let (answer, answered) = oneshot::channel();
            if !own.is_empty() {
                orders.send(OpenOrder { samples: own, answer }).map_err(|_| OpenRefusal::Unable)?;
                answers.push((index, answered));
            }
        }
        let mut opened = HashMap::new();
        for (index, answered) in answers {
            let rows = answered.await.ok().flatten().ok_or(OpenRefusal::Unable)?;
            opened.insert(index, rows.into_iter());
        }
        // Back in the order of the samples.
        let rows = samples.iter().map(|sample| opened.get_mut(&sample.chain)?.next()).collect::<Option<Vec<_>>>();
        Ok((samples, Opening { rows: rows.ok_or(OpenRefusal::Unable)? }))
    }

    fn check_secret(&self, validator: &Hotkey, secret: &Digest) -> Result<(), OpenRefusal> {
        let validators = self.validators.lock();
        let seat = validators.get(validator).ok_or(OpenRefusal::Stranger)?;
        if seat.opened {
            return Err(OpenRefusal::Again);
        }
        if proof::secret_commitment(secret) != seat.secret_commitment {
            return Err(OpenRefusal::WrongSecret);
        }
        Ok(())
    }

    /// The counted roots as they were sent; `None` when more are counted than were sent.
    fn commitment(&self, counted: &[u32]) -> Option<Commitment> {
        let frames = self.frames.borrow();
        let mut chains: Vec<Vec<Digest>> = vec![Vec::new(); self.chains.len()];
        if counted.len() > chains.len() {
            return None;
        }
        for frame in frames.bytes.iter().filter_map(|bytes| RootFrame::parse(bytes)) {
            let wanted = counted.get(usize::from(frame.chain)).copied().unwrap_or(0);
            if frame.round <= wanted {
                chains[usize::from(frame.chain)].push(frame.root);
            }
        }
        let complete = counted.iter().zip(&chains).all(|(wanted, roots)| roots.len() == *wanted as usize);
        complete.then_some(Commitment { hotkey: self.hotkey, chains })
    }
}

/// The thread of one chain.
struct ChainThread {
    index: u16,
    run: Weak<Run>,
    inbox: mpsc::Receiver<OpenOrder>,
    weights: Arc<OnceLock<Result<Arc<Weights>, PolicyError>>>,
    work: Arc<dyn Work>,
    key: Arc<Keypair>,
    metrics: Metrics,
}

/// Says that a chain works no more, also when its solver panics: otherwise its streams would never end.
struct Closing<'a>(&'a Weak<Run>);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        if let Some(run) = self.0.upgrade() {
            run.frames.send_modify(|frames| frames.open = frames.open.saturating_sub(1));
        }
    }
}

impl ChainThread {
    fn run(self, challenge: &Challenge) {
        let closing = Closing(&self.run);
        let weights = self.weights.get_or_init(|| Weights::frugal(challenge).map(Arc::new));
        let Ok(weights) = weights else { return };
        let mut worker = self.work.start(Arc::clone(weights), &self.key.hotkey(), self.index);
        self.solve(challenge, worker.as_mut());
        drop(closing);
        while let Ok(order) = self.inbox.recv() {
            order.answer(worker.as_mut());
        }
    }

    /// Works until the run is over or dropped. Openings come first: a validator whose window is over waits for its own
    /// while others prolong the work.
    fn solve(&self, challenge: &Challenge, worker: &mut dyn Worker) {
        let mut chain = Chain::new(challenge, &self.key.hotkey(), self.index);
        while self.run.upgrade().is_some_and(|run| run.round(worker, &mut chain, &self.key)) {
            self.metrics.round();
            while let Ok(order) = self.inbox.try_recv() {
                order.answer(worker);
            }
        }
    }
}

impl OpenOrder {
    fn answer(self, worker: &mut dyn Worker) {
        let _asker_gone = self.answer.send(worker.open(&self.samples));
    }
}
