//! A solver that commits, signs and opens as it should, over rows that it did not compute as it should.

use std::sync::Arc;

use incentive::units::Hotkey;
use miner::work::{Work, Worker};
use proof::rows::{Inputs, pack};
use proof::{Chain, Digest, OpenedRow, Sample, Weights, merkle};

/// What a cheat does to a row instead of the work. The same row must come out the same again when it is opened.
pub trait Shortcut: Clone + Send + Sync + 'static {
    /// Turns the inputs of row `index` into what is claimed to be its result.
    fn row(&self, weights: &Weights, index: u32, row: &mut [i8]);
}

/// Work with a shortcut: consistent with itself, so that only recomputation can find it out.
#[derive(Clone, Debug)]
pub struct Crooked<S> {
    shortcut: S,
}

impl<S: Shortcut> Crooked<S> {
    /// Work that takes this shortcut in every row.
    pub const fn new(shortcut: S) -> Self {
        Self { shortcut }
    }
}

impl<S: Shortcut> Work for Crooked<S> {
    fn start(&self, weights: Arc<Weights>, hotkey: &Hotkey, chain: u16) -> Box<dyn Worker> {
        let chain = Chain::new(weights.challenge(), hotkey, chain);
        Box::new(CrookedWorker { shortcut: self.shortcut.clone(), weights, chain, leaves: Vec::new() })
    }
}

struct CrookedWorker<S> {
    shortcut: S,
    weights: Arc<Weights>,
    chain: Chain,
    leaves: Vec<Vec<Digest>>,
}

impl<S: Shortcut> CrookedWorker<S> {
    fn packed(&self, head: &Digest, index: u32) -> Vec<u8> {
        let width = self.weights.shape().width;
        let mut row = vec![0; width];
        Inputs::after(head).fill(index, width, &mut row);
        self.shortcut.row(&self.weights, index, &mut row);
        pack(&row)
    }
}

impl<S: Shortcut> Worker for CrookedWorker<S> {
    fn next_round(&mut self) -> Option<Digest> {
        let round = self.chain.rounds() + 1;
        if round > self.weights.shape().rounds_max {
            return None;
        }
        let leaves: Vec<Digest> = (0..self.weights.challenge().compute.rows)
            .map(|row| merkle::leaf(self.chain.index(), round, row, &self.packed(self.chain.head(), row)))
            .collect();
        let root = merkle::root(&leaves);
        self.leaves.push(leaves);
        self.chain.push(root);
        Some(root)
    }

    fn open(&mut self, samples: &[Sample]) -> Option<Vec<OpenedRow>> {
        samples
            .iter()
            .map(|sample| {
                let before = sample.round.checked_sub(1)?;
                let leaves = self.leaves.get(before as usize)?;
                let packed = self.packed(self.chain.head_after(before)?, sample.row);
                Some(OpenedRow { packed, path: merkle::path(leaves, sample.row as usize) })
            })
            .collect()
    }
}
