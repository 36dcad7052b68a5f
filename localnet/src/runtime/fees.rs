//! What a call costs: 0.0005 rao per picosecond of weight and one rao per byte; nothing when it pays no fee.

use frame_support::{parameter_types, weights::Weight};
use pallet_transaction_payment::Multiplier;
use sp_runtime::{FixedPointNumber as _, Perbill};

use super::Balance;

parameter_types! {
    /// Fees do not follow congestion.
    pub One: Multiplier = Multiplier::saturating_from_integer(1);
}

/// Rao for execution time.
pub struct WeightToFee;

impl frame_support::weights::WeightToFee for WeightToFee {
    type Balance = Balance;

    fn weight_to_fee(weight: &Weight) -> Balance {
        Perbill::from_parts(500_000).mul_floor(weight.ref_time())
    }
}

/// Rao for bytes.
pub struct LengthToFee;

impl frame_support::weights::WeightToFee for LengthToFee {
    type Balance = Balance;

    fn weight_to_fee(length: &Weight) -> Balance {
        length.ref_time()
    }
}
