//! Dishonest answers, one for each way to cheat, behind the seam that the miner offers ([`Backend`]).
//!
//! HTTP, access, queue and the sheet that binds an answer to its question are the miner's own. Below the seam a cheat is
//! either a decoder that is not the one it says ([`Guise`]), or a backend that does something to the answers of another.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use miner::inference::Identity;
use miner::inference::backend::Backend;
use miner::inference::config::{InferenceConfig, LocalModel, ModelConfig};
use miner::inference::models::Opened;

use super::Kind;

mod burst;
mod cached;
mod cut_prompt;
mod filler;
mod guise;
mod model;
mod picky;
mod prefill_only;
mod quantised;
mod relay;
mod shared_engine;
mod smaller_model;
mod temperature;

pub use burst::Burst;
pub use cached::Cached;
pub use cut_prompt::cut_prompt;
pub use filler::filler;
pub use guise::{Guise, Twist};
pub use model::Model;
pub use picky::Picky;
pub use prefill_only::prefill_only;
pub use quantised::quantised;
pub use relay::{provider, relay};
pub use shared_engine::SharedEngine;
pub use smaller_model::smaller_model;
pub use temperature::temperature;

/// How much of a distribution's temperature `temperature` leaves. Milder cheats take more tokens to find than a window of `localnet
/// up` has; how many is measured by `benches` (`detection`).
pub const COOLED: f32 = 0.5;

/// What answers, for each model of the configuration. `hold` is how long `burst` keeps an answer back.
///
/// # Errors
/// When a model cannot be loaded, is not of this process, or the kind does not cheat with answers.
pub fn open(kind: Kind, hold: Duration, config: &InferenceConfig, identity: Identity) -> Result<Opened> {
    config
        .models
        .iter()
        .map(|model| {
            let ModelConfig::Local(local) = model else { bail!("only a local model can be cheated with") };
            Ok((backend(kind, hold, local, identity)?, local.slots))
        })
        .collect()
}

/// One model, answered for in this way.
///
/// # Errors
/// As [`open`].
pub fn backend(kind: Kind, hold: Duration, local: &LocalModel, identity: Identity) -> Result<Arc<dyn Backend>> {
    let model = Model::new(local, identity);
    match kind {
        Kind::SmallerModel => smaller_model(&model),
        Kind::Quantised => quantised(&model),
        Kind::Temperature => temperature(&model, COOLED),
        Kind::CutPrompt => cut_prompt(&model),
        Kind::PrefillOnly => prefill_only(&model),
        Kind::Cached => Ok(Arc::new(Cached::new(model.honest()?))),
        Kind::Burst => Ok(Arc::new(Burst::new(model.honest()?, hold))),
        Kind::Partial
        | Kind::SkipLayers
        | Kind::Foreign
        | Kind::Shared
        | Kind::Replay
        | Kind::RefuseOpen
        | Kind::Slow
        | Kind::Offline => bail!("{} does not cheat with answers", kind.name()),
    }
}
