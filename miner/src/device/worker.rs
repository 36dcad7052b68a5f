//! The worker process of one device: takes orders on standard input, reports on standard output, and ends with the miner.
//!
//! A fault of a card poisons the process that uses it and cannot be cleared inside it, so a card has a process of its own.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use incentive::policy::ComputePolicy;
use incentive::units::Hotkey;
use parking_lot::Mutex;
use proof::{Challenge, Digest, Opening, Sample, Solver, Weights};

use crate::device::DeviceName;
use crate::device::message::{self, ORDER_LIMIT, Order, Report, VERSION};
use crate::device::open::{ChainKernel, Device, open};

/// Chains at once: those of the two windows that a miner keeps, and of others that are just being dropped.
const SESSIONS: usize = 4 * ComputePolicy::CHAINS_MAX as usize;
/// How long rounds of an earlier worker are computed again for one opening. No validator waits longer.
const RESTORING: Duration = Duration::from_secs(20);
/// Windows whose weights are kept.
const WINDOWS: usize = 2;
/// Orders that wait for one chain: it is asked for one thing at a time, and then ended.
const QUEUE: usize = 4;

/// Serves until standard input is closed or the device fails. Signals that mean the miner do not end it: the miner does.
///
/// # Errors
/// When the device cannot be opened or has failed, or the orders are none; the miner has been told.
pub fn run(name: DeviceName) -> Result<ExitCode> {
    let reports = Arc::new(Reports(Mutex::new(Box::new(std::io::stdout()))));
    let served = open(name, NonZeroUsize::MIN)
        .and_then(|device| serve(std::io::stdin().lock(), &reports, device))
        .inspect_err(|error| reports.send(&Report::Fault(format!("{error:#}"))));
    served.map(|()| ExitCode::SUCCESS)
}

/// Where reports go. Chains report from threads of their own.
struct Reports(Mutex<Box<dyn Write + Send>>);

impl Reports {
    /// A miner that is gone needs no report, and its orders end with it.
    fn send(&self, report: &Report) {
        let _gone = message::write(&mut *self.0.lock(), report);
    }
}

/// What is asked of one chain.
enum Task {
    Round,
    Open(Vec<Sample>),
}

/// Weights of a window, made by the first chain that needs them.
type Shared = Arc<OnceLock<Option<Arc<Weights>>>>;

/// The chains that work.
struct Chains {
    device: Arc<dyn Device>,
    reports: Arc<Reports>,
    tasks: HashMap<u32, SyncSender<Task>>,
    /// The newest last.
    windows: Vec<(Digest, Shared)>,
}

fn serve(mut orders: impl Read, reports: &Arc<Reports>, device: Arc<dyn Device>) -> Result<()> {
    reports.send(&Report::Hello { version: VERSION.to_owned(), about: device.about() });
    let mut chains = Chains { device, reports: Arc::clone(reports), tasks: HashMap::new(), windows: Vec::new() };
    while let Some(order) = message::read(&mut orders, ORDER_LIMIT)? {
        match order {
            Order::Ping => reports.send(&Report::Pong),
            Order::Begin { session, hotkey, chain, challenge, roots } => {
                chains.begin(session, hotkey, chain, challenge, roots)?;
            }
            Order::Round(session) => chains.give(session, Task::Round)?,
            Order::Open { session, samples } => chains.give(session, Task::Open(samples))?,
            Order::End(session) => drop(chains.tasks.remove(&session)),
        }
    }
    Ok(())
}

impl Chains {
    fn begin(
        &mut self,
        session: u32,
        hotkey: Hotkey,
        chain: u16,
        challenge: Challenge,
        roots: Vec<Digest>,
    ) -> Result<()> {
        if self.tasks.len() >= SESSIONS || self.tasks.contains_key(&session) {
            bail!("session {session} was begun beside {} others", self.tasks.len());
        }
        let (tasks, inbox) = sync_channel(QUEUE);
        let (device, reports) = (Arc::clone(&self.device), Arc::clone(&self.reports));
        let weights = self.weights(&challenge);
        let work = move || -> Result<()> {
            let kernel = device.kernel()?;
            let weights = weights.get_or_init(|| Weights::frugal(&challenge).ok().map(Arc::new));
            let weights = weights.clone().context("a challenge of impossible dimensions")?;
            let solver = Solver::resume(weights, &hotkey, chain, &roots);
            Session { id: session, solver, kernel, reports }.work(&inbox)
        };
        let reports = Arc::clone(&self.reports);
        std::thread::Builder::new().name(format!("chain-{chain}")).spawn(move || {
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            if let Err(error) = outcome.unwrap_or_else(|_| Err(anyhow!("a chain panicked"))) {
                reports.send(&Report::Fault(format!("{error:#}")));
                // Nothing else in this process can be trusted, and no other thread waits for it.
                std::process::exit(1);
            }
        })?;
        self.tasks.insert(session, tasks);
        Ok(())
    }

    fn give(&self, session: u32, task: Task) -> Result<()> {
        let tasks = self.tasks.get(&session).with_context(|| format!("session {session} was never begun"))?;
        match tasks.try_send(task) {
            Ok(()) | Err(TrySendError::Disconnected(_)) => Ok(()),
            Err(TrySendError::Full(_)) => bail!("session {session} is asked before it has answered"),
        }
    }

    fn weights(&mut self, challenge: &Challenge) -> Shared {
        let id = challenge.id();
        if let Some((_, shared)) = self.windows.iter().find(|(known, _)| *known == id) {
            return Arc::clone(shared);
        }
        if self.windows.len() >= WINDOWS {
            self.windows.remove(0);
        }
        let shared = Shared::default();
        self.windows.push((id, Arc::clone(&shared)));
        shared
    }
}

/// One chain, on a thread of its own.
struct Session {
    id: u32,
    solver: Solver,
    kernel: Box<dyn ChainKernel>,
    reports: Arc<Reports>,
}

impl Session {
    fn work(mut self, inbox: &Receiver<Task>) -> Result<()> {
        while let Ok(task) = inbox.recv() {
            let report = match task {
                Task::Round => {
                    let round = self.solver.next_round(self.kernel.as_ref());
                    Report::Root(self.id, round.map(|round| round.root))
                }
                Task::Open(samples) => Report::Rows(self.id, self.open(&samples)),
            };
            // A result beside which a fault stands is none.
            if let Some(fault) = self.kernel.fault() {
                bail!("{fault}");
            }
            self.reports.send(&report);
        }
        Ok(())
    }

    fn open(&mut self, samples: &[Sample]) -> Option<Opening> {
        let since = Instant::now();
        for sample in samples.chunks(1) {
            self.solver.restore(self.kernel.as_ref(), sample).ok()?;
            if since.elapsed() > RESTORING {
                return None;
            }
        }
        let rows = self.solver.open(self.kernel.as_ref(), samples);
        rows.inspect_err(|error| drop(writeln!(std::io::stderr(), "{error}"))).ok().map(|rows| Opening { rows })
    }
}
