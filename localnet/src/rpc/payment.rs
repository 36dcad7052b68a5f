//! What an extrinsic would cost and do, asked the old way. Newer clients call the runtime's functions themselves.

use jsonrpsee::types::Params;
use pallet_transaction_payment::{FeeDetails, RuntimeDispatchInfo};
use parity_scale_codec::{Decode, Encode as _};
use serde_json::{Value, json};
use sp_core::H256;
use sp_runtime::traits::Header as _;

use super::{Answer, Context, Module, Registered, blocking, chain::found, error, hex::Hex, state};
use crate::{
    runtime::{Balance, Header},
    state::{Overlay, call_in, check_call_arguments},
};

pub fn register(module: &mut Module) -> Registered {
    blocking(module, "payment_queryInfo", |context, params| {
        let info: RuntimeDispatchInfo<Balance> = ask(context, params, "TransactionPaymentApi_query_info")?;
        Ok(json!(info))
    })?;
    blocking(module, "payment_queryFeeDetails", |context, params| {
        let details: FeeDetails<Balance> = ask(context, params, "TransactionPaymentApi_query_fee_details")?;
        Ok(fees(&details))
    })?;
    blocking(module, "system_dryRun", dry_run)
}

/// Asks the runtime about an extrinsic of this length.
fn ask<T: Decode>(context: &Context, params: &Params<'_>, function: &str) -> Answer<T> {
    let mut params = params.sequence();
    let Hex(mut question) = params.next()?;
    let length = u32::try_from(question.len()).map_err(error::params)?;
    length.encode_to(&mut question);
    let state = state::at(context, params.optional_next()?)?;
    check_call_arguments(&state, function, &question).map_err(|error| error::guard(&error))?;
    let answer = state.call(function, &question).map_err(|error| error::call(&error))?;
    T::decode(&mut &*answer).map_err(error::params)
}

/// Amounts as hexadecimal digits, in which no reader loses a rao.
fn fees(details: &FeeDetails<Balance>) -> Value {
    let hex = |amount: Balance| format!("{amount:#x}");
    let inclusion = details.inclusion_fee.as_ref().map(|fee| {
        json!({
            "baseFee": hex(fee.base_fee),
            "lenFee": hex(fee.len_fee),
            "adjustedWeightFee": hex(fee.adjusted_weight_fee),
        })
    });
    json!({ "inclusionFee": inclusion })
}

/// The encoded outcome of an extrinsic as the first of a block on top of a block; nothing of it stays.
fn dry_run(context: &Context, params: &Params<'_>) -> Answer<Hex> {
    let apply = "BlockBuilder_apply_extrinsic";
    let mut params = params.sequence();
    let Hex(extrinsic) = params.next()?;
    let parent: Option<H256> = params.optional_next()?;
    let parent = found(context, parent).ok_or_else(|| error::unknown_block(parent.unwrap_or_default()))?;
    let state = context.chain().state(&parent);
    check_call_arguments(&state, apply, &extrinsic).map_err(|error| error::guard(&error))?;
    let number = parent.header.number.saturating_add(1);
    let header = Header::new(number, H256::zero(), H256::zero(), parent.hash, sp_runtime::Digest::default());
    let (backend, mut overlay) = (state.backend(), Overlay::default());
    let mut call = |function: &str, data: &[u8]| {
        call_in(&backend, &mut overlay, function, data).map_err(|error| error::call(&error))
    };
    call("Core_initialize_block", &header.encode())?;
    call(apply, &extrinsic).map(Hex)
}
