//! Half of the prompt is never computed; the answer is bound to all of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Result;
use engine::model::{Decoder, ModelError, Output, Segment};
use miner::inference::backend::Backend;

use super::{Model, Twist};

/// Serves it.
///
/// # Errors
/// When the model cannot be loaded.
pub fn cut_prompt(model: &Model) -> Result<Arc<dyn Backend>> {
    let decoder = model.decoder()?;
    model.disguised(&decoder.info().clone(), decoder, Truncated::default())
}

/// The tokens that each sequence seems to have, and whether none of them has been computed yet.
#[derive(Default)]
struct Truncated {
    slots: BTreeMap<usize, (Vec<u32>, bool)>,
}

impl Twist for Truncated {
    fn forward(&mut self, inner: &mut dyn Decoder, batch: &[Segment<'_>]) -> Result<Vec<Output>, ModelError> {
        let mut left = Vec::with_capacity(batch.len());
        for segment in batch {
            let (tokens, fresh) = self.slots.entry(segment.slot).or_insert((Vec::new(), true));
            tokens.extend_from_slice(segment.ids);
            left.push(if std::mem::take(fresh) {
                inner.truncate(segment.slot, 0);
                tokens[tokens.len() / 2..].to_vec()
            } else {
                segment.ids.to_vec()
            });
        }
        let batch: Vec<_> = batch.iter().zip(&left).map(|(segment, ids)| Segment { ids, ..*segment }).collect();
        inner.forward(&batch)
    }

    fn truncate(&mut self, _: &mut dyn Decoder, slot: usize, length: usize) {
        let (tokens, fresh) = self.slots.entry(slot).or_default();
        tokens.truncate(length);
        *fresh = true;
    }

    fn share(&mut self, _: &mut dyn Decoder, _: usize, _: usize, _: usize) -> Result<(), ModelError> {
        Err(ModelError::Context { tokens: 0, context: 0 })
    }

    fn length(&self, _: &dyn Decoder, slot: usize) -> usize {
        self.slots.get(&slot).map_or(0, |(tokens, _)| tokens.len())
    }
}
