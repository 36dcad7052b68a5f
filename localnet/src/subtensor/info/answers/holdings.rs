//! Stake, delegates and prices. Field order is the wire format.

use parity_scale_codec::{Compact, Decode, Encode};
use scale_info::TypeInfo;
use sp_runtime::AccountId32;

/// What one coldkey holds behind one hotkey on one subnet, alpha rao (rao on the root network).
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct StakeInfo {
    pub hotkey: AccountId32,
    pub coldkey: AccountId32,
    pub netuid: Compact<u16>,
    pub stake: Compact<u64>,
    /// Always 0, as on the main network.
    pub locked: Compact<u64>,
    /// What the hotkey's stakers earned in the last epoch.
    pub emission: Compact<u64>,
    /// Always 0, as on the main network.
    pub tao_emission: Compact<u64>,
    /// Always 0, as on the main network.
    pub drain: Compact<u64>,
    pub is_registered: bool,
}

/// What a coldkey holds on one subnet and how much of it could be withdrawn.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct StakeAvailability {
    pub total: Compact<u64>,
    pub locked: Compact<u64>,
    pub available: Compact<u64>,
}

/// Stake on one subnet: netuid, alpha rao.
pub type Holding = (Compact<u16>, Compact<u64>);
/// A coldkey and what it holds behind a hotkey.
pub type Nominator = (AccountId32, Vec<Holding>);

/// A hotkey that has set its take, with those who hold stake behind it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct DelegateInfo {
    pub delegate_ss58: AccountId32,
    /// Of 65535.
    pub take: Compact<u16>,
    /// Coldkey, and what it holds by subnet.
    pub nominators: Vec<Nominator>,
    pub owner_ss58: AccountId32,
    pub registrations: Vec<Compact<u16>>,
    pub validator_permits: Vec<Compact<u16>>,
    /// Rao a day for 1000 TAO of root stake, the take deducted.
    pub return_per_1000: Compact<u64>,
    /// Alpha rao a day over all subnets.
    pub total_daily_return: Compact<u64>,
}

/// What a swap would move, rao and alpha rao.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct SimSwapResult {
    pub tao_amount: u64,
    pub alpha_amount: u64,
    pub tao_fee: u64,
    pub alpha_fee: u64,
    /// What the same amount would bring more at the price before the swap.
    pub tao_slippage: u64,
    /// What the same amount would bring more at the price before the swap.
    pub alpha_slippage: u64,
}

/// The price of a subnet's alpha.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct SubnetPrice {
    pub netuid: u16,
    /// Rao of TAO for one whole alpha.
    pub price: u64,
}
