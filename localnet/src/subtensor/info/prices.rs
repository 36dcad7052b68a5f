//! What alpha costs.

use incentive::fixed::{U64F64, div, mul, to_u64};

use super::answers::{SimSwapResult, SubnetPrice};
use crate::subtensor::{pallet::*, staking::proportion};

impl<T: Config> Pallet<T> {
    /// The prices of all networks.
    #[must_use]
    pub fn prices() -> Vec<SubnetPrice> {
        let price = |netuid| SubnetPrice { netuid, price: Self::price_in_rao(netuid) };
        Self::networks().into_iter().map(price).collect()
    }

    /// What staking `tao` rao would buy now.
    #[must_use]
    pub fn quote_stake(netuid: u16, tao: u64) -> SimSwapResult {
        let fee = Self::swap_fee(netuid, tao);
        let paid = tao.saturating_sub(fee);
        let bought = Self::alpha_out(netuid, paid);
        let at_once = to_u64(div(U64F64::from_num(tao), Self::price(netuid)));
        SimSwapResult {
            tao_amount: paid,
            alpha_amount: bought,
            tao_fee: fee,
            alpha_slippage: at_once.saturating_sub(bought),
            ..SimSwapResult::default()
        }
    }

    /// What selling `alpha` rao of a subnet would bring now.
    #[must_use]
    pub fn quote_unstake(netuid: u16, alpha: u64) -> SimSwapResult {
        let fee = Self::swap_fee(netuid, alpha);
        let sold = alpha.saturating_sub(fee);
        let earned = Self::tao_out(netuid, sold);
        let at_once = to_u64(mul(U64F64::from_num(alpha), Self::price(netuid)));
        SimSwapResult {
            tao_amount: earned,
            alpha_amount: sold,
            alpha_fee: fee,
            tao_slippage: at_once.saturating_sub(earned),
            ..SimSwapResult::default()
        }
    }

    /// TAO that the pool gives for alpha: one for one without a pool, at constant product with one.
    pub(crate) fn tao_out(netuid: u16, alpha: u64) -> u64 {
        if SubnetMechanism::<T>::get(netuid) == 0 {
            return alpha;
        }
        proportion(SubnetTAO::<T>::get(netuid), alpha, SubnetAlphaIn::<T>::get(netuid).saturating_add(alpha))
    }
}
