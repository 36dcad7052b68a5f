use std::{collections::HashMap, sync::Arc};

use jsonrpsee::{PendingSubscriptionSink, types::Params};
use parity_scale_codec::Decode as _;
use serde::Serialize;
use serde_json::{Value, json};
use sp_core::{H256, OpaqueMetadata};

use super::{
    Answer, Context, Module, Registered, alias, blocking,
    chain::{found, notify},
    error,
    heads::{Heads, Step},
    hex::Hex,
};
use crate::{
    runtime::upgrade::happened,
    state::{Page, StateView, check_call_arguments},
};

/// Keys in one answer of `state_getKeysPaged`, as on other nodes.
const MAX_KEYS: u32 = 1000;
/// Keys of one storage subscription.
const MAX_WATCHED: usize = 4096;
/// Blocks that one `state_queryStorage` may span.
const MAX_SPAN: usize = 10_000;

pub fn register(module: &mut Module) -> Registered {
    blocking(module, "state_call", call)?;
    blocking(module, "state_getStorage", storage)?;
    blocking(module, "state_getStorageHash", storage_hash)?;
    blocking(module, "state_getStorageSize", storage_size)?;
    blocking(module, "state_getKeysPaged", keys_paged)?;
    blocking(module, "state_queryStorageAt", query_at)?;
    blocking(module, "state_queryStorage", query)?;
    blocking(module, "state_getReadProof", read_proof)?;
    blocking(module, "state_getMetadata", metadata)?;
    blocking(module, "state_getRuntimeVersion", |context, params| {
        let state = at(context, params.sequence().optional_next()?)?;
        state.version().map_err(|error| error::call(&error))
    })?;
    module.register_subscription(
        "state_subscribeRuntimeVersion",
        "state_runtimeVersion",
        "state_unsubscribeRuntimeVersion",
        |_, pending, context, _| version(pending, context),
    )?;
    module.register_subscription(
        "state_subscribeStorage",
        "state_storage",
        "state_unsubscribeStorage",
        |params, pending, context, _| watch(params, pending, context),
    )?;
    alias(
        module,
        &[
            ("state_callAt", "state_call"),
            ("state_getStorageAt", "state_getStorage"),
            ("state_getStorageHashAt", "state_getStorageHash"),
            ("state_getStorageSizeAt", "state_getStorageSize"),
            ("state_getKeysPagedAt", "state_getKeysPaged"),
            ("chain_getRuntimeVersion", "state_getRuntimeVersion"),
            ("chain_subscribeRuntimeVersion", "state_subscribeRuntimeVersion"),
            ("chain_unsubscribeRuntimeVersion", "state_unsubscribeRuntimeVersion"),
        ],
    )
}

/// The state after a block, or after the head.
pub fn at(context: &Context, hash: Option<H256>) -> Answer<StateView> {
    let block = found(context, hash).ok_or_else(|| error::unknown_block(hash.unwrap_or_default()))?;
    Ok(context.chain().state(&block))
}

fn call(context: &Context, params: &Params<'_>) -> Answer<Hex> {
    let mut params = params.sequence();
    let (method, data): (String, Option<Hex>) = (params.next()?, params.optional_next()?);
    let state = at(context, params.optional_next()?)?;
    let data = data.map(|data| data.0).unwrap_or_default();
    check_call_arguments(&state, &method, &data).map_err(|error| error::guard(&error))?;
    state.call(&method, &data).map(Hex).map_err(|error| error::call(&error))
}

fn storage(context: &Context, params: &Params<'_>) -> Answer<Option<Hex>> {
    let (state, key) = keyed(context, params)?;
    Ok(state.value(None, &key).map_err(|error| error::state(&error))?.map(Hex))
}

fn storage_hash(context: &Context, params: &Params<'_>) -> Answer<Option<H256>> {
    let (state, key) = keyed(context, params)?;
    state.hash(None, &key).map_err(|error| error::state(&error))
}

fn storage_size(context: &Context, params: &Params<'_>) -> Answer<Option<usize>> {
    let (state, key) = keyed(context, params)?;
    Ok(state.value(None, &key).map_err(|error| error::state(&error))?.map(|value| value.len()))
}

fn keyed(context: &Context, params: &Params<'_>) -> Answer<(StateView, Vec<u8>)> {
    let mut params = params.sequence();
    let Hex(key) = params.next()?;
    Ok((at(context, params.optional_next()?)?, key))
}

fn keys_paged(context: &Context, params: &Params<'_>) -> Answer<Vec<Hex>> {
    let mut params = params.sequence();
    let (prefix, count): (Option<Hex>, u32) = (params.optional_next()?, params.next()?);
    let after: Option<Hex> = params.optional_next()?;
    let state = at(context, params.optional_next()?)?;
    if count > MAX_KEYS {
        return Err(error::params(format!("count {count} exceeds {MAX_KEYS}; ask for pages")));
    }
    let page = Page {
        prefix: prefix.as_ref().map_or(&[], |prefix| &prefix.0),
        after: after.as_ref().map(|key| key.0.as_slice()),
        count: usize::try_from(count).unwrap_or_default(),
    };
    let keys = state.keys(None, page).map_err(|error| error::state(&error))?;
    Ok(keys.into_iter().map(Hex).collect())
}

/// What changed at a block.
#[derive(Clone, Serialize)]
struct Changes {
    block: H256,
    changes: Vec<(Hex, Option<Hex>)>,
}

