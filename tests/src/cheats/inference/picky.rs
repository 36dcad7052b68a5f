//! Only what is easy is answered: a short queue, and an average that looks well.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use miner::inference::backend::{Backend, BackendError, Completion, Deltas, Embeddings, Model, Prompt};

/// Says that it is busy when more tokens are asked for than it likes.
pub struct Picky {
    inner: Arc<dyn Backend>,
    most: usize,
}

impl Picky {
    /// Answers up to `most` tokens.
    #[must_use]
    pub fn new(inner: Arc<dyn Backend>, most: usize) -> Self {
        Self { inner, most }
    }
}

impl Backend for Picky {
    fn model(&self) -> &Model {
        self.inner.model()
    }

    fn complete(&self, request: Completion) -> BoxFuture<'_, Result<Deltas, BackendError>> {
        if request.max_tokens.is_none_or(|tokens| tokens > self.most) {
            return Box::pin(async { Err(BackendError::Busy) });
        }
        self.inner.complete(request)
    }

    fn embed(&self, inputs: Vec<Prompt>) -> BoxFuture<'_, Result<Embeddings, BackendError>> {
        self.inner.embed(inputs)
    }
}
