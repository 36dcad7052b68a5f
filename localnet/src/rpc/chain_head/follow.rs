use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use jsonrpsee::{ConnectionId, PendingSubscriptionSink, SubscriptionSink, types::Params};
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::{Value, json};
use sp_core::H256;

use crate::{
    engine::Block,
    rpc::{
        Answer, Context,
        chain::notify,
        error,
        heads::{Heads, Step},
    },
    runtime::upgrade::happened,
};

/// Follow subscriptions of one connection.
const MAX_FOLLOWS: usize = 4;
/// Blocks that a client may keep pinned before it must begin anew.
const MAX_PINNED: usize = 4096;
/// Operations of one subscription at a time.
const MAX_OPERATIONS: usize = 16;
/// How many blocks a new follower is shown.
const SHOWN_AT_START: u32 = 16;

/// The follow subscriptions of all clients, by id. Ids are random, so nobody guesses another's.
#[derive(Default)]
pub struct Follows(Mutex<HashMap<String, Arc<Follow>>>);

/// One follow subscription.
pub struct Follow {
    with_runtime: bool,
    sink: SubscriptionSink,
    pinned: Mutex<HashMap<H256, Arc<Block>>>,
    operations: Mutex<HashMap<String, Arc<AtomicBool>>>,
    counter: AtomicU64,
}

impl Follows {
    pub fn get(&self, id: &str) -> Option<Arc<Follow>> {
        self.0.lock().get(id).cloned()
    }

    fn count(&self, connection: ConnectionId) -> usize {
        self.0.lock().values().filter(|follow| follow.sink.connection_id() == connection).count()
    }
}

impl Follow {
    pub const fn with_runtime(&self) -> bool {
        self.with_runtime
    }

    /// A block that the client holds.
    pub fn pinned(&self, hash: H256) -> Answer<Arc<Block>> {
        self.pinned.lock().get(&hash).cloned().ok_or_else(|| error::chain_head::not_pinned(hash))
    }

    /// Lets blocks go; all of them or, when one is not held, none.
    pub fn unpin(&self, hashes: &[H256]) -> Answer<()> {
        if hashes.iter().collect::<HashSet<_>>().len() < hashes.len() {
            return Err(error::chain_head::duplicate_hashes());
        }
        let mut pinned = self.pinned.lock();
        if let Some(missing) = hashes.iter().find(|hash| !pinned.contains_key(*hash)) {
            return Err(error::chain_head::not_pinned(*missing));
        }
        for hash in hashes {
            pinned.remove(hash);
        }
        Ok(())
    }

    /// Room for an operation.
    pub fn begin(&self) -> Option<(String, Arc<AtomicBool>)> {
        let mut operations = self.operations.lock();
        if operations.len() >= MAX_OPERATIONS {
            return None;
        }
        let id = self.counter.fetch_add(1, Ordering::Relaxed).to_string();
        let stopped = Arc::new(AtomicBool::new(false));
        operations.insert(id.clone(), Arc::clone(&stopped));
        Some((id, stopped))
    }

    /// Stops an operation, or notes that it is done.
    pub fn end(&self, operation: &str) {
        if let Some(stopped) = self.operations.lock().remove(operation) {
            stopped.store(true, Ordering::Relaxed);
        }
    }

    /// Tells something; false when nobody listens.
    pub async fn send(&self, event: &(impl Serialize + Sync)) -> bool {
        notify(&self.sink, event).await.is_some()
    }

    /// Pins blocks; false when there are too many.
    fn pin(&self, blocks: &[Arc<Block>]) -> bool {
        let mut pinned = self.pinned.lock();
        pinned.extend(blocks.iter().map(|block| (block.hash, Arc::clone(block))));
        pinned.len() <= MAX_PINNED
    }
}

