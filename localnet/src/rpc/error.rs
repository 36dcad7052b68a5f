use jsonrpsee::types::ErrorObjectOwned;
use sp_core::H256;
use sp_runtime::transaction_validity::TransactionValidityError;

use crate::{
    engine::{EngineError, SubmitError},
    pool::{PoolError, reason},
    state::{CallError, GuardError, StateError},
};

/// Invalid parameters.
const PARAMS: i32 = -32602;

#[expect(clippy::needless_pass_by_value, reason = "errors come by value from map_err")]
fn plain(code: i32, message: impl ToString) -> ErrorObjectOwned {
    ErrorObjectOwned::owned(code, message.to_string(), None::<()>)
}

pub fn params(message: impl ToString) -> ErrorObjectOwned {
    plain(PARAMS, message)
}

/// Code 4003, as `state_*` methods of Substrate answer about blocks they do not have.
pub fn unknown_block(hash: H256) -> ErrorObjectOwned {
    plain(4003, format!("Client error: UnknownBlock: Header was not found in the database: {hash:?}"))
}

/// The Python SDK reads this text to fall back to older runtime functions.
pub fn call(error: &CallError) -> ErrorObjectOwned {
    plain(4003, format!("Client error: Execution failed: {error}"))
}

pub fn state(error: &StateError) -> ErrorObjectOwned {
    plain(4003, format!("Client error: {error}"))
}

pub fn guard(error: &GuardError) -> ErrorObjectOwned {
    plain(1001, format!("Extrinsic has invalid format: {error}"))
}

pub fn engine(error: &EngineError) -> ErrorObjectOwned {
    plain(-32000, error)
}

/// Codes as Substrate's `author_*` methods give them.
pub fn submit(error: SubmitError) -> ErrorObjectOwned {
    let with = |code, message: &str, data: String| ErrorObjectOwned::owned(code, message, Some(data));
    match error {
        SubmitError::Guard(error) => guard(&error),
        SubmitError::Invalid(error @ TransactionValidityError::Invalid(_)) => {
            with(1010, "Invalid Transaction", reason(error))
        }
        SubmitError::Invalid(error @ TransactionValidityError::Unknown(_)) => {
            with(1011, "Unknown Transaction Validity", reason(error))
        }
        SubmitError::Call(error) => with(1002, "Verification Error", error.to_string()),
        SubmitError::Pool(error) => match error {
            PoolError::Duplicate(hash) => with(1013, "Transaction is already imported", format!("{hash:?}")),
            PoolError::Priority { .. } => with(1014, "Priority is too low", error.to_string()),
            PoolError::Full => with(1016, "Immediately Dropped", error.to_string()),
        },
        SubmitError::Stopped => plain(-32000, error),
    }
}

/// Errors of the interface specification's `chainHead_v1` methods.
pub mod chain_head {
    use super::{ErrorObjectOwned, H256, plain};

    pub fn too_many_follows() -> ErrorObjectOwned {
        plain(-32800, "too many chainHead_v1_follow subscriptions on this connection; unfollow one")
    }

    pub fn not_pinned(hash: H256) -> ErrorObjectOwned {
        plain(-32801, format!("block {hash:?} is not pinned by this subscription"))
    }

    pub fn without_runtime() -> ErrorObjectOwned {
        plain(-32802, "the subscription was made without runtime; follow again with true")
    }

    pub fn not_waiting() -> ErrorObjectOwned {
        plain(-32803, "the operation does not wait to be continued")
    }

    pub fn duplicate_hashes() -> ErrorObjectOwned {
        plain(-32804, "the hashes contain a duplicate")
    }
}
