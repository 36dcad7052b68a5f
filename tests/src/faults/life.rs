//! One process that submits, from its start to its death, with a database that outlives it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use incentive::board::{Board, Window};
use incentive::policy::Policy;
use incentive::task::Task;
use incentive::units::{Block, NetUid, Score, Uid, Weight};
use incentive::verdict::Verdict;
use incentive::weights::WeightVector;
use neuron_common::chain::{
    BlockRef, ChainClient, ChainConfig, ChainError, Inclusion, Role, SignedExtrinsic, SignedWeights, Snapshot, Timing,
    Value,
};
use neuron_common::keystore::Keypair;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;
use validator::metrics::Metrics;
use validator::store::{RoundEnd, RoundStart, Store};
use validator::submit::{Signed, Submitter, WeightsChain};

use super::world;

/// Who submits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The validator's submitter.
    Careful,
    /// Signs anew whenever something goes wrong or takes long, and remembers nothing: must be seen to double.
    Blind,
    /// Submits once per epoch and never looks back: must be seen to lose.
    Once,
}

/// What a process is started with.
#[derive(Clone)]
pub struct Start {
    /// Who it is.
    pub who: Who,
    /// Its endpoints.
    pub chain: ChainConfig,
    /// The subnet.
    pub netuid: NetUid,
    /// Its database.
    pub database: PathBuf,
    /// The last window that has ended.
    pub window: watch::Receiver<Block>,
    /// What the driver sees of it, and does to it.
    pub signals: Arc<Signals>,
}

/// What passes between a process and the driver.
#[derive(Debug, Default)]
pub struct Signals {
    /// The step before which it hangs, once: 0 sign, 1 write down, 2 send, 3 hear the answer.
    pub die_at: Mutex<Option<u8>>,
    /// The extrinsic that was written down and has no outcome yet.
    pub open: Mutex<Option<SignedExtrinsic>>,
}

/// A running process. It is killed when it is dropped.
pub struct Life {
    task: AbortOnDropHandle<()>,
    /// Why it does not submit, as its API would say; the last word counts.
    pub word: Arc<Mutex<String>>,
}

/// Short enough that a run of many blocks takes seconds, long enough for a busy machine.
const fn timing(finality: Duration) -> Timing {
    Timing {
        request: Duration::from_secs(3),
        patience: Duration::from_secs(10),
        finality,
        poll: Duration::from_millis(60),
    }
}

