//! Dishonest solvers, one for each way to cheat, behind the seam that the miner offers.
//!
//! Each serves, signs and announces with the miner's own code; only what it computes, or when, is crooked.

use std::sync::Arc;
use std::time::Duration;

use incentive::units::Hotkey;
use miner::work::{HonestWork, Work};

mod crooked;
mod foreign;
mod offline;
mod partial;
mod refuse_open;
mod replay;
mod shared;
mod skip_layers;
mod slow;

pub use crooked::{Crooked, Shortcut};
pub use foreign::Foreign;
pub use offline::Offline;
pub use partial::Partial;
pub use refuse_open::RefuseOpen;
pub use replay::Replay;
pub use shared::Shared;
pub use skip_layers::SkipLayers;
pub use slow::Slow;

/// A way to cheat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// Compute half of the rows, fill in garbage for the others.
    Partial,
    /// Take every row through half of the layers.
    SkipLayers,
    /// Do the work of another hotkey.
    Foreign,
    /// Run one solver for two hotkeys (give `--config` twice).
    Shared,
    /// Answer every window with work done for an old one.
    Replay,
    /// Commit to honest work and refuse to open it.
    RefuseOpen,
    /// Hold every root until the window is over.
    Slow,
    /// Announce an address and listen nowhere.
    Offline,
}

impl Kind {
    /// The solver of this kind, for windows of length `window`; `owner` is the hotkey whose work `foreign` relays.
    /// One value serves all hotkeys of a process.
    ///
    /// Whoever is offline solves nothing, so its solver does not matter.
    #[must_use]
    pub fn work(self, window: Duration, owner: Hotkey) -> Arc<dyn Work> {
        match self {
            Self::Partial => Arc::new(Crooked::new(Partial)),
            Self::SkipLayers => Arc::new(Crooked::new(SkipLayers)),
            Self::Foreign => Arc::new(Foreign::new(owner)),
            Self::Shared => Arc::new(Shared::default()),
            Self::Replay => Arc::new(Replay::default()),
            Self::RefuseOpen => Arc::new(RefuseOpen::default()),
            // Another validator may ask later; by then the first window is over twice.
            Self::Slow => Arc::new(Slow::new(2 * window)),
            Self::Offline => Arc::new(HonestWork::default()),
        }
    }

    /// How many hotkeys the process plays.
    #[must_use]
    pub const fn hotkeys(self) -> usize {
        match self {
            Self::Shared => 2,
            Self::Partial
            | Self::SkipLayers
            | Self::Foreign
            | Self::Replay
            | Self::RefuseOpen
            | Self::Slow
            | Self::Offline => 1,
        }
    }
}
