//! What clients ask for, counted by method: how many requests does one operation of a client cost?

use std::{collections::BTreeMap, future::Future, sync::Arc};

use jsonrpsee::{
    core::middleware::{Batch, BatchEntry, Notification, RpcServiceT},
    types::{Params, Request},
};
use parking_lot::Mutex;

/// Names that are told apart; clients may send any. The rest counts as [`OTHER`].
const MAX_NAMES: usize = 512;
/// Bytes of a name.
const MAX_NAME: usize = 128;
const OTHER: &str = "(other)";

/// Requests since the start of the node. Clones share the counts.
#[derive(Clone, Debug, Default)]
pub struct Requests(Arc<Mutex<BTreeMap<String, u64>>>);

/// The service that counts before it passes on.
#[derive(Clone, Debug)]
pub struct Counted<S> {
    service: S,
    requests: Requests,
}

impl Requests {
    /// By method, and for `state_call` by `state_call:FUNCTION`.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<String, u64> {
        self.0.lock().clone()
    }

    fn count(&self, method: &str, params: &Params<'_>) {
        let function = match method {
            "state_call" | "state_callAt" => params.sequence().next::<String>().ok(),
            _ => None,
        };
        let name = function.map_or_else(|| method.to_owned(), |function| format!("{method}:{function}"));
        let mut counts = self.0.lock();
        let known = counts.contains_key(&name) || (counts.len() < MAX_NAMES && name.len() <= MAX_NAME);
        *counts.entry(if known { name } else { OTHER.to_owned() }).or_default() += 1;
    }
}

impl<S> Counted<S> {
    /// Counts what reaches `service` into `requests`.
    pub const fn new(service: S, requests: Requests) -> Self {
        Self { service, requests }
    }
}

impl<S: RpcServiceT> RpcServiceT for Counted<S> {
    type BatchResponse = S::BatchResponse;
    type MethodResponse = S::MethodResponse;
    type NotificationResponse = S::NotificationResponse;

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = Self::MethodResponse> + Send + 'a {
        self.requests.count(request.method_name(), &request.params());
        self.service.call(request)
    }

    fn batch<'a>(&self, batch: Batch<'a>) -> impl Future<Output = Self::BatchResponse> + Send + 'a {
        for entry in batch.iter().flatten() {
            if let BatchEntry::Call(request) = entry {
                self.requests.count(request.method_name(), &request.params());
            }
        }
        self.service.batch(batch)
    }

    fn notification<'a>(
        &self,
        notification: Notification<'a>,
    ) -> impl Future<Output = Self::NotificationResponse> + Send + 'a {
        self.service.notification(notification)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_the_runtime_are_told_apart() {
        let requests = Requests::default();
        for function in ["Core_version", "Core_version", "Metadata_metadata"] {
            requests.count("state_call", &Params::new(Some(&format!("[\"{function}\",\"0x\"]"))));
        }
        requests.count("state_call", &Params::new(Some("{}")));
        let counts = [("state_call", 1), ("state_call:Core_version", 2), ("state_call:Metadata_metadata", 1)];
        assert_eq!(requests.counts(), counts.map(|(name, count)| (name.to_owned(), count)).into());
    }

    #[test]
    fn made_up_names_do_not_fill_the_memory() {
        let requests = Requests::default();
        for number in 0..2 * MAX_NAMES {
            requests.count(&format!("name{number}"), &Params::new(None));
        }
        requests.count(&"x".repeat(MAX_NAME + 1), &Params::new(None));
        let counts = requests.counts();
        assert_eq!((counts.len(), counts[OTHER]), (MAX_NAMES + 1, u64::try_from(MAX_NAMES + 1).unwrap()));
    }
}
