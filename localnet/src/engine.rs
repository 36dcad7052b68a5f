//! The engine: one thread that owns the head, builds blocks and writes the journal.
//!
//! - [`Chain`]: what everybody reads
//! - [`BlockBuilder`]: the runtime's part of a block, for authoring and for replay alike
//! - `worker`: the thread, its clock and its commands
//!
//! Extrinsics are validated on the caller's thread against the newest state and then put into the shared pool, so that
//! a long block does not hold up those who submit.

use std::{
    path::PathBuf,
    sync::{Arc, mpsc},
    thread,
};

use parity_scale_codec::Encode as _;
use parking_lot::Mutex;
use sp_core::H256;
use sp_runtime::transaction_validity::{TransactionSource, TransactionValidity, TransactionValidityError};
use tokio::sync::oneshot;

use crate::{
    pool::{Candidate, Limits, Pool, PoolError, Watcher},
    preset::Preset,
    runtime::upgrade::Upgrade,
    state::{CallError, GuardError, StackGuard, StateView, check_extrinsic},
};

mod beacon;
mod build;
mod chain;
mod clock;
mod error;
mod genesis;
mod replay;
mod worker;

pub use build::{Applied, BlockBuilder, check_block};
pub use chain::{Block, Chain, Head};
pub use clock::Clock;
pub use error::EngineError;

/// When blocks are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seal {
    /// Only when asked for.
    Manual,
    /// As soon as an extrinsic arrives.
    Instant,
    /// Every so many milliseconds.
    Interval(u64),
}

/// What an engine is made of.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// The genesis.
    pub preset: Preset,
    /// When blocks are made.
    pub seal: Seal,
    /// What time they carry.
    pub clock: Clock,
    /// Milliseconds per block as clients are told (`Aura.SlotDuration`).
    pub block_ms: u64,
    /// Where the journal lives; nothing is kept without.
    pub base_path: Option<PathBuf>,
    /// Whether to throw an old journal away.
    pub reset: bool,
    /// What the pool may hold.
    pub limits: Limits,
    /// Whether every block is executed a second time, as another node would.
    pub self_check: bool,
}

/// A running engine. Clones speak to the same one; it stops with [`Engine::stop`].
#[derive(Clone)]
pub struct Engine {
    chain: Arc<Chain>,
    pool: Arc<Mutex<Pool>>,
    commands: mpsc::Sender<Command>,
}

/// What the thread is asked to do.
enum Command {
    /// An extrinsic has arrived.
    Submitted,
    Produce {
        count: u32,
        reply: Reply,
    },
    AdvanceTo {
        number: u32,
        reply: Reply,
    },
    Revert {
        count: u32,
        reply: Reply,
    },
    /// Pulses of the own beacon are kept back from now on, or no longer.
    Withhold {
        pulses: bool,
        reply: Reply,
    },
    Upgrade {
        upgrade: Upgrade,
        reply: Reply,
    },
    Stop {
        /// Told when the journal is closed.
        reply: Option<oneshot::Sender<()>>,
    },
}

type Reply = oneshot::Sender<Result<Head, EngineError>>;

