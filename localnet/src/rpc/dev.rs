use std::sync::Arc;

use jsonrpsee::types::{ErrorObjectOwned, Params};
use serde::{Deserialize, Serialize};
use sp_core::H256;

use super::{Answer, Context, Module, Registered, error};
use crate::{engine::Head, runtime::upgrade::Upgrade};

/// Blocks of one request.
const MAX_BLOCKS: u32 = 1_000_000;

/// Where the head is afterwards.
#[derive(Clone, Serialize)]
struct Moved {
    number: u32,
    hash: H256,
}

impl From<Head> for Moved {
    fn from(head: Head) -> Self {
        Self { number: head.number, hash: head.hash }
    }
}

pub fn register(module: &mut Module) -> Registered {
    module.register_async_method("dev_newBlock", |params, context, _| async move {
        let count = argument(&params, "count")?.unwrap_or(1);
        moved(context.engine.produce(within(count)?).await)
    })?;
    module.register_async_method("dev_advanceTo", |params, context: Arc<Context>, _| async move {
        let number = argument(&params, "block")?.ok_or_else(|| error::params("give a block number"))?;
        within(number.saturating_sub(context.chain().best().header.number))?;
        moved(context.engine.advance_to(number).await)
    })?;
    module.register_async_method("dev_revert", |params, context, _| async move {
        moved(context.engine.revert(argument(&params, "count")?.unwrap_or(1)).await)
    })?;
    module.register_async_method("dev_withholdPulses", |params, context, _| async move {
        let pulses = params.sequence().optional_next::<bool>()?.unwrap_or(true);
        moved(context.engine.withhold_pulses(pulses).await)
    })?;
    module.register_async_method("dev_upgrade", |params, context, _| async move {
        let upgrade: Upgrade = if params.is_object() { params.parse()? } else { params.one()? };
        moved(context.engine.upgrade(upgrade).await)
    })?;
    module.register_method("dev_requests", |_, context, _| serde_json::json!(context.requests.counts())).map(drop)
}

fn moved(result: Result<Head, crate::engine::EngineError>) -> Answer<Moved> {
    result.map(Moved::from).map_err(|error| error::engine(&error))
}

fn within(count: u32) -> Result<u32, ErrorObjectOwned> {
    if count > MAX_BLOCKS {
        return Err(error::params(format!("{count} blocks exceed {MAX_BLOCKS}; ask in portions")));
    }
    Ok(count)
}

/// One number: `[5]`, `[{"count": 5}]`, `{"count": 5}` or nothing.
fn argument(params: &Params<'_>, name: &'static str) -> Answer<Option<u32>> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Argument {
        Number(u32),
        Named(std::collections::BTreeMap<String, u32>),
    }
    let argument = if params.is_object() {
        Some(params.parse::<Argument>()?)
    } else {
        params.sequence().optional_next::<Argument>()?
    };
    match argument {
        None => Ok(None),
        Some(Argument::Number(number)) => Ok(Some(number)),
        Some(Argument::Named(named)) => match named.get(name) {
            Some(number) => Ok(Some(*number)),
            None => Err(error::params(format!("the parameter is called {name}"))),
        },
    }
}