impl Life {
    /// Starts the process; it tries again for as long as it cannot connect, as a service would be started again.
    #[must_use]
    pub fn start(start: Start) -> Self {
        let word = Arc::new(Mutex::new(String::new()));
        let told = Arc::clone(&word);
        let task = async move {
            loop {
                let ended = match start.who {
                    Who::Careful => Box::pin(careful(&start, &told)).await,
                    Who::Blind => Box::pin(naive(&start, usize::MAX, Duration::from_millis(40))).await,
                    Who::Once => Box::pin(naive(&start, 1, Duration::from_secs(2))).await,
                };
                if let Err(error) = ended {
                    tracing::debug!(%error, "the process has ended");
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        Self { task: AbortOnDropHandle::new(tokio::spawn(task)), word }
    }

    /// Kills it, and waits until its database is free.
    pub async fn kill(self) {
        self.task.abort();
        let _cancelled = self.task.await;
    }
}

/// The validator without its rounds: they are recorded as measured when their window has ended.
async fn careful(start: &Start, word: &Mutex<String>) -> Result<()> {
    let key = Arc::new(world::validator()?);
    let chain = ChainClient::connect_with(&start.chain, Role::Validator, timing(Duration::from_secs(30))).await?;
    let snapshot = chain.snapshot(start.netuid, None).await?;
    let store = Store::open(&start.database)?;
    let (ended, rounds) = watch::channel(None);
    let (head, heads) = watch::channel(snapshot.block.number);
    let submitter = Submitter {
        genesis: chain.genesis(),
        chain: Mortal {
            signed: Signed { chain: chain.clone(), key: Arc::clone(&key) },
            signals: Arc::clone(&start.signals),
        },
        netuid: start.netuid,
        own: key.hotkey(),
        policy: Arc::new(Policy::dev()),
        store: store.clone(),
        metrics: Metrics::new(&mut prometheus_client::registry::Registry::default()),
        status: Arc::default(),
    };
    let status = Arc::clone(&submitter.status);
    let following = async {
        let mut blocks = chain.blocks();
        loop {
            head.send_replace(blocks.next().await.number);
            *word.lock() = status.lock().waiting_for.clone().unwrap_or_default();
        }
    };
    let measuring = async {
        let mut window = start.window.clone();
        loop {
            let block = *window.borrow_and_update();
            if let Some(block) = measured(&store, &snapshot, block)? {
                ended.send_replace(Some(block));
            }
            window.changed().await?;
        }
    };
    tokio::select! {
        done = submitter.run(rounds, heads) => Ok(done?),
        () = following => Ok(()),
        done = measuring => done,
    }
}

/// Records a round in which the miner passed, unless it is recorded; the window of the last round.
fn measured(store: &Store, snapshot: &Snapshot, block: Block) -> Result<Option<Block>> {
    let start = RoundStart { block, epoch: 0, window: [0; 32], nonce: [0; 32], policy: [0; 32], started_ms: 0 };
    if block == Block(0) || !store.begin_round(&start)? {
        return Ok(store.last_round()?.map(|round| round.block));
    }
    let miner = world::miner()?.hotkey();
    let mut board: Board = store.board()?;
    for neuron in snapshot.neurons.iter().filter(|neuron| neuron.hotkey == miner) {
        let window = Window { block, tempo: snapshot.tempo };
        let registration = validator::plan::registration(neuron);
        board.record(registration, neuron.uid, (Task::Compute, Verdict::Accepted(Score(8))), window, &Policy::dev());
    }
    store.end_round(&RoundEnd { block, void: None, outcomes: Vec::new(), secret: None, took_ms: 0 }, &board)?;
    Ok(Some(block))
}

/// A chain at which the process dies before a step.
struct Mortal {
    signed: Signed,
    signals: Arc<Signals>,
}

impl Mortal {
    /// From here on the process does nothing any more; the driver finds it so and starts another.
    async fn step(&self, step: u8) {
        let dies = self.signals.die_at.lock().take_if(|at| *at == step).is_some();
        if dies {
            std::future::pending::<()>().await;
        }
    }
}

impl WeightsChain for Mortal {
    async fn snapshot(&self, netuid: NetUid) -> Result<Snapshot, ChainError> {
        self.signed.snapshot(netuid).await
    }

    async fn nonce(&self, block: BlockRef) -> Result<u64, ChainError> {
        self.signed.nonce(block).await
    }

    async fn sign(&self, subnet: &Snapshot, weights: &WeightVector) -> Result<SignedWeights, ChainError> {
        self.step(0).await;
        let signed = self.signed.sign(subnet, weights).await;
        self.step(1).await;
        signed
    }

    async fn weights(&self, netuid: NetUid, uid: Uid) -> Result<Vec<(Uid, Weight)>, ChainError> {
        self.signed.weights(netuid, uid).await
    }

    async fn submit(&self, signed: &SignedExtrinsic) -> Result<Inclusion, ChainError> {
        *self.signals.open.lock() = Some(signed.clone());
        self.step(2).await;
        let done = self.signed.submit(signed).await;
        self.step(3).await;
        *self.signals.open.lock() = None;
        done
    }
}

/// A submitter without a memory: new bytes at every attempt.
async fn naive(start: &Start, attempts: usize, patience: Duration) -> Result<()> {
    let key = world::validator()?;
    let mut window = start.window.clone();
    let mut done = if start.who == Who::Once { *window.borrow() } else { Block(0) };
    loop {
        let block = *window.borrow_and_update();
        for _ in 0..attempts {
            if block <= done || weights(start, &key, patience).await.is_ok() {
                break;
            }
        }
        done = block;
        window.changed().await?;
    }
}

async fn weights(start: &Start, key: &Keypair, patience: Duration) -> Result<()> {
    let chain = ChainClient::connect_with(&start.chain, Role::Validator, timing(patience)).await?;
    let list = |value: u16| Value::unnamed_composite([Value::from(value)]);
    let arguments = vec![
        ("netuid".to_owned(), Value::from(start.netuid.get())),
        ("mecid".to_owned(), Value::from(0u8)),
        ("dests".to_owned(), list(2)),
        ("weights".to_owned(), list(u16::MAX)),
        ("version_key".to_owned(), Value::from(0u64)),
    ];
    chain.call(key, "SubtensorModule", "set_mechanism_weights", arguments).await?;
    Ok(())
}
