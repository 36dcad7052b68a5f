//! The true model, sampled colder than it was asked: fewer odd words, under the right seed.

use std::sync::Arc;

use anyhow::Result;
use engine::model::{Decoder, ModelError, Output, Segment};
use miner::inference::backend::Backend;

use super::{Model, Twist};

/// Samples at this part of the temperature that is asked for.
///
/// # Errors
/// When the model cannot be loaded.
pub fn temperature(model: &Model, part: f32) -> Result<Arc<dyn Backend>> {
    let decoder = model.decoder()?;
    model.disguised(&decoder.info().clone(), decoder, Cooled { part })
}

/// Logits divided by it are divided by the temperature afterwards.
struct Cooled {
    part: f32,
}

impl Twist for Cooled {
    fn forward(&mut self, inner: &mut dyn Decoder, batch: &[Segment<'_>]) -> Result<Vec<Output>, ModelError> {
        let mut outputs = inner.forward(batch)?;
        for logit in outputs.iter_mut().flat_map(|output| &mut output.logits) {
            *logit /= self.part;
        }
        Ok(outputs)
    }
}