pub async fn follow(params: Params<'static>, pending: PendingSubscriptionSink, context: Arc<Context>) {
    let with_runtime = match params.sequence().optional_next::<bool>() {
        Ok(with_runtime) => with_runtime.unwrap_or(false),
        Err(error) => return pending.reject(error).await,
    };
    if context.follows.count(pending.connection_id()) >= MAX_FOLLOWS {
        return pending.reject(error::chain_head::too_many_follows()).await;
    }
    let id = match pending.subscription_id() {
        jsonrpsee::types::SubscriptionId::Num(id) => id.to_string(),
        jsonrpsee::types::SubscriptionId::Str(id) => id.into_owned(),
    };
    let Ok(sink) = pending.accept().await else { return };
    let follow = Arc::new(Follow {
        with_runtime,
        sink,
        pinned: Mutex::default(),
        operations: Mutex::default(),
        counter: AtomicU64::new(0),
    });
    context.follows.0.lock().insert(id.clone(), Arc::clone(&follow));
    run(&follow, &context).await;
    context.follows.0.lock().remove(&id);
    for stopped in follow.operations.lock().values() {
        stopped.store(true, Ordering::Relaxed);
    }
}

/// Tells of every block until the client leaves, or until a revert or too many pinned blocks end it.
async fn run(follow: &Follow, context: &Context) -> Option<()> {
    let (mut heads, best) = Heads::new(Arc::clone(context.engine.chain()));
    let first = best.header.number.saturating_sub(SHOWN_AT_START - 1);
    let mut shown: Vec<_> = (first..best.header.number).filter_map(|number| context.chain().at(number)).collect();
    shown.push(best);
    follow.pin(&shown);
    notify(&follow.sink, &initialized(follow, context, &shown)?).await?;
    loop {
        let step = tokio::select! {
            () = follow.sink.closed() => return None,
            step = heads.next() => step?,
        };
        let Step::Blocks(blocks) = step else { break };
        if !follow.pin(&blocks) {
            break;
        }
        for event in events(follow, context, &blocks)? {
            notify(&follow.sink, &event).await?;
        }
    }
    notify(&follow.sink, &json!({ "event": "stop" })).await
}

fn initialized(follow: &Follow, context: &Context, shown: &[Arc<Block>]) -> Option<Value> {
    let hashes: Vec<_> = shown.iter().map(|block| block.hash).collect();
    let mut event = json!({ "event": "initialized", "finalizedBlockHashes": hashes });
    if follow.with_runtime {
        event["finalizedBlockRuntime"] = runtime(context, shown.last()?)?;
    }
    Some(event)
}

/// Each block by itself, then the newest as best and all of them as final.
fn events(follow: &Follow, context: &Context, blocks: &[Arc<Block>]) -> Option<Vec<Value>> {
    let mut events = blocks
        .iter()
        .map(|block| {
            let parent = block.header.parent_hash;
            let mut event = json!({ "event": "newBlock", "blockHash": block.hash, "parentBlockHash": parent });
            if follow.with_runtime {
                let upgraded = happened(&block.header.digest);
                event["newRuntime"] = if upgraded { runtime(context, block)? } else { Value::Null };
            }
            Some(event)
        })
        .collect::<Option<Vec<_>>>()?;
    let hashes: Vec<_> = blocks.iter().map(|block| block.hash).collect();
    events.push(json!({ "event": "bestBlockChanged", "bestBlockHash": hashes.last() }));
    events.push(json!({ "event": "finalized", "finalizedBlockHashes": hashes, "prunedBlockHashes": [] }));
    Some(events)
}

/// The version of the runtime after a block, as the specification writes it; `None` if the state cannot be read.
fn runtime(context: &Context, block: &Block) -> Option<Value> {
    let version = context.chain().state(block).version().ok()?;
    let apis: serde_json::Map<_, _> =
        version.apis.iter().map(|(id, version)| (format!("0x{}", hex::encode(id)), json!(version))).collect();
    let spec = json!({
        "specName": version.spec_name,
        "implName": version.impl_name,
        "specVersion": version.spec_version,
        "implVersion": version.impl_version,
        "transactionVersion": version.transaction_version,
        "apis": apis,
    });
    Some(json!({ "type": "valid", "spec": spec }))
}
