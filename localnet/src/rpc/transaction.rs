use std::sync::Arc;

use jsonrpsee::{
    PendingSubscriptionSink,
    types::{ErrorObjectOwned, Params},
};
use serde::Serialize;
use sp_core::H256;

use super::{Answer, Context, Module, Registered, author::submitted, blocking, chain::notify, error, hex::Hex, quick};
use crate::{engine::SubmitError, pool::Status};

pub fn register(module: &mut Module) -> Registered {
    module.register_subscription(
        "transactionWatch_v1_submitAndWatch",
        "transactionWatch_v1_watchEvent",
        "transactionWatch_v1_unwatch",
        |params, pending, context, _| watch(params, pending, context),
    )?;
    blocking(module, "transaction_v1_broadcast", broadcast)?;
    // There are no peers: a broadcast is over as soon as it begins.
    quick(module, "transaction_v1_stop", |_, params| {
        let _operation: String = params.sequence().next()?;
        Ok(())
    })
}

/// Events of the interface specification.
#[derive(Serialize)]
#[serde(rename_all = "camelCase", tag = "event")]
enum Event {
    Validated,
    BestChainBlockIncluded { block: Place },
    Finalized { block: Place },
    Invalid { error: String },
    Dropped { error: String },
}

#[derive(Serialize, Clone, Copy)]
struct Place {
    hash: H256,
    index: u32,
}

/// The specification wants a submission that fails to be told as an event, but a client that waits for the
/// subscription's answer learns more from an error, as other nodes give it.
async fn watch(params: Params<'static>, pending: PendingSubscriptionSink, context: Arc<Context>) {
    let code: fn(SubmitError) -> ErrorObjectOwned = error::submit;
    let Some((sink, mut statuses)) = submitted(&params, pending, &context, code).await else { return };
    loop {
        let status = tokio::select! {
            () = sink.closed() => return,
            status = statuses.recv() => status,
        };
        let events = match status {
            None => return,
            Some(Status::Ready) => vec![Event::Validated],
            Some(Status::Future) => Vec::new(),
            Some(Status::Included { block: hash, index }) => {
                let block = Place { hash, index };
                vec![Event::BestChainBlockIncluded { block }, Event::Finalized { block }]
            }
            Some(Status::Usurped(by)) => vec![Event::Dropped { error: format!("replaced by {by:?}") }],
            Some(Status::Dropped) => vec![Event::Dropped { error: "dropped from the pool".to_owned() }],
            Some(Status::Invalid(error)) => vec![Event::Invalid { error }],
        };
        for event in events {
            if notify(&sink, &event).await.is_none() {
                return;
            }
        }
    }
}

/// Submits and forgets. What is wrong with the extrinsic is not told, as the specification has it.
fn broadcast(context: &Context, params: Params<'_>) -> Answer<String> {
    let Hex(extrinsic) = params.sequence().next()?;
    let operation = hex::encode(&sp_crypto_hashing::blake2_128(&extrinsic));
    if let Err(error) = context.engine.submit(extrinsic, None) {
        tracing::debug!(%error, "broadcast extrinsic refused");
    }
    Ok(operation)
}
