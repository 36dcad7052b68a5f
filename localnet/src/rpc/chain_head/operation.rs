use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use serde::Serialize;

use super::follow::Follow;
use crate::{
    engine::Block,
    rpc::{
        hex::Hex,
        storage::{Item, Scan},
    },
    state::StateView,
};

/// What is left to do once the client knows the operation's name.
pub enum Work {
    Body(Arc<Block>),
    Call { state: StateView, function: String, data: Vec<u8> },
    Storage(Scan),
}

/// What an operation tells.
#[derive(Serialize)]
#[serde(tag = "event")]
enum Event {
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

    /// Does the work and tells what came of it.
    pub async fn run(&self, work: Work) {
        match work {
            Work::Body(block) => {
                self.send(Event::BodyDone { value: block.body.iter().cloned().map(Hex).collect() }).await;
            }
            Work::Call { state, function, data } => {
                let called = tokio::task::spawn_blocking(move || state.call(&function, &data)).await;
                let event = match called {
                    Ok(Ok(output)) => Event::CallDone { output: Hex(output) },
                    Ok(Err(error)) => Event::Error { error: error.to_string() },
                    Err(error) => Event::Error { error: error.to_string() },
                };
                self.send(event).await;
            }
            Work::Storage(scan) => self.scan(scan).await,
        }
    }

    /// Page by page; a client that reads slowly holds up nobody else.
    async fn scan(&self, mut scan: Scan) {
        loop {
            let read = tokio::task::spawn_blocking(move || {
                let page = scan.page();
                (page, scan)
            });
            let Ok((page, rest)) = read.await else { return };
            scan = rest;
            let event = match page {
                Err(error) => Event::Error { error: error.to_string() },
                Ok(items) if items.is_empty() => Event::StorageDone {},
                Ok(items) => Event::StorageItems { items },
            };
            let more = matches!(event, Event::StorageItems { .. });
            if !self.send(event).await || !more {
                return;
            }
        }
    }

    /// Tells something; false when nobody listens or the client has had enough.
    async fn send(&self, event: Event) -> bool {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Named<'a> {
            operation_id: &'a str,
            #[serde(flatten)]
            event: Event,
        }
        !self.stopped.load(Ordering::Relaxed) && self.follow.send(&Named { operation_id: &self.id, event }).await
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        self.follow.end(&self.id);
    }
}
