use std::sync::Arc;

use jsonrpsee::{PendingSubscriptionSink, types::Params};
use parity_scale_codec::Encode as _;
use serde::Serialize;
use serde_json::{Value, json};
use sp_core::H256;

use super::{
    Answer, Context, Module, Registered, blocking,
    chain::notify,
    error,
    hex::Hex,
    quick,
    storage::{Item, Query, Scan},
};
use crate::state::{StateView, check_call_arguments};

/// Questions in one request.
const MAX_QUERIES: usize = 1024;

pub fn register(module: &mut Module) -> Registered {
    quick(module, "archive_v1_genesisHash", |context, _| Ok(context.chain().genesis().hash))?;
    quick(module, "archive_v1_finalizedHeight", |context, _| Ok(context.chain().best().header.number))?;
    quick(module, "archive_v1_hashByHeight", |context, params| {
        let height: u64 = params.sequence().next()?;
        let block = u32::try_from(height).ok().and_then(|height| context.chain().at(height));
        Ok(block.map(|block| block.hash).into_iter().collect::<Vec<_>>())
    })?;
    quick(module, "archive_v1_header", |context, params| {
        let block = context.chain().block(params.sequence().next()?);
        Ok(block.map(|block| Hex(block.header.encode())))
    })?;
    quick(module, "archive_v1_body", |context, params| {
        let block = context.chain().block(params.sequence().next()?);
        Ok(block.map(|block| block.body.iter().cloned().map(Hex).collect::<Vec<_>>()))
    })?;
    blocking(module, "archive_v1_call", call)?;
    module
        .register_subscription(
            "archive_v1_storage",
            "archive_v1_storageEvent",
            "archive_v1_stopStorage",
            |params, pending, context, _| storage(params, pending, context),
        )
        .map(drop)
}

fn call(context: &Context, params: &Params<'_>) -> Answer<Value> {
    let mut params = params.sequence();
    let (hash, function): (H256, String) = (params.next()?, params.next()?);
    let Hex(data) = params.next()?;
    let Some(block) = context.chain().block(hash) else {
        return Ok(Value::Null);
    };
    let state = context.chain().state(&block);
    check_call_arguments(&state, &function, &data).map_err(|error| error::guard(&error))?;
    Ok(match state.call(&function, &data) {
        Ok(value) => json!({ "success": true, "value": Hex(value) }),
        Err(error) => json!({ "success": false, "error": error.to_string() }),
    })
}

/// Events of the interface specification.
#[derive(Serialize)]
#[serde(tag = "event")]
enum Event {
    #[serde(rename = "storage")]
    Storage(Item),
    #[serde(rename = "storageError")]
    Error { error: String },
    #[serde(rename = "storageDone")]
    Done,
}

async fn storage(params: Params<'static>, pending: PendingSubscriptionSink, context: Arc<Context>) {
    let (hash, queries, child) = match questions(&params) {
        Ok(questions) => questions,
        Err(error) => return pending.reject(error).await,
    };
    let state: Option<StateView> = context.chain().block(hash).map(|block| context.chain().state(&block));
    let Ok(sink) = pending.accept().await else { return };
    let Some(state) = state else {
        notify(&sink, &Event::Error { error: format!("block {hash:?} is not known") }).await;
        return;
    };
    let mut scan = Scan::new(state, queries, child);
    loop {
        let read = tokio::task::spawn_blocking(move || {
            let page = scan.page();
            (page, scan)
        });
        let Ok((page, rest)) = read.await else { return };
        scan = rest;
        let items = match page {
            Ok(items) => items,
            Err(error) => {
                notify(&sink, &Event::Error { error: error.to_string() }).await;
                return;
            }
        };
        if items.is_empty() {
            notify(&sink, &Event::Done).await;
            return;
        }
        for item in items {
            if notify(&sink, &Event::Storage(item)).await.is_none() {
                return;
            }
        }
    }
}

fn questions(params: &Params<'_>) -> Answer<(H256, Vec<Query>, Option<Hex>)> {
    let mut params = params.sequence();
    let (hash, queries): (H256, Vec<Query>) = (params.next()?, params.next()?);
    if queries.len() > MAX_QUERIES {
        return Err(error::params(format!("{} items exceed {MAX_QUERIES}; ask in portions", queries.len())));
    }
    Ok((hash, queries, params.optional_next()?))
}
