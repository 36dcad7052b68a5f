//! One engine behind several hotkeys.

use std::sync::Arc;

use anyhow::Result;
use engine::model::ModelInfo;
use engine::scheduler::{Limits, Scheduler};
use engine::text::Text;
use miner::inference::Identity;
use miner::inference::backend::Backend;
use miner::inference::local::Local;

use super::Model;

/// An engine that answers honestly for whichever hotkey is asked.
pub struct SharedEngine {
    id: String,
    info: ModelInfo,
    text: Arc<Text>,
    scheduler: Scheduler,
}

impl SharedEngine {
    /// Starts it.
    ///
    /// # Errors
    /// When the model cannot be loaded.
    pub fn start(model: &Model) -> Result<Self> {
        let decoder = model.decoder()?;
        let info = decoder.info().clone();
        let scheduler = Scheduler::start(decoder, Limits::default())?;
        Ok(Self { id: model.id().to_owned(), info, text: Arc::new(model.text()?), scheduler })
    }

    /// Its answers under this hotkey.
    #[must_use]
    pub fn under(&self, identity: Identity) -> Arc<dyn Backend> {
        Arc::new(Local::over(&self.id, &self.info, Arc::clone(&self.text), self.scheduler.clone(), identity))
    }
}
