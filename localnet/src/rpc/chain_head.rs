//! The `chainHead_v1` methods.

use std::sync::Arc;

use jsonrpsee::{
    ResponsePayload,
    types::{Params, params::ParamsSequence},
};
use parity_scale_codec::Encode as _;
use serde::Deserialize;
use serde_json::{Value, json};
use sp_core::H256;

use super::{
    Answer, Context, Module, Registered, error,
    hex::Hex,
    quick,
    storage::{Query, Scan},
};
use crate::{engine::Block, state::check_call_arguments};

mod follow;
mod operation;

use follow::Follow;
pub use follow::Follows;
use operation::{Operation, Work};

/// Questions in one request.
const MAX_QUERIES: usize = 1024;

pub fn register(module: &mut Module) -> Registered {
    module.register_subscription(
        "chainHead_v1_follow",
        "chainHead_v1_followEvent",
        "chainHead_v1_unfollow",
        |params, pending, context, _| follow::follow(params, pending, context),
    )?;
    quick(module, "chainHead_v1_header", header)?;
    quick(module, "chainHead_v1_unpin", unpin)?;
    quick(module, "chainHead_v1_continue", resume)?;
    quick(module, "chainHead_v1_stopOperation", stop)?;
    module.register_async_method("chainHead_v1_body", |params, context, _| async move {
        operate(&params, &context, body)
    })?;
    module.register_async_method("chainHead_v1_call", |params, context, _| async move {
        operate(&params, &context, call)
    })?;
    module.register_async_method("chainHead_v1_storage", |params, context, _| async move {
        operate(&params, &context, storage)
    })?;
    Ok(())
}

/// A stale subscription has no headers.
fn header(context: &Context, params: &Params<'_>) -> Answer<Option<Hex>> {
    let mut params = params.sequence();
    let (id, hash): (String, H256) = (params.next()?, params.next()?);
    let Some(follow) = context.follows.get(&id) else { return Ok(None) };
    Ok(Some(Hex(follow.pinned(hash)?.header.encode())))
}

fn unpin(context: &Context, params: &Params<'_>) -> Answer<()> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Hashes {
        One(H256),
        List(Vec<H256>),
    }
    let mut params = params.sequence();
    let id: String = params.next()?;
    let hashes = match params.next::<Hashes>()? {
        Hashes::One(hash) => vec![hash],
        Hashes::List(hashes) => hashes,
    };
    context.follows.get(&id).map_or(Ok(()), |follow| follow.unpin(&hashes))
}

/// No operation ever waits: whoever reads slowly is waited for.
fn resume(context: &Context, params: &Params<'_>) -> Answer<()> {
    let mut params = params.sequence();
    let (id, _operation): (String, String) = (params.next()?, params.next()?);
    match context.follows.get(&id) {
        None => Ok(()),
        Some(_) => Err(error::chain_head::not_waiting()),
    }
}

fn stop(context: &Context, params: &Params<'_>) -> Answer<()> {
    let mut params = params.sequence();
    let (id, operation): (String, String) = (params.next()?, params.next()?);
    if let Some(follow) = context.follows.get(&id) {
        follow.end(&operation);
    }
    Ok(())
}

type Prepare = fn(&Context, &Follow, &Arc<Block>, ParamsSequence<'_>) -> Answer<Work>;

/// Answers with an operation's name, and only then starts it: its events must not overtake the answer.
fn operate(params: &Params<'static>, context: &Context, prepare: Prepare) -> ResponsePayload<'static, Value> {
    match begin(params, context, prepare) {
        Err(error) => ResponsePayload::error(error),
        Ok(None) => ResponsePayload::success(json!({ "result": "limitReached" })),
        Ok(Some((operation, work))) => {
            let answer = json!({ "result": "started", "operationId": operation.id() });
            let (response, answered) = ResponsePayload::success(answer).notify_on_completion();
            tokio::spawn(async move {
                if answered.await.is_ok() {
                    operation.run(work).await;
                }
            });
            response
        }
    }
}

fn begin(params: &Params<'static>, context: &Context, prepare: Prepare) -> Answer<Option<(Operation, Work)>> {
    let mut params = params.sequence();
    let (id, hash): (String, H256) = (params.next()?, params.next()?);
    // The specification treats a subscription that is gone like one at its limit.
    let Some(follow) = context.follows.get(&id) else { return Ok(None) };
    let block = follow.pinned(hash)?;
    let work = prepare(context, &follow, &block, params)?;
    Ok(Operation::begin(follow).map(|operation| (operation, work)))
}

fn body(_: &Context, _: &Follow, block: &Arc<Block>, _: ParamsSequence<'_>) -> Answer<Work> {
    Ok(Work::Body(Arc::clone(block)))
}

fn call(context: &Context, follow: &Follow, block: &Arc<Block>, mut params: ParamsSequence<'_>) -> Answer<Work> {
    if !follow.with_runtime() {
        return Err(error::chain_head::without_runtime());
    }
    let (function, Hex(data)): (String, Hex) = (params.next()?, params.next()?);
    let state = context.chain().state(block);
    check_call_arguments(&state, &function, &data).map_err(|error| error::guard(&error))?;
    Ok(Work::Call { state, function, data })
}

fn storage(context: &Context, _: &Follow, block: &Arc<Block>, mut params: ParamsSequence<'_>) -> Answer<Work> {
    let queries: Vec<Query> = params.next()?;
    if queries.len() > MAX_QUERIES {
        return Err(error::params(format!("{} items exceed {MAX_QUERIES}; ask in portions", queries.len())));
    }
    Ok(Work::Storage(Scan::new(context.chain().state(block), queries, params.optional_next()?)))
}