/// Why an extrinsic is not in the pool.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// It was not even looked at.
    #[error("the extrinsic {0}")]
    Guard(#[from] GuardError),
    /// The runtime says no.
    #[error("invalid: {}", crate::pool::reason(*.0))]
    Invalid(TransactionValidityError),
    /// The runtime failed.
    #[error("validation failed: {0}")]
    Call(#[from] CallError),
    /// The pool says no.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// The engine has stopped.
    #[error("the node has stopped")]
    Stopped,
}

impl Engine {
    /// Starts the thread; done when the journal is replayed.
    ///
    /// # Errors
    /// When there is no genesis, the journal cannot be used or the thread cannot start.
    pub async fn start(config: EngineConfig) -> Result<Self, EngineError> {
        let (commands, inbox) = mpsc::channel();
        let (ready, started) = oneshot::channel();
        let spawned =
            thread::Builder::new().name("localnet-engine".to_owned()).stack_size(StackGuard::BYTES).spawn(move || {
                match worker::Worker::open(&config, inbox) {
                    Err(error) => drop(ready.send(Err(error))),
                    Ok(worker) => {
                        if ready.send(Ok(worker.shared())).is_ok() {
                            worker.run();
                        }
                    }
                }
            });
        spawned.map_err(EngineError::Thread)?;
        let (chain, pool) = started.await.map_err(|_| EngineError::Stopped)??;
        Ok(Self { chain, pool, commands })
    }

    /// The blocks and states.
    #[must_use]
    pub const fn chain(&self) -> &Arc<Chain> {
        &self.chain
    }

    /// The waiting extrinsics.
    #[must_use]
    pub const fn pool(&self) -> &Arc<Mutex<Pool>> {
        &self.pool
    }

    /// Validates an extrinsic and puts it into the pool. Runs the runtime: call it on a thread with a large stack.
    ///
    /// # Errors
    /// When it is too long, malformed, invalid, a duplicate or there is no room.
    pub fn submit(&self, bytes: Vec<u8>, mut watcher: Option<Watcher>) -> Result<H256, SubmitError> {
        check_extrinsic(&self.chain.state(&self.chain.best()), &bytes)?;
        let hash = H256(sp_crypto_hashing::blake2_256(&bytes));
        let bytes: Arc<[u8]> = bytes.into();
        loop {
            if self.pool.lock().contains(hash) {
                return Err(PoolError::Duplicate(hash).into());
            }
            let head = self.chain.best();
            let validity = validate(&self.chain.state(&head), head.hash, &bytes)??;
            let mut pool = self.pool.lock();
            // A block came in between: what was valid before may be included by now.
            if pool.head() != head.hash {
                continue;
            }
            let candidate = Candidate {
                hash,
                bytes: Arc::clone(&bytes),
                validity,
                validated: head.header.number,
                watcher: watcher.take(),
            };
            pool.insert(candidate)?;
            break;
        }
        self.commands.send(Command::Submitted).map_err(|_| SubmitError::Stopped)?;
        Ok(hash)
    }

    /// Makes `count` blocks.
    ///
    /// # Errors
    /// When a block cannot be made or written down.
    pub async fn produce(&self, count: u32) -> Result<Head, EngineError> {
        self.ask(|reply| Command::Produce { count, reply }).await
    }

    /// Makes blocks until the head is at `number`; none when it is there already.
    ///
    /// # Errors
    /// When a block cannot be made or written down.
    pub async fn advance_to(&self, number: u32) -> Result<Head, EngineError> {
        self.ask(|reply| Command::AdvanceTo { number, reply }).await
    }

    /// Takes the last `count` blocks back. Their extrinsics are gone; those in the pool are validated again.
    ///
    /// # Errors
    /// When there are not so many blocks, or the journal cannot be written.
    pub async fn revert(&self, count: u32) -> Result<Head, EngineError> {
        self.ask(|reply| Command::Revert { count, reply }).await
    }

    /// Keeps the pulses of the chain's own beacon back, or lets them through again together with those that were
    /// missed.
    ///
    /// # Errors
    /// When the engine has stopped.
    pub async fn withhold_pulses(&self, pulses: bool) -> Result<Head, EngineError> {
        self.ask(|reply| Command::Withhold { pulses, reply }).await
    }

    /// Makes a block that ends with another runtime. What waits in the pool was signed for the one before.
    ///
    /// # Errors
    /// When the version does not rise, or the block cannot be made or written down.
    pub async fn upgrade(&self, upgrade: Upgrade) -> Result<Head, EngineError> {
        self.ask(|reply| Command::Upgrade { upgrade, reply }).await
    }

    /// Ends the thread after the block it is at and waits until the journal is on the disk and closed.
    pub async fn stop(&self) {
        let (reply, stopped) = oneshot::channel();
        if self.commands.send(Command::Stop { reply: Some(reply) }).is_ok() {
            stopped.await.ok();
        }
    }

    /// Asks the thread to end and does not wait.
    pub fn stop_soon(&self) {
        self.commands.send(Command::Stop { reply: None }).ok();
    }

    async fn ask(&self, command: impl FnOnce(Reply) -> Command) -> Result<Head, EngineError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).map_err(|_| EngineError::Stopped)?;
        answer.await.map_err(|_| EngineError::Stopped)?
    }
}

/// What the runtime says of an extrinsic on a state.
pub(crate) fn validate(
    state: &StateView,
    block: H256,
    extrinsic: &[u8],
) -> Result<Result<sp_runtime::transaction_validity::ValidTransaction, SubmitError>, CallError> {
    use parity_scale_codec::DecodeAll as _;
    let mut data = TransactionSource::External.encode();
    data.extend_from_slice(extrinsic);
    data.extend_from_slice(block.as_bytes());
    let answer = state.call("TaggedTransactionQueue_validate_transaction", &data)?;
    let validity = TransactionValidity::decode_all(&mut &*answer);
    let validity = validity.map_err(|error| CallError::Panicked(error.to_string()))?;
    Ok(validity.map_err(SubmitError::Invalid))
}
