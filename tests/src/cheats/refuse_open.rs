//! Whoever refuses to open could choose which windows count.

use std::sync::Arc;

use incentive::units::Hotkey;
use miner::work::{HonestWork, Work, Worker};
use proof::{Digest, OpenedRow, Sample, Weights};

/// Works honestly and opens nothing.
#[derive(Clone, Debug, Default)]
pub struct RefuseOpen {
    honest: HonestWork,
}

impl Work for RefuseOpen {
    fn start(&self, weights: Arc<Weights>, hotkey: &Hotkey, chain: u16) -> Box<dyn Worker> {
        Box::new(Refusing(self.honest.start(weights, hotkey, chain)))
    }
}

struct Refusing(Box<dyn Worker>);

impl Worker for Refusing {
    fn next_round(&mut self) -> Option<Digest> {
        self.0.next_round()
    }

    fn open(&mut self, _samples: &[Sample]) -> Option<Vec<OpenedRow>> {
        None
    }
}
