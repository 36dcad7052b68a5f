use std::sync::Arc;

use jsonrpsee::{PendingSubscriptionSink, SubscriptionSink, types::Params};
use serde::Serialize;
use sp_core::H256;
use tokio::sync::mpsc::UnboundedReceiver;

use super::{Answer, Context, Module, Registered, blocking, chain::notify, error, hex::Hex, quick};
use crate::pool::{Status, Watcher};

pub fn register(module: &mut Module) -> Registered {
    blocking(module, "author_submitExtrinsic", submit)?;
    quick(module, "author_pendingExtrinsics", |context, _| {
        let pending = context.engine.pool().lock().pending();
        Ok(pending.iter().map(|bytes| Hex(bytes.to_vec())).collect::<Vec<_>>())
    })?;
    module
        .register_subscription(
            "author_submitAndWatchExtrinsic",
            "author_extrinsicUpdate",
            "author_unwatchExtrinsic",
            |params, pending, context, _| submit_and_watch(params, pending, context),
        )
        .map(drop)
}

fn submit(context: &Context, params: &Params<'_>) -> Answer<H256> {
    let Hex(extrinsic) = params.sequence().next()?;
    context.engine.submit(extrinsic, None).map_err(error::submit)
}

/// Submits the first parameter and accepts the subscription, or rejects it with the reason.
async fn submitted(
    params: &Params<'static>,
    pending: PendingSubscriptionSink,
    context: &Arc<Context>,
) -> Option<(SubscriptionSink, UnboundedReceiver<Status>)> {
    let extrinsic = match params.sequence().next::<Hex>() {
        Ok(Hex(extrinsic)) => extrinsic,
        Err(error) => {
            pending.reject(error).await;
            return None;
        }
    };
    let (watcher, statuses) = Watcher::new();
    let engine = context.engine.clone();
    match tokio::task::spawn_blocking(move || engine.submit(extrinsic, Some(watcher))).await.ok()? {
        Ok(_) => Some((pending.accept().await.ok()?, statuses)),
        Err(error) => {
            pending.reject(error::submit(error)).await;
            None
        }
    }
}

/// Statuses as `author_submitAndWatchExtrinsic` writes them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Update {
    Future,
    Ready,
    InBlock(H256),
    Finalized(H256),
    Usurped(H256),
    Dropped,
    Invalid,
}

async fn submit_and_watch(params: Params<'static>, pending: PendingSubscriptionSink, context: Arc<Context>) {
    let Some((sink, mut statuses)) = submitted(&params, pending, &context).await else { return };
    loop {
        let status = tokio::select! {
            () = sink.closed() => return,
            status = statuses.recv() => status,
        };
        let updates = match status {
            None => return,
            Some(Status::Ready) => vec![Update::Ready],
            Some(Status::Future) => vec![Update::Future],
            // Every block is final at once.
            Some(Status::Included { block, .. }) => vec![Update::InBlock(block), Update::Finalized(block)],
            Some(Status::Usurped(by)) => vec![Update::Usurped(by)],
            Some(Status::Dropped) => vec![Update::Dropped],
            Some(Status::Invalid(_)) => vec![Update::Invalid],
        };
        for update in updates {
            if notify(&sink, &update).await.is_none() {
                return;
            }
        }
    }
}
