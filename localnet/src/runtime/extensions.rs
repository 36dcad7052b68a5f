//! What every signed extrinsic carries, in subtensor's order.

use frame_metadata_hash_extension::CheckMetadataHash;
use frame_system::{CheckGenesis, CheckMortality, CheckNonZeroSender, CheckSpecVersion, CheckTxVersion, CheckWeight};
use pallet_transaction_payment::ChargeTransactionPayment;

use super::{Nonce, Runtime};

mod nonce;
mod pool;

pub use nonce::CheckNonce;
pub use pool::{
    CheckShieldedTxValidity, DrandPriority, SubtensorTransactionExtension, SudoTransactionExtension, admit,
};

/// The extensions. Nested where subtensor's list is flat, since a tuple holds twelve; the bytes are the same.
pub type TransactionExtensions = (
    CheckNonZeroSender<Runtime>,
    CheckSpecVersion<Runtime>,
    CheckTxVersion<Runtime>,
    CheckGenesis<Runtime>,
    CheckMortality<Runtime>,
    CheckNonce,
    CheckWeight<Runtime>,
    ChargeTransactionPayment<Runtime>,
    (
        SudoTransactionExtension,
        CheckShieldedTxValidity,
        SubtensorTransactionExtension,
        DrandPriority,
        CheckMetadataHash<Runtime>,
    ),
);

/// The extensions of an extrinsic without era and tip, for tests and tools that build extrinsics themselves.
#[must_use]
pub fn immortal(nonce: Nonce) -> TransactionExtensions {
    (
        CheckNonZeroSender::new(),
        CheckSpecVersion::new(),
        CheckTxVersion::new(),
        CheckGenesis::new(),
        CheckMortality::from(sp_runtime::generic::Era::Immortal),
        CheckNonce(nonce),
        CheckWeight::new(),
        ChargeTransactionPayment::from(0),
        (
            SudoTransactionExtension,
            CheckShieldedTxValidity,
            SubtensorTransactionExtension,
            DrandPriority,
            CheckMetadataHash::new(false),
        ),
    )
}
