//! What a miner computes, behind the seam between serving and solving.

use std::num::NonZeroUsize;
use std::sync::Arc;

use incentive::units::Hotkey;
use prometheus_client::registry::Registry;
use proof::{Digest, OpenedRow, RowKernel, Sample, Solver, Weights};

/// Solves windows. One value serves all windows of a miner's life.
pub trait Work: Send + Sync + 'static {
    /// Begins one chain of a window for this hotkey.
    fn start(&self, weights: Arc<Weights>, hotkey: &Hotkey, chain: u16) -> Box<dyn Worker>;

    /// How many chains a window has, if the work decides that; otherwise the configured threads do.
    fn chains(&self) -> Option<u16> {
        None
    }

    /// Registers what it counts, if anything.
    fn register(&self, _registry: &mut Registry) {}
}

/// Solves one chain of one window, on a thread of its own.
pub trait Worker: Send {
    /// Computes the next round and returns its root; `None` when there is no further round. Blocks as long as it takes.
    fn next_round(&mut self) -> Option<Digest>;

    /// Opens rows of this chain, in the order of the samples; `None` when it cannot or will not.
    fn open(&mut self, samples: &[Sample]) -> Option<Vec<OpenedRow>>;
}

/// Every row through every layer, on the kernel that this machine has.
#[derive(Clone)]
pub struct HonestWork {
    kernel: Arc<dyn RowKernel>,
}

impl HonestWork {
    /// Work on the given kernel.
    #[must_use]
    pub fn new(kernel: Arc<dyn RowKernel>) -> Self {
        Self { kernel }
    }
}

impl Default for HonestWork {
    fn default() -> Self {
        // One thread: every chain has a thread of its own.
        Self::new(Arc::new(engine::Kernel::new(NonZeroUsize::MIN)))
    }
}

impl std::fmt::Debug for HonestWork {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HonestWork").finish_non_exhaustive()
    }
}

impl Work for HonestWork {
    fn start(&self, weights: Arc<Weights>, hotkey: &Hotkey, chain: u16) -> Box<dyn Worker> {
        Box::new(HonestWorker { kernel: Arc::clone(&self.kernel), solver: Solver::new(weights, hotkey, chain) })
    }
}

struct HonestWorker {
    kernel: Arc<dyn RowKernel>,
    solver: Solver,
}

impl Worker for HonestWorker {
    fn next_round(&mut self) -> Option<Digest> {
        self.solver.next_round(self.kernel.as_ref()).map(|round| round.root)
    }

    fn open(&mut self, samples: &[Sample]) -> Option<Vec<OpenedRow>> {
        self.solver.open(self.kernel.as_ref(), samples).ok()
    }
}
