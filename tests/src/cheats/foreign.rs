//! An answer that another hotkey computed: what a relay without a device of its own would send.

use std::sync::Arc;

use incentive::units::Hotkey;
use miner::work::{HonestWork, Work, Worker};
use proof::Weights;

/// Works honestly on the rows of another hotkey.
#[derive(Clone, Debug)]
pub struct Foreign {
    honest: HonestWork,
    owner: Hotkey,
}

impl Foreign {
    /// The work of this hotkey, whoever answers with it.
    #[must_use]
    pub fn new(owner: Hotkey) -> Self {
        Self { honest: HonestWork::default(), owner }
    }
}

impl Work for Foreign {
    fn start(&self, weights: Arc<Weights>, _hotkey: &Hotkey, chain: u16) -> Box<dyn Worker> {
        self.honest.start(weights, &self.owner, chain)
    }
}
