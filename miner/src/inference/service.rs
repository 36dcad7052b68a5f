//! The models that are served, and what stands before them.

use std::sync::Arc;

use super::access::Access;
use super::backend::Backend;
use super::config::InferenceConfig;
use super::metrics::{Meter, Metrics};
use super::models::Opened;
use super::openai::ApiError;
use super::queue::Queue;
use super::{Identity, openai};

/// Everything that a request needs.
pub struct Service {
    models: Vec<Arc<Served>>,
    /// Who may call.
    pub(super) access: Access,
    /// For whom answers are bound.
    pub(super) identity: Identity,
    /// Counters.
    pub(super) metrics: Metrics,
    pub(super) body_limit: usize,
}

/// One model.
pub struct Served {
    /// What answers.
    pub backend: Arc<dyn Backend>,
    /// Who waits.
    pub queue: Arc<Queue>,
    /// Its counters.
    pub meter: Meter,
}

// === impl Service ===

impl Service {
    /// Serves these models, each with as many answers at once as stands beside it.
    #[must_use]
    pub fn new(
        config: &InferenceConfig,
        models: Opened,
        access: Access,
        identity: Identity,
        metrics: Metrics,
    ) -> Arc<Self> {
        let models = models.into_iter().map(|(backend, slots)| {
            let id = &backend.model().id;
            let queue = Queue::new(slots, config.queue, config.deadline(), metrics.waiting(id));
            Arc::new(Served { meter: metrics.meter(id), queue, backend })
        });
        Arc::new(Self { models: models.collect(), access, identity, metrics, body_limit: config.body })
    }

    /// What is served.
    pub fn models(&self) -> impl Iterator<Item = &Arc<Served>> {
        self.models.iter()
    }

    /// One of the models.
    ///
    /// # Errors
    /// 404 if there is none of this name.
    pub fn model(&self, id: &str) -> Result<&Arc<Served>, ApiError> {
        self.models.iter().find(|served| served.backend.model().id == id).ok_or_else(ApiError::unknown_model)
    }

    /// Sends away who waits; who is being answered is answered.
    pub fn close(&self) {
        for served in &self.models {
            served.queue.close();
        }
    }

    /// The routes of the API.
    pub fn routes(self: &Arc<Self>) -> axum::Router {
        openai::router(Arc::clone(self))
    }
}
