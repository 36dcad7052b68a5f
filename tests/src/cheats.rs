//! Dishonest solvers, one for each way to cheat, behind the seam that the miner offers; dishonest answers in [`inference`].
//!
//! Each serves, signs and announces with the miner's own code; only what it computes, or when, is crooked.

use std::sync::Arc;
use std::time::Duration;

use incentive::units::Hotkey;
use miner::work::Work;

mod crooked;
mod foreign;
mod idle;
pub mod inference;
mod offline;
mod partial;
mod refuse_open;
mod replay;
mod shared;
mod skip_layers;
mod slow;

pub use crooked::{Crooked, Shortcut};
pub use foreign::Foreign;
pub use idle::Idle;
pub use offline::Offline;
pub use partial::Partial;
pub use refuse_open::RefuseOpen;
pub use replay::Replay;
pub use shared::Shared;
pub use skip_layers::SkipLayers;
pub use slow::Slow;

/// The ways to cheat, as `localnet up` knows them.
pub use localnet::up::Cheat as Kind;

/// The solver of this kind, for windows of length `window`; `owner` is the hotkey whose work `foreign` relays.
/// One value serves all hotkeys of a process.
///
/// Whoever is offline solves nothing, and whoever cheats with answers computes nothing beside them: one that shows no root.
#[must_use]
pub fn work(kind: Kind, window: Duration, owner: Hotkey) -> Arc<dyn Work> {
    match kind {
        Kind::Partial => Arc::new(Crooked::new(Partial)),
        Kind::SkipLayers => Arc::new(Crooked::new(SkipLayers)),
        Kind::Foreign => Arc::new(Foreign::new(owner)),
        Kind::Shared => Arc::new(Shared::default()),
        Kind::Replay => Arc::new(Replay::default()),
        Kind::RefuseOpen => Arc::new(RefuseOpen::default()),
        // Another validator may ask later; by then the first window is over twice.
        Kind::Slow => Arc::new(Slow::new(2 * window)),
        Kind::Offline
        | Kind::SmallerModel
        | Kind::Quantised
        | Kind::Temperature
        | Kind::CutPrompt
        | Kind::PrefillOnly
        | Kind::Cached
        | Kind::Burst => Arc::new(Idle),
    }
}
