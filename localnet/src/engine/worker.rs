use std::{
    collections::VecDeque,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, TryRecvError},
    },
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use sp_core::H256;

use super::{
    Applied, Block, BlockBuilder, Chain, Command, EngineConfig, EngineError, Head, Reply, Seal, SubmitError,
    beacon::OwnBeacon, check_block, clock::Timekeeper, genesis::genesis, replay::replay, validate,
};
use crate::{
    journal::{Journal, Record},
    pool::{Candidate, Pool, Status, reason},
    preset::genesis_storage,
    runtime::upgrade::Upgrade,
};

/// After so many extrinsics in a row that found no room, the block is closed.
const FULL_STREAK: usize = 16;

/// The thread's state.
pub struct Worker {
    chain: Arc<Chain>,
    pool: Arc<Mutex<Pool>>,
    inbox: Receiver<Command>,
    journal: Option<Journal>,
    seal: Seal,
    clock: Timekeeper,
    beacon: OwnBeacon,
    self_check: bool,
    jobs: VecDeque<Job>,
    /// When the next block is due in interval mode.
    due: Instant,
    /// Extrinsics have arrived that instant mode has made no block for.
    submitted: bool,
}

/// Blocks to make on request. One at a time, so that other commands are heard in between.
struct Job {
    goal: Goal,
    reply: Reply,
}

enum Goal {
    Count(u32),
    Number(u32),
}

enum Event {
    Command(Command),
    /// A block of a job, of instant mode or of the interval is due.
    Block,
    /// The journal is to be forced to the disk.
    Sync,
    Closed,
}

impl Worker {
    /// Makes the genesis and replays the journal.
    pub fn open(config: &EngineConfig, inbox: Receiver<Command>) -> Result<Self, EngineError> {
        let chain = genesis(genesis_storage(&config.preset, config.block_ms)?)?;
        let journal = match &config.base_path {
            None => None,
            Some(base_path) => {
                let opened = Journal::open(base_path, chain.genesis().hash, config.reset)?;
                replay(&chain, &opened)?;
                Some(opened.journal)
            }
        };
        let pool = Pool::new(config.limits, chain.best().hash);
        Ok(Self {
            chain: Arc::new(chain),
            pool: Arc::new(Mutex::new(pool)),
            inbox,
            journal,
            seal: config.seal,
            clock: Timekeeper::new(config.clock, config.block_ms),
            beacon: OwnBeacon::new(),
            self_check: config.self_check,
            jobs: VecDeque::new(),
            due: Instant::now(),
            submitted: false,
        })
    }

    /// What the handles share with the thread.
    pub fn shared(&self) -> (Arc<Chain>, Arc<Mutex<Pool>>) {
        (Arc::clone(&self.chain), Arc::clone(&self.pool))
    }

    /// Works until stopped.
    pub fn run(mut self) {
        self.due = Instant::now() + self.interval().unwrap_or_default();
        let stopped = loop {
            match self.next_event() {
                Event::Command(Command::Stop { reply }) => break reply,
                Event::Closed => break None,
                Event::Command(command) => self.obey(command),
                Event::Block => self.block(),
                Event::Sync => self.sync(),
            }
        };
        self.sync();
        self.journal = None;
        if let Some(stopped) = stopped {
            stopped.send(()).ok();
        }
    }

    const fn interval(&self) -> Option<Duration> {
        match self.seal {
            Seal::Interval(ms) => Some(Duration::from_millis(ms)),
            Seal::Manual | Seal::Instant => None,
        }
    }

