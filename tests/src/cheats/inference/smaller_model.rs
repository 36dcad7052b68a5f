//! A model of half the layers under the name and the digest of the whole one.

use std::sync::Arc;

use anyhow::Result;
use engine::model::{Decoder, ModelInfo, random};
use miner::inference::backend::Backend;

use super::Model;

/// What the random weights of the small model follow from.
const SEED: u64 = 1;

/// Serves it.
///
/// # Errors
/// When the true model, whose shape and digest are needed, cannot be loaded.
pub fn smaller_model(model: &Model) -> Result<Arc<dyn Backend>> {
    let (claimed, small) = half(model)?;
    model.disguised(&claimed, small, ())
}

/// What the true model says of itself, and a model with the first half of its layers' shapes and weights of its own.
pub(super) fn half(model: &Model) -> Result<(ModelInfo, Box<dyn Decoder>)> {
    let whole = model.load(model.path())?;
    let mut shape = whole.config;
    shape.windows.truncate(shape.windows.len().div_ceil(2));
    Ok((whole.decoder.info().clone(), random(&shape, SEED, &model.options()?)?))
}
