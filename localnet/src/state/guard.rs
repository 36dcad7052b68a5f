use parity_scale_codec::{Compact, Decode, DecodeLimit};
use sp_core::H256;
use sp_runtime::transaction_validity::TransactionSource;

use super::StateView;
use crate::runtime::{Block, RuntimeCall, UncheckedExtrinsic};

/// The largest extrinsic that is looked at, in bytes. A full weight vector takes about one thousandth of it.
pub const MAX_EXTRINSIC_BYTES: usize = 1 << 20;
/// How deep calls may nest in one extrinsic; FRAME's own limit.
pub const MAX_CALL_DEPTH: u32 = frame_support::MAX_EXTRINSIC_DEPTH;

/// Why bytes from outside are not handed to the runtime.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GuardError {
    /// More bytes than are looked at.
    #[error("{bytes} bytes are too many: the limit is {limit}; split the batch")]
    TooLong {
        /// Bytes received.
        bytes: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The length prefix does not fit the bytes that follow it. The runtime would allocate what it promises.
    #[error("the length prefix says {promised} bytes but {present} follow")]
    Length {
        /// The prefix.
        promised: u32,
        /// What follows.
        present: usize,
    },
    /// Not an extrinsic of this runtime, or calls nested too deep.
    #[error("cannot be decoded: {0}")]
    Malformed(String),
}

/// Checks that `bytes` are one extrinsic that the runtime in force in `state` can decode within its stack and memory.
///
/// # Errors
/// When they are too long, malformed or nested deeper than [`MAX_CALL_DEPTH`].
pub fn check_extrinsic(state: &StateView, bytes: &[u8]) -> Result<(), GuardError> {
    check_length(bytes)?;
    let mut rest = bytes;
    let Compact(promised) = Compact::<u32>::decode(&mut rest).map_err(malformed)?;
    if usize::try_from(promised).ok() != Some(rest.len()) {
        return Err(GuardError::Length { promised, present: rest.len() });
    }
    let decoded = state.within(|| UncheckedExtrinsic::decode_all_with_depth_limit(MAX_CALL_DEPTH, &mut &*bytes));
    decoded.map(drop).map_err(malformed)
}

/// Checks the arguments of those runtime functions that take calls, extrinsics or blocks: only these can nest.
///
/// # Errors
/// As [`check_extrinsic`].
pub fn check_call_arguments(state: &StateView, method: &str, data: &[u8]) -> Result<(), GuardError> {
    match method {
        "TaggedTransactionQueue_validate_transaction" => {
            let mut rest = data;
            TransactionSource::decode(&mut rest).map_err(malformed)?;
            let extrinsic = rest.len().checked_sub(size_of::<H256>()).ok_or_else(|| malformed("block hash missing"))?;
            check_extrinsic(state, &rest[..extrinsic])
        }
        "BlockBuilder_apply_extrinsic" => check_extrinsic(state, data),
        "TransactionPaymentApi_query_info" | "TransactionPaymentApi_query_fee_details" => {
            let extrinsic = data.len().checked_sub(size_of::<u32>()).ok_or_else(|| malformed("length missing"))?;
            check_extrinsic(state, &data[..extrinsic])
        }
        "TransactionPaymentCallApi_query_call_info" | "TransactionPaymentCallApi_query_call_fee_details" => {
            check_nesting::<(RuntimeCall, u32)>(state, data)
        }
        "Core_execute_block" | "BlockBuilder_check_inherents" => check_nesting::<Block>(state, data),
        _ => Ok(()),
    }
}

fn check_nesting<T: Decode>(state: &StateView, data: &[u8]) -> Result<(), GuardError> {
    check_length(data)?;
    state.within(|| T::decode_with_depth_limit(MAX_CALL_DEPTH, &mut &*data)).map(drop).map_err(malformed)
}

const fn check_length(bytes: &[u8]) -> Result<(), GuardError> {
    if bytes.len() > MAX_EXTRINSIC_BYTES {
        return Err(GuardError::TooLong { bytes: bytes.len(), limit: MAX_EXTRINSIC_BYTES });
    }
    Ok(())
}

#[expect(clippy::needless_pass_by_value, reason = "errors come by value from map_err")]
fn malformed(error: impl ToString) -> GuardError {
    GuardError::Malformed(error.to_string())
}
