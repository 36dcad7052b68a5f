//! Right answers, too late.

use std::sync::Arc;
use std::time::Duration;

use incentive::units::Hotkey;
use miner::work::{HonestWork, Work, Worker};
use proof::{Digest, OpenedRow, Sample, Weights};

/// Holds the first root of every chain for a fixed time.
#[derive(Clone, Debug)]
pub struct Slow {
    honest: HonestWork,
    hold: Duration,
}

impl Slow {
    /// Work whose first root comes this long after it was asked for.
    #[must_use]
    pub fn new(hold: Duration) -> Self {
        Self { honest: HonestWork::default(), hold }
    }
}

impl Work for Slow {
    fn start(&self, weights: Arc<Weights>, hotkey: &Hotkey, chain: u16) -> Box<dyn Worker> {
        Box::new(Holding { worker: self.honest.start(weights, hotkey, chain), hold: Some(self.hold) })
    }
}

struct Holding {
    worker: Box<dyn Worker>,
    hold: Option<Duration>,
}

impl Worker for Holding {
    fn next_round(&mut self) -> Option<Digest> {
        let root = self.worker.next_round();
        if let Some(hold) = self.hold.take() {
            std::thread::sleep(hold);
        }
        root
    }

    fn open(&mut self, samples: &[Sample]) -> Option<Vec<OpenedRow>> {
        self.worker.open(samples)
    }
}
