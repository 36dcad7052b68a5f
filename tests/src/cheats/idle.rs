//! No work at all.

use std::sync::Arc;

use incentive::units::Hotkey;
use miner::work::{Work, Worker};
use proof::{Digest, OpenedRow, Sample, Weights};

/// Answers a window and shows no root in it.
#[derive(Clone, Copy, Debug)]
pub struct Idle;

impl Work for Idle {
    fn start(&self, _weights: Arc<Weights>, _hotkey: &Hotkey, _chain: u16) -> Box<dyn Worker> {
        Box::new(Self)
    }
}

impl Worker for Idle {
    fn next_round(&mut self) -> Option<Digest> {
        None
    }

    fn open(&mut self, _samples: &[Sample]) -> Option<Vec<OpenedRow>> {
        None
    }
}
