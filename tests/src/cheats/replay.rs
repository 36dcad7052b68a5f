//! Work done once, shown in every window.

use std::collections::BTreeMap;
use std::sync::Arc;

use incentive::units::{Block, Hotkey};
use miner::work::{HonestWork, Work, Worker};
use parking_lot::Mutex;
use proof::{Challenge, Digest, OpenedRow, Sample, Weights};

/// Answers every window with the roots and rows of one old window, signed anew by the miner's own code.
///
/// The old window is the one that genesis would have opened. Its rounds are computed when they are first needed and
/// kept; from the second window on they come without any work.
#[derive(Clone, Debug, Default)]
pub struct Replay {
    honest: HonestWork,
    old: Arc<Mutex<Recordings>>,
}

/// One chain of each hotkey.
type Recordings = BTreeMap<(Hotkey, u16), Arc<Mutex<Recording>>>;

struct Recording {
    worker: Box<dyn Worker>,
    roots: Vec<Digest>,
}

impl std::fmt::Debug for Recording {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recording").field("rounds", &self.roots.len()).finish_non_exhaustive()
    }
}

impl Replay {
    fn record(&self, weights: &Weights, hotkey: &Hotkey, chain: u16) -> Recording {
        let old = Challenge { block: Block(0), nonce: weights.challenge().genesis, ..weights.challenge().clone() };
        // The dimensions are those of a challenge that exists, so the old one has weights as well.
        let weights = Weights::resident(&old).map(Arc::new).expect("dimensions that were accepted once");
        Recording { worker: self.honest.start(weights, hotkey, chain), roots: Vec::new() }
    }
}

impl Work for Replay {
    fn start(&self, weights: Arc<Weights>, hotkey: &Hotkey, chain: u16) -> Box<dyn Worker> {
        let mut old = self.old.lock();
        let recording =
            old.entry((*hotkey, chain)).or_insert_with(|| Arc::new(Mutex::new(self.record(&weights, hotkey, chain))));
        Box::new(Player { recording: Arc::clone(recording), played: 0 })
    }
}

struct Player {
    recording: Arc<Mutex<Recording>>,
    played: usize,
}

impl Worker for Player {
    fn next_round(&mut self) -> Option<Digest> {
        let mut recording = self.recording.lock();
        if self.played == recording.roots.len() {
            let root = recording.worker.next_round()?;
            recording.roots.push(root);
        }
        let root = recording.roots.get(self.played).copied();
        self.played += 1;
        root
    }

    fn open(&mut self, samples: &[Sample]) -> Option<Vec<OpenedRow>> {
        self.recording.lock().worker.open(samples)
    }
}
