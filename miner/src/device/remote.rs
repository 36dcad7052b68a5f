//! Work that a worker process does. A chain whose worker has ended goes on at the next one: its roots are here, and whatever
//! else the worker knew can be computed from them.

use std::sync::Arc;
use std::time::Duration;

use incentive::units::Hotkey;
use proof::{Digest, OpenedRow, Sample, Weights};

use crate::device::link::Session;
use crate::device::message::{Order, Report};
use crate::device::supervisor::Supervisor;
use crate::work::{Work, Worker};

/// How long a chain waits for a worker whose device is open.
const PATIENCE: Duration = Duration::from_secs(20);
/// Workers that one chain may outlive; it may be the chain that ends them.
const LIVES: u32 = 3;

/// The chains of one device.
pub struct RemoteWork(Arc<Supervisor>);

impl RemoteWork {
    /// Chains at the worker that is watched over here.
    #[must_use]
    pub const fn new(supervisor: Arc<Supervisor>) -> Self {
        Self(supervisor)
    }
}

impl Work for RemoteWork {
    fn start(&self, weights: Arc<Weights>, hotkey: &Hotkey, chain: u16) -> Box<dyn Worker> {
        let supervisor = Arc::clone(&self.0);
        Box::new(RemoteChain {
            supervisor,
            weights,
            hotkey: *hotkey,
            chain,
            roots: Vec::new(),
            session: None,
            lives: 0,
        })
    }
}

/// One chain.
struct RemoteChain {
    supervisor: Arc<Supervisor>,
    weights: Arc<Weights>,
    hotkey: Hotkey,
    chain: u16,
    roots: Vec<Digest>,
    session: Option<Session>,
    /// Workers that it has had.
    lives: u32,
}

impl RemoteChain {
    /// Asks the worker, and the next one when that has ended meanwhile. `read` makes the answer of a report, if it is one.
    fn ask<T>(&mut self, order: impl Fn(u32) -> Order, read: impl Fn(Report) -> Option<T>) -> Option<T> {
        loop {
            if self.session.is_none() {
                self.session = Some(self.begin()?);
            }
            let session = self.session.as_ref()?;
            match session.ask(&order).map(&read) {
                Some(Some(answer)) => return Some(answer),
                Some(None) => session.refuse("an answer to another question"),
                None => {}
            }
            self.session = None;
        }
    }

    fn begin(&mut self) -> Option<Session> {
        while self.lives < LIVES {
            let link = self.supervisor.worker(PATIENCE)?;
            let begin = |session| Order::Begin {
                session,
                hotkey: self.hotkey,
                chain: self.chain,
                challenge: self.weights.challenge().clone(),
                roots: self.roots.clone(),
            };
            if let Some(session) = link.begin(begin) {
                self.lives += 1;
                return Some(session);
            }
        }
        None
    }
}

impl Worker for RemoteChain {
    fn next_round(&mut self) -> Option<Digest> {
        let root = self.ask(Order::Round, |report| match report {
            Report::Root(_, root) => Some(root),
            _ => None,
        })?;
        self.roots.extend(root);
        root
    }

    fn open(&mut self, samples: &[Sample]) -> Option<Vec<OpenedRow>> {
        let order = |session| Order::Open { session, samples: samples.to_vec() };
        let opening = self.ask(order, |report| match report {
            Report::Rows(_, opening) => Some(opening),
            _ => None,
        })?;
        opening.map(|opening| opening.rows)
    }
}
