//! Answers of somebody else, sent on.

use std::sync::Arc;

use anyhow::Result;
use futures_util::future::BoxFuture;
use incentive::units::Hotkey;
use miner::inference::Identity;
use miner::inference::backend::{Backend, BackendError, Completion, Deltas, Embeddings, Prompt};

use super::Model;

/// What an honest miner with the hotkey `owner` answers to the same caller and nonce.
///
/// # Errors
/// When the model cannot be loaded.
pub fn relay(model: &Model, owner: Hotkey) -> Result<Arc<dyn Backend>> {
    model.under(Identity { own: owner, ..model.identity() }).honest()
}

/// What any provider of the same model answers: it samples as it likes, and here by the very rule, under a nonce of its own.
///
/// # Errors
/// When the model cannot be loaded.
pub fn provider(model: &Model) -> Result<Arc<dyn Backend>> {
    Ok(Arc::new(Provider(model.honest()?)))
}

struct Provider(Arc<dyn Backend>);

impl Backend for Provider {
    fn model(&self) -> &miner::inference::backend::Model {
        self.0.model()
    }

    fn complete(&self, request: Completion) -> BoxFuture<'_, Result<Deltas, BackendError>> {
        self.0.complete(Completion { nonce: request.nonce.map(|byte| !byte), ..request })
    }

    fn embed(&self, inputs: Vec<Prompt>) -> BoxFuture<'_, Result<Embeddings, BackendError>> {
        self.0.embed(inputs)
    }
}
