use jsonrpsee::types::Params;
use parity_scale_codec::{Decode as _, Encode as _};
use serde_json::json;
use sp_core::crypto::Ss58Codec as _;
use sp_runtime::AccountId32;

use super::{Answer, Context, Module, Registered, alias, blocking, error, hex::Hex, quick};
use crate::runtime::{Nonce, VERSION};

/// What clients show as the chain's name.
pub const CHAIN_NAME: &str = "assay localnet";

pub fn register(module: &mut Module) -> Registered {
    quick(module, "system_chain", |_, _| Ok(CHAIN_NAME))?;
    quick(module, "system_name", |_, _| Ok(VERSION.impl_name))?;
    quick(module, "system_version", |_, _| Ok(env!("CARGO_PKG_VERSION")))?;
    quick(module, "system_chainType", |_, _| Ok("Development"))?;
    quick(module, "system_properties", |_, _| Ok(properties()))?;
    quick(module, "system_health", |_, _| Ok(json!({ "peers": 0, "isSyncing": false, "shouldHavePeers": false })))?;
    quick(module, "system_peers", |_, _| Ok(json!([])))?;
    quick(module, "system_nodeRoles", |_, _| Ok(json!(["Authority"])))?;
    quick(module, "system_syncState", |context, _| {
        let head = context.chain().best().header.number;
        Ok(json!({ "startingBlock": 0, "currentBlock": head, "highestBlock": head }))
    })?;
    quick(module, "chainSpec_v1_chainName", |_, _| Ok(CHAIN_NAME))?;
    quick(module, "chainSpec_v1_genesisHash", |context, _| Ok(context.chain().genesis().hash))?;
    quick(module, "chainSpec_v1_properties", |_, _| Ok(properties()))?;
    blocking(module, "system_accountNextIndex", next_index)?;
    alias(module, &[("account_nextIndex", "system_accountNextIndex")])
}

fn properties() -> serde_json::Value {
    json!({ "ss58Format": 42, "tokenDecimals": 9, "tokenSymbol": "TAO" })
}

/// The state's nonce, moved past those that wait in the pool: clients send several in a row.
fn next_index(context: &Context, params: &Params<'_>) -> Answer<Nonce> {
    let account: String = params.sequence().next()?;
    let account = match AccountId32::from_ss58check(&account) {
        Ok(account) => account,
        Err(_) => serde_json::from_value::<Hex>(json!(account))
            .ok()
            .and_then(|bytes| AccountId32::try_from(bytes.0.as_slice()).ok())
            .ok_or_else(|| error::params("not an account; give an SS58 address or 32 bytes"))?,
    };
    // Head and pool change together under this lock; looked at one after the other, a nonce could be missed.
    let pool = context.engine.pool().lock();
    let state = context.chain().state(&context.chain().best());
    let answer = state.call("AccountNonceApi_account_nonce", &account.encode()).map_err(|error| error::call(&error))?;
    let nonce = Nonce::decode(&mut &*answer).map_err(error::params)?;
    Ok(pool.next_nonce(&account, nonce))
}
