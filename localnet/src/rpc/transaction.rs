use std::sync::Arc;

use jsonrpsee::{PendingSubscriptionSink, types::Params};
use serde::Serialize;
use sp_core::H256;

use super::{Answer, Context, Module, Registered, blocking, chain::notify, hex::Hex, quick};
use crate::{
    engine::SubmitError,
    pool::{Status, Watcher, reason},
};

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

/// What becomes of an extrinsic that the pool does not take is told like everything else, as an event.
async fn watch(params: Params<'static>, pending: PendingSubscriptionSink, context: Arc<Context>) {
    let extrinsic = match params.sequence().next::<Hex>() {
        Ok(Hex(extrinsic)) => extrinsic,
        Err(error) => return pending.reject(error).await,
    };
    let (watcher, mut statuses) = Watcher::new();
    let engine = context.engine.clone();
    let submitted = tokio::task::spawn_blocking(move || engine.submit(extrinsic, Some(watcher))).await;
    let Ok(sink) = pending.accept().await else { return };
    if let Ok(Err(error)) = submitted {
        notify(&sink, &refused(&error)).await;
        return;
    }
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

fn refused(error: &SubmitError) -> Event {
    match error {
        SubmitError::Invalid(error) => Event::Invalid { error: reason(*error) },
        SubmitError::Guard(_) | SubmitError::Call(_) => Event::Invalid { error: error.to_string() },
        SubmitError::Pool(_) | SubmitError::Stopped => Event::Dropped { error: error.to_string() },
    }
}

/// Submits and forgets. What is wrong with the extrinsic is not told, as the specification has it.
fn broadcast(context: &Context, params: &Params<'_>) -> Answer<String> {
    let Hex(extrinsic) = params.sequence().next()?;
    let operation = hex::encode(sp_crypto_hashing::blake2_128(&extrinsic));
    if let Err(error) = context.engine.submit(extrinsic, None) {
        tracing::debug!(%error, "broadcast extrinsic refused");
    }
    Ok(operation)
}
