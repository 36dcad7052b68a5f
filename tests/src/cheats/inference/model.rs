//! The parts of a model, to be put together otherwise.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use engine::model::{Decoder, LoadOptions, Loaded, ModelInfo, load};
use engine::text::Text;
use miner::inference::Identity;
use miner::inference::backend::Backend;
use miner::inference::config::LocalModel;
use miner::inference::local::Local;

use super::guise::{Guise, Twist};

/// A configured model, and for whom it answers.
#[derive(Clone, Debug)]
pub struct Model {
    local: LocalModel,
    identity: Identity,
}

impl Model {
    /// The model of this configuration.
    #[must_use]
    pub fn new(local: &LocalModel, identity: Identity) -> Self {
        Self { local: local.clone(), identity }
    }

    /// Who answers.
    #[must_use]
    pub const fn identity(&self) -> Identity {
        self.identity
    }

    /// Its name in requests.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.local.id
    }

    /// The same for another hotkey.
    #[must_use]
    pub fn under(&self, identity: Identity) -> Self {
        Self { identity, ..self.clone() }
    }

    /// Loads weights from `path` with the slots and the context of the configuration.
    ///
    /// # Errors
    /// When they cannot be loaded.
    pub fn load(&self, path: &Path) -> Result<Loaded> {
        Ok(load(path, &self.options()?)?)
    }

    /// How the configured model is loaded.
    ///
    /// # Errors
    /// When the precision is none.
    pub fn options(&self) -> Result<LoadOptions<'static>> {
        miner::inference::local::options(&self.local)
    }

    /// Where the configured model lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.local.path
    }

    /// The text half.
    ///
    /// # Errors
    /// When it cannot be loaded.
    pub fn text(&self) -> Result<Text> {
        Ok(Text::load(&self.local.path)?)
    }

    /// The configured decoder.
    ///
    /// # Errors
    /// When it cannot be loaded.
    pub fn decoder(&self) -> Result<Box<dyn Decoder>> {
        Ok(self.load(&self.local.path)?.decoder)
    }

    /// As an honest miner serves it.
    ///
    /// # Errors
    /// When it cannot be loaded.
    pub fn honest(&self) -> Result<Arc<dyn Backend>> {
        self.serve(self.decoder()?)
    }

    /// Serves `inner` with this twist as if it were the decoder that `claimed` describes.
    ///
    /// # Errors
    /// When the text half cannot be loaded.
    pub fn disguised(
        &self,
        claimed: &ModelInfo,
        inner: Box<dyn Decoder>,
        twist: impl Twist,
    ) -> Result<Arc<dyn Backend>> {
        self.serve(Box::new(Guise::new(claimed.clone(), inner, twist)))
    }

    fn serve(&self, decoder: Box<dyn Decoder>) -> Result<Arc<dyn Backend>> {
        Ok(Arc::new(Local::new(self.id(), self.text()?, decoder, self.identity)?))
    }
}
