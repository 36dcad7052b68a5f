//! The pool: extrinsics that passed validation and wait for a block.
//!
//! Order of arrival, except that what an extrinsic requires comes before it. Requirements are the runtime's tags
//! (account and nonce of a signed extrinsic), so nothing here looks inside an extrinsic.

mod entry;
mod graph;
mod watch;

use sp_core::H256;
use sp_runtime::transaction_validity::{InvalidTransaction, TransactionValidityError};

pub use entry::{Candidate, Limits, Standing};
pub use graph::Pool;
pub use watch::{Status, Watcher};

/// Why a valid extrinsic is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// The same bytes are waiting already.
    #[error("the extrinsic {0:?} is already in the pool")]
    Duplicate(H256),
    /// Another extrinsic does the same (same account and nonce) with at least this priority.
    #[error("priority {new} does not exceed that of the waiting extrinsic, {old}; raise the tip or the nonce")]
    Priority {
        /// Priority of the one that waits.
        old: u64,
        /// Priority of the one refused.
        new: u64,
    },
    /// The pool is full.
    #[error("the pool is full; wait for the next block")]
    Full,
}

/// Says why an extrinsic is invalid, in the words that Substrate clients know.
#[must_use]
pub fn reason(error: TransactionValidityError) -> String {
    match error {
        TransactionValidityError::Invalid(InvalidTransaction::Custom(code)) => format!("Custom error: {code}"),
        TransactionValidityError::Invalid(invalid) => <&'static str>::from(invalid).to_owned(),
        TransactionValidityError::Unknown(unknown) => <&'static str>::from(unknown).to_owned(),
    }
}
