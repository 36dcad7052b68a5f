//! A decoder that says it is another one, and may do something else with what it is given.

use engine::model::{Decoder, ModelError, ModelInfo, Output, Segment};

/// What happens between the miner and its decoder. Without a word, what would happen anyway.
pub trait Twist: Send + 'static {
    /// The tokens come in.
    ///
    /// # Errors
    /// Those of the decoder.
    fn forward(&mut self, inner: &mut dyn Decoder, batch: &[Segment<'_>]) -> Result<Vec<Output>, ModelError> {
        inner.forward(batch)
    }

    /// A sequence is shortened: another question begins, or the same again.
    fn truncate(&mut self, inner: &mut dyn Decoder, slot: usize, length: usize) {
        inner.truncate(slot, length);
    }

    /// A beginning is shared.
    ///
    /// # Errors
    /// Those of the decoder; what is not shared is computed.
    fn share(&mut self, inner: &mut dyn Decoder, from: usize, to: usize, length: usize) -> Result<(), ModelError> {
        inner.share_prefix(from, to, length)
    }

    /// Tokens that a sequence seems to have.
    fn length(&self, inner: &dyn Decoder, slot: usize) -> usize {
        inner.length(slot)
    }
}

/// No twist: another decoder answers, that is all.
impl Twist for () {}

/// The decoder.
pub struct Guise<T> {
    claimed: ModelInfo,
    inner: Box<dyn Decoder>,
    twist: T,
}

impl<T: Twist> Guise<T> {
    /// `inner`, which says that it is what `claimed` describes.
    pub fn new(claimed: ModelInfo, inner: Box<dyn Decoder>, twist: T) -> Self {
        Self { claimed, inner, twist }
    }
}

impl<T: Twist> Decoder for Guise<T> {
    fn info(&self) -> &ModelInfo {
        &self.claimed
    }

    fn slots(&self) -> usize {
        self.inner.slots()
    }

    fn length(&self, slot: usize) -> usize {
        self.twist.length(self.inner.as_ref(), slot)
    }

    fn forward(&mut self, batch: &[Segment<'_>]) -> Result<Vec<Output>, ModelError> {
        self.twist.forward(self.inner.as_mut(), batch)
    }

    fn truncate(&mut self, slot: usize, length: usize) {
        self.twist.truncate(self.inner.as_mut(), slot, length);
    }

    fn share_prefix(&mut self, from: usize, to: usize, length: usize) -> Result<(), ModelError> {
        self.twist.share(self.inner.as_mut(), from, to, length)
    }
}