/// The values under `keys`; only those that differ from `known`, which learns them.
fn changes(
    state: &StateView,
    block: H256,
    keys: &[Hex],
    known: &mut HashMap<Vec<u8>, Option<Vec<u8>>>,
) -> Answer<Changes> {
    let mut changes = Vec::new();
    for key in keys {
        let value = state.value(None, &key.0).map_err(|error| error::state(&error))?;
        if known.get(&key.0) != Some(&value) {
            changes.push((key.clone(), value.clone().map(Hex)));
            known.insert(key.0.clone(), value);
        }
    }
    Ok(Changes { block, changes })
}

fn query_at(context: &Context, params: &Params<'_>) -> Answer<Vec<Changes>> {
    let mut params = params.sequence();
    let (keys, hash): (Vec<Hex>, Option<H256>) = (params.next()?, params.optional_next()?);
    let block = found(context, hash).ok_or_else(|| error::unknown_block(hash.unwrap_or_default()))?;
    Ok(vec![changes(&context.chain().state(&block), block.hash, &keys, &mut HashMap::new())?])
}

fn query(context: &Context, params: &Params<'_>) -> Answer<Vec<Changes>> {
    let mut params = params.sequence();
    let (keys, from, to): (Vec<Hex>, H256, Option<H256>) = (params.next()?, params.next()?, params.optional_next()?);
    let first = found(context, Some(from)).ok_or_else(|| error::unknown_block(from))?;
    let last = found(context, to).ok_or_else(|| error::unknown_block(to.unwrap_or_default()))?;
    let span = usize::try_from(last.header.number.saturating_sub(first.header.number)).unwrap_or(usize::MAX);
    if span > MAX_SPAN {
        return Err(error::params(format!("{span} blocks exceed {MAX_SPAN}; ask for a shorter span")));
    }
    let rest =
        context.chain().after(first.head(), span).ok_or_else(|| error::params("the blocks are not one chain"))?;
    let mut known = HashMap::new();
    let mut answer = Vec::new();
    for block in std::iter::once(first).chain(rest) {
        let changed = changes(&context.chain().state(&block), block.hash, &keys, &mut known)?;
        if !changed.changes.is_empty() {
            answer.push(changed);
        }
    }
    Ok(answer)
}

fn read_proof(context: &Context, params: &Params<'_>) -> Answer<Value> {
    let mut params = params.sequence();
    let (keys, hash): (Vec<Hex>, Option<H256>) = (params.next()?, params.optional_next()?);
    let block = found(context, hash).ok_or_else(|| error::unknown_block(hash.unwrap_or_default()))?;
    let keys: Vec<Vec<u8>> = keys.into_iter().map(|key| key.0).collect();
    let proof = context.chain().state(&block).proof(&keys).map_err(|error| error::state(&error))?;
    Ok(json!({ "at": block.hash, "proof": proof.into_iter().map(Hex).collect::<Vec<_>>() }))
}

/// Metadata version 14, which is what this method has always answered.
fn metadata(context: &Context, params: &Params<'_>) -> Answer<Hex> {
    let state = at(context, params.sequence().optional_next()?)?;
    let answer = state.call("Metadata_metadata", &[]).map_err(|error| error::call(&error))?;
    let metadata = OpaqueMetadata::decode(&mut &*answer).map_err(error::params)?;
    Ok(Hex((*metadata).clone()))
}

/// The version now, and after every upgrade or revert that changes it.
async fn version(pending: PendingSubscriptionSink, context: Arc<Context>) {
    let Ok(sink) = pending.accept().await else { return };
    let (mut heads, mut block) = Heads::new(Arc::clone(context.engine.chain()));
    let mut told = None;
    loop {
        let state = context.chain().state(&block);
        let Ok(Ok(version)) = tokio::task::spawn_blocking(move || state.version()).await else { return };
        if told.as_ref() != Some(&version) {
            if notify(&sink, &version).await.is_none() {
                return;
            }
            told = Some(version);
        }
        block = loop {
            let step = tokio::select! {
                () = sink.closed() => return,
                step = heads.next() => step,
            };
            match step {
                None => return,
                Some(Step::Reverted(best)) => break best,
                Some(Step::Blocks(blocks)) => {
                    if let Some(upgraded) = blocks.iter().rfind(|block| happened(&block.header.digest)) {
                        break Arc::clone(upgraded);
                    }
                }
            }
        };
    }
}

async fn watch(params: Params<'static>, pending: PendingSubscriptionSink, context: Arc<Context>) {
    let keys = match params.sequence().optional_next::<Vec<Hex>>() {
        Ok(Some(keys)) if keys.len() <= MAX_WATCHED => Arc::new(keys),
        Ok(_) => return pending.reject(error::params(format!("give between 1 and {MAX_WATCHED} keys"))).await,
        Err(error) => return pending.reject(error).await,
    };
    let Ok(sink) = pending.accept().await else { return };
    let (mut heads, mut block) = Heads::new(Arc::clone(context.engine.chain()));
    let mut known = HashMap::new();
    let mut first = true;
    loop {
        let (keys, state, hash) = (Arc::clone(&keys), context.chain().state(&block), block.hash);
        let looked = tokio::task::spawn_blocking(move || {
            let changed = changes(&state, hash, &keys, &mut known);
            (changed, known)
        });
        let Ok((Ok(changed), learned)) = looked.await else { return };
        known = learned;
        if (first || !changed.changes.is_empty()) && notify(&sink, &changed).await.is_none() {
            return;
        }
        first = false;
        block = tokio::select! {
            () = sink.closed() => return,
            step = heads.next() => match step {
                None => return,
                Some(Step::Reverted(best)) => best,
                Some(Step::Blocks(blocks)) => match blocks.last() {
                    None => return,
                    Some(newest) => Arc::clone(newest),
                },
            },
        };
    }
}
