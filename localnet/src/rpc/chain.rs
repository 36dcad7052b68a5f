use std::sync::Arc;

use jsonrpsee::{PendingSubscriptionSink, SubscriptionSink, types::Params};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sp_core::H256;

use super::{
    Answer, Context, Module, Registered, alias, error,
    heads::{Heads, Step},
    hex::Hex,
    quick,
};
use crate::engine::Block;

pub fn register(module: &mut Module) -> Registered {
    quick(module, "chain_getBlockHash", block_hash)?;
    quick(module, "chain_getFinalizedHead", |context, _| Ok(context.chain().best().hash))?;
    quick(module, "chain_getHeader", header)?;
    quick(module, "chain_getBlock", block)?;
    for (subscribe, notification, unsubscribe) in [
        ("chain_subscribeNewHeads", "chain_newHead", "chain_unsubscribeNewHeads"),
        ("chain_subscribeAllHeads", "chain_allHead", "chain_unsubscribeAllHeads"),
        ("chain_subscribeFinalizedHeads", "chain_finalizedHead", "chain_unsubscribeFinalizedHeads"),
    ] {
        module.register_subscription(subscribe, notification, unsubscribe, |_, pending, context, _| {
            heads(pending, context)
        })?;
    }
    alias(
        module,
        &[
            ("chain_getHead", "chain_getBlockHash"),
            ("chain_getFinalisedHead", "chain_getFinalizedHead"),
            ("chain_subscribeNewHead", "chain_subscribeNewHeads"),
            ("chain_unsubscribeNewHead", "chain_unsubscribeNewHeads"),
            ("chain_subscribeFinalisedHeads", "chain_subscribeFinalizedHeads"),
            ("chain_unsubscribeFinalisedHeads", "chain_unsubscribeFinalizedHeads"),
        ],
    )
}

/// A block number in any of the ways clients write one.
#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Decimal(u64),
    Hex(String),
}

impl Number {
    fn resolve(&self) -> Answer<Option<u32>> {
        let number = match self {
            Self::Decimal(number) => Some(*number),
            Self::Hex(text) => u64::from_str_radix(text.trim_start_matches("0x"), 16).ok(),
        };
        let number = number.ok_or_else(|| error::params("not a block number; give a number or 0x and digits"))?;
        Ok(u32::try_from(number).ok())
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Numbers {
    List(Vec<Number>),
    One(Number),
}

fn block_hash(context: &Context, params: &Params<'_>) -> Answer<Value> {
    let hash = |number: &Number| -> Answer<Option<H256>> {
        Ok(number.resolve()?.and_then(|number| context.chain().at(number)).map(|block| block.hash))
    };
    Ok(match params.sequence().optional_next::<Numbers>()? {
        None => json!(context.chain().best().hash),
        Some(Numbers::One(number)) => json!(hash(&number)?),
        Some(Numbers::List(numbers)) => json!(numbers.iter().map(hash).collect::<Answer<Vec<_>>>()?),
    })
}

fn header(context: &Context, params: &Params<'_>) -> Answer<Value> {
    Ok(found(context, params.sequence().optional_next()?).map_or(Value::Null, |block| json!(block.header)))
}

fn block(context: &Context, params: &Params<'_>) -> Answer<Value> {
    #[derive(Serialize)]
    struct Whole<'a> {
        header: &'a crate::runtime::Header,
        extrinsics: Vec<Hex>,
    }
    let Some(block) = found(context, params.sequence().optional_next()?) else {
        return Ok(Value::Null);
    };
    let whole = Whole { header: &block.header, extrinsics: block.body.iter().cloned().map(Hex).collect() };
    Ok(json!({ "block": whole, "justifications": null }))
}

/// The block with a hash, or the head.
pub fn found(context: &Context, hash: Option<H256>) -> Option<Arc<Block>> {
    hash.map_or_else(|| Some(context.chain().best()), |hash| context.chain().block(hash))
}

/// Best, all and finalized heads are one and the same here.
async fn heads(pending: PendingSubscriptionSink, context: Arc<Context>) {
    let Ok(sink) = pending.accept().await else { return };
    let (mut heads, best) = Heads::new(Arc::clone(context.engine.chain()));
    if notify(&sink, &best.header).await.is_none() {
        return;
    }
    loop {
        let step = tokio::select! {
            () = sink.closed() => return,
            step = heads.next() => step,
        };
        let blocks = match step {
            None => return,
            Some(Step::Blocks(blocks)) => blocks,
            Some(Step::Reverted(best)) => vec![best],
        };
        for block in blocks {
            if notify(&sink, &block.header).await.is_none() {
                return;
            }
        }
    }
}

/// Sends one notification; `None` when nobody listens any longer.
pub async fn notify(sink: &SubscriptionSink, item: &impl Serialize) -> Option<()> {
    let message = serde_json::value::to_raw_value(item).ok()?;
    sink.send(message).await.ok()
}