    fn next_event(&self) -> Event {
        match self.inbox.try_recv() {
            Ok(command) => return Event::Command(command),
            Err(TryRecvError::Disconnected) => return Event::Closed,
            Err(TryRecvError::Empty) => {}
        }
        if !self.jobs.is_empty() || self.submitted {
            return Event::Block;
        }
        let block = self.interval().map(|_| self.due);
        let sync = self.journal.as_ref().and_then(Journal::sync_due);
        let Some(until) = [block, sync].into_iter().flatten().min() else {
            return self.inbox.recv().map_or(Event::Closed, Event::Command);
        };
        match self.inbox.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(command) => Event::Command(command),
            Err(RecvTimeoutError::Disconnected) => Event::Closed,
            Err(RecvTimeoutError::Timeout) if Some(until) == block => Event::Block,
            Err(RecvTimeoutError::Timeout) => Event::Sync,
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Submitted => self.submitted |= self.seal == Seal::Instant,
            Command::Produce { count, reply } => self.jobs.push_back(Job { goal: Goal::Count(count), reply }),
            Command::AdvanceTo { number, reply } => self.jobs.push_back(Job { goal: Goal::Number(number), reply }),
            Command::Revert { count, reply } => drop(reply.send(self.revert(count))),
            Command::Withhold { pulses, reply } => {
                self.beacon.withheld = pulses;
                reply.send(Ok(self.chain.best().head())).ok();
            }
            Command::Upgrade { upgrade, reply } => drop(reply.send(self.upgrade(&upgrade))),
            Command::Stop { .. } => {}
        }
    }

    /// Makes the block that is due, for whomever it is due.
    fn block(&mut self) {
        let Some(mut job) = self.jobs.pop_front() else {
            self.seal();
            // A block that took longer than the interval delays the next one rather than piling up.
            self.due = (self.due + self.interval().unwrap_or_default()).max(Instant::now());
            return;
        };
        let left = match job.goal {
            Goal::Count(count) => count,
            Goal::Number(number) => number.saturating_sub(self.chain.best().header.number),
        };
        if left == 0 {
            job.reply.send(Ok(self.chain.best().head())).ok();
            return;
        }
        match self.author(false, None) {
            Err(error) => drop(job.reply.send(Err(error))),
            Ok(head) if left == 1 => drop(job.reply.send(Ok(head))),
            Ok(_) => {
                if let Goal::Count(count) = &mut job.goal {
                    *count -= 1;
                }
                self.jobs.push_front(job);
            }
        }
    }

    /// Makes the block that is due by the clock or by what has arrived.
    fn seal(&mut self) {
        let waiting = self.pool.lock().ready_len();
        if std::mem::take(&mut self.submitted) && waiting == 0 {
            return;
        }
        match self.author(self.interval().is_some(), None) {
            Err(error) => tracing::error!(%error, "no block made"),
            Ok(_) => {
                // What did not fit gets the next block at once, unless it never fits.
                let left = self.pool.lock().ready_len();
                self.submitted = self.seal == Seal::Instant && left > 0 && left < waiting;
            }
        }
    }

    /// Makes a block that ends with another runtime.
    fn upgrade(&mut self, upgrade: &Upgrade) -> Result<Head, EngineError> {
        let current = self.chain.state(&self.chain.best()).version()?.spec_version;
        if upgrade.spec_version <= current {
            return Err(EngineError::UpgradeNotNewer { asked: upgrade.spec_version, current });
        }
        self.author(false, Some(upgrade))
    }

    /// Makes a block of what is ready and makes it the head.
    fn author(&mut self, by_the_clock: bool, upgrade: Option<&Upgrade>) -> Result<Head, EngineError> {
        let parent = self.chain.best();
        let number = parent.header.number.saturating_add(1);
        let state = self.chain.state(&parent);
        let timestamp = self.clock.timestamp(&state, number, by_the_clock)?;
        let ready = self.pool.lock().ready();
        let mut builder = BlockBuilder::begin(&self.chain, &parent, timestamp, upgrade)?;
        let pulses = builder.report(self.beacon.reports(&state, number, timestamp)?)?;
        let (mut included, mut invalid, mut streak) = (Vec::new(), Vec::new(), 0);
        for (hash, extrinsic) in &ready {
            match builder.apply(extrinsic)? {
                Applied::Included => {
                    streak = 0;
                    included.push((*hash, Arc::clone(extrinsic)));
                }
                Applied::Early => {}
                Applied::Full => streak += 1,
                Applied::Invalid(reason) => invalid.push((*hash, reason)),
            }
            if streak == FULL_STREAK {
                break;
            }
        }
        let block = builder.finish()?;
        if self.self_check {
            check_block(&self.chain, &parent, &block)?;
        }
        let extrinsics = pulses.into_iter().chain(included.iter().map(|(_, bytes)| bytes.to_vec())).collect();
        self.record(&Record::Block {
            parent: parent.hash,
            timestamp,
            extrinsics,
            hash: block.hash,
            upgrade: upgrade.copied(),
        })?;
        Ok(self.publish(block, &included, invalid))
    }

    fn record(&mut self, block: &Record) -> Result<(), EngineError> {
        match &mut self.journal {
            Some(journal) => Ok(journal.append(block)?),
            None => Ok(()),
        }
    }

    /// The pool and the head change together, under the pool's lock: who validates sees both or neither.
    fn publish(&self, block: Arc<Block>, included: &[(H256, Arc<[u8]>)], invalid: Vec<(H256, String)>) -> Head {
        let head = block.head();
        let inherents = block.body.len() - included.len();
        let index = |position: usize| u32::try_from(inherents + position).unwrap_or(u32::MAX);
        let included: Vec<_> =
            included.iter().enumerate().map(|(position, (hash, _))| (*hash, index(position))).collect();
        let mut pool = self.pool.lock();
        self.chain.extend(block);
        pool.advance(head.hash, head.number, &included, invalid);
        head
    }

    fn revert(&mut self, count: u32) -> Result<Head, EngineError> {
        let head = self.chain.best().header.number;
        let number = head.checked_sub(count).ok_or(EngineError::RevertTooFar { asked: count, head })?;
        if let Some(journal) = &mut self.journal {
            journal.append(&Record::Revert { number })?;
        }
        let mut pool = self.pool.lock();
        let head = self.chain.truncate(number);
        let state = self.chain.state(&self.chain.best());
        for (bytes, watcher) in pool.restart(head.hash) {
            let hash = H256(sp_crypto_hashing::blake2_256(&bytes));
            match validate(&state, head.hash, &bytes) {
                Ok(Ok(validity)) => {
                    let candidate = Candidate { hash, bytes, validity, validated: head.number, watcher };
                    pool.insert(candidate).ok();
                }
                Ok(Err(SubmitError::Invalid(error))) => {
                    watcher.inspect(|watcher| watcher.tell(Status::Invalid(reason(error))));
                }
                Ok(Err(_)) | Err(_) => {
                    watcher.inspect(|watcher| watcher.tell(Status::Dropped));
                }
            }
        }
        Ok(head)
    }

    fn sync(&mut self) {
        if let Some(Err(error)) = self.journal.as_mut().map(Journal::sync) {
            tracing::error!(%error, "journal not on the disk");
        }
    }
}
