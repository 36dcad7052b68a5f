//! One device that registers twice.

use std::sync::Arc;

use incentive::units::Hotkey;
use miner::work::{HonestWork, Work, Worker};
use parking_lot::{Mutex, MutexGuard};
use proof::{Digest, OpenedRow, Sample, Weights};

/// Honest work, of which only one round is computed at a time, for whichever hotkey asks.
#[derive(Clone, Debug, Default)]
pub struct Shared {
    honest: HonestWork,
    device: Arc<Mutex<()>>,
}

impl Shared {
    /// One device that works like this.
    #[must_use]
    pub fn new(honest: HonestWork) -> Self {
        Self { honest, device: Arc::default() }
    }
}

impl Work for Shared {
    fn start(&self, weights: Arc<Weights>, hotkey: &Hotkey, chain: u16) -> Box<dyn Worker> {
        Box::new(Waiting { worker: self.honest.start(weights, hotkey, chain), device: Arc::clone(&self.device) })
    }
}

struct Waiting {
    worker: Box<dyn Worker>,
    device: Arc<Mutex<()>>,
}

impl Worker for Waiting {
    fn next_round(&mut self) -> Option<Digest> {
        let device = self.device.lock();
        let root = self.worker.next_round();
        // Taking turns: an ordinary unlock would let the same hotkey come back first.
        MutexGuard::unlock_fair(device);
        root
    }

    fn open(&mut self, samples: &[Sample]) -> Option<Vec<OpenedRow>> {
        let _device = self.device.lock();
        self.worker.open(samples)
    }
}
