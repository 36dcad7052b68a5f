//! A small model writes, the true one reads: its activations over the small one's words make a true fingerprint.

use std::sync::Arc;

use anyhow::Result;
use engine::model::{Decoder, ModelError, Output, Segment};
use miner::inference::backend::Backend;

use super::smaller_model::half;
use super::{Model, Twist};

/// Serves it.
///
/// # Errors
/// When the model cannot be loaded.
pub fn prefill_only(model: &Model) -> Result<Arc<dyn Backend>> {
    let (claimed, small) = half(model)?;
    model.disguised(&claimed, small, Reader { whole: model.decoder()? })
}

/// The true model, which goes through the same tokens.
///
/// A miner for profit would compute them in one pass at the end; what it sends is the same.
struct Reader {
    whole: Box<dyn Decoder>,
}

impl Twist for Reader {
    fn forward(&mut self, inner: &mut dyn Decoder, batch: &[Segment<'_>]) -> Result<Vec<Output>, ModelError> {
        let (small, whole) = (inner.forward(batch)?, self.whole.forward(batch)?);
        Ok(small.into_iter().zip(whole).map(|(small, whole)| Output { logits: small.logits, ..whole }).collect())
    }

    fn truncate(&mut self, inner: &mut dyn Decoder, slot: usize, length: usize) {
        inner.truncate(slot, length);
        self.whole.truncate(slot, length);
    }

    fn share(&mut self, inner: &mut dyn Decoder, from: usize, to: usize, length: usize) -> Result<(), ModelError> {
        inner.share_prefix(from, to, length)?;
        self.whole.share_prefix(from, to, length)
    }
}
