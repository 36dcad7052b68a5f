use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use serde::Serialize;

use super::follow::Follow;
use crate::rpc::{hex::Hex, storage::Item};

/// What an operation tells.
#[derive(Serialize)]
#[serde(tag = "event")]
pub enum Event {
    #[serde(rename = "operationBodyDone")]
    BodyDone { value: Vec<Hex> },
    #[serde(rename = "operationCallDone")]
    CallDone { output: Hex },
    #[serde(rename = "operationStorageItems")]
    StorageItems { items: Vec<Item> },
    #[serde(rename = "operationStorageDone")]
    StorageDone {},
    #[serde(rename = "operationError")]
    Error { error: String },
}

/// A running operation; dropping it makes room for another.
pub struct Operation {
    id: String,
    follow: Arc<Follow>,
    stopped: Arc<AtomicBool>,
}

impl Operation {
    /// Begins one unless too many are running.
    pub fn begin(follow: Arc<Follow>) -> Option<Self> {
        let (id, stopped) = follow.begin()?;
        Some(Self { id, follow, stopped })
    }

    /// What the client calls it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether the client has had enough.
    pub fn stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Tells something, waiting while the client reads slowly; false when nobody listens. Not for async threads.
    pub fn send(&self, event: Event) -> bool {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Named<'a> {
            operation_id: &'a str,
            #[serde(flatten)]
            event: Event,
        }
        !self.stopped() && self.follow.send(&Named { operation_id: &self.id, event })
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        self.follow.end(&self.id);
    }
}
