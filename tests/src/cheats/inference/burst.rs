//! All tokens at once, when all of them are due: a pace without end, on paper.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use miner::inference::backend::{Backend, BackendError, Completion, Deltas, Embeddings, Model, Prompt};

/// Keeps the answers of another backend back and then sends each in one piece.
pub struct Burst {
    inner: Arc<dyn Backend>,
    hold: Duration,
}

impl Burst {
    /// Keeps answers back for so long.
    #[must_use]
    pub fn new(inner: Arc<dyn Backend>, hold: Duration) -> Self {
        Self { inner, hold }
    }

    async fn answer(&self, request: Completion) -> Result<Deltas, BackendError> {
        let deltas = self.inner.complete(request).await?;
        // The engine goes on meanwhile, as far as its buffers reach.
        tokio::time::sleep(self.hold).await;
        Ok(deltas)
    }
}

impl Backend for Burst {
    fn model(&self) -> &Model {
        self.inner.model()
    }

    fn complete(&self, request: Completion) -> BoxFuture<'_, Result<Deltas, BackendError>> {
        Box::pin(self.answer(request))
    }

    fn embed(&self, inputs: Vec<Prompt>) -> BoxFuture<'_, Result<Embeddings, BackendError>> {
        self.inner.embed(inputs)
    }
}
