//! Alpha back into the pool, TAO out of it.

use frame_support::{
    ensure,
    pallet_prelude::DispatchResult,
    traits::{fungible::Mutate as _, tokens::Preservation},
};
use frame_system::{ensure_signed, pallet_prelude::OriginFor};
use sp_runtime::{AccountId32, Rounding, helpers_128bit::multiply_by_rational_with_rounding};

use super::{pallet::*, staking::MIN_STAKE};

impl<T: Config> Pallet<T> {
    /// Sells up to `amount` alpha that the caller holds behind a hotkey; the fee is burned.
    pub(super) fn do_remove_stake(
        origin: OriginFor<T>,
        hotkey: &AccountId32,
        netuid: u16,
        amount: u64,
    ) -> DispatchResult {
        let coldkey = ensure_signed(origin)?;
        ensure!(SubtokenEnabled::<T>::get(netuid), Error::<T>::SubtokenDisabled);
        ensure!(NetworksAdded::<T>::get(netuid), Error::<T>::SubnetNotExists);
        let held = Self::stake_of(hotkey, &coldkey, netuid);
        let amount = amount.min(held);
        ensure!(amount > 0, Error::<T>::AmountTooLow);
        let fee = Self::swap_fee(netuid, amount);
        let sold = amount.saturating_sub(fee);
        let tao = Self::tao_out(netuid, sold);
        // Who leaves takes what there is.
        ensure!(amount == held || tao >= MIN_STAKE, Error::<T>::AmountTooLow);
        ensure!(Owner::<T>::contains_key(hotkey), Error::<T>::HotKeyAccountNotExists);

        Self::unstake(hotkey, &coldkey, netuid, amount);
        Self::recycle(netuid, amount);
        Self::sell_alpha(netuid, sold, tao);
        let pool = Self::subnet_account(netuid);
        pallet_balances::Pallet::<T>::transfer(&pool, &coldkey, tao, Preservation::Expendable)?;
        Self::deposit_event(Event::StakeRemoved(coldkey, hotkey.clone(), tao, sold, netuid, fee));
        Ok(())
    }

    fn sell_alpha(netuid: u16, alpha: u64, tao: u64) {
        if SubnetMechanism::<T>::get(netuid) != 0 {
            SubnetAlphaIn::<T>::mutate(netuid, |reserve| *reserve = reserve.saturating_add(alpha));
        }
        SubnetTAO::<T>::mutate(netuid, |reserve| *reserve = reserve.saturating_sub(tao));
        SubnetVolume::<T>::mutate(netuid, |volume| *volume = volume.saturating_add(u128::from(tao)));
        TotalStake::<T>::mutate(|total| *total = total.saturating_sub(tao));
    }

    /// Takes alpha away from what a coldkey holds behind a hotkey; others lose nothing.
    fn unstake(hotkey: &AccountId32, coldkey: &AccountId32, netuid: u16, alpha: u64) {
        let held = Self::stake_of(hotkey, coldkey, netuid);
        let shares = AlphaV2::<T>::get((hotkey, coldkey, netuid)).mantissa;
        let total_shares = TotalHotkeySharesV2::<T>::get(hotkey, netuid).mantissa;
        let total_alpha = u128::from(TotalHotkeyAlpha::<T>::get(hotkey, netuid));
        let part = multiply_by_rational_with_rounding(alpha.into(), total_shares, total_alpha, Rounding::Up);
        let gone = if alpha >= held { shares } else { part.unwrap_or(shares).min(shares) };
        if gone == shares {
            AlphaV2::<T>::remove((hotkey, coldkey, netuid));
        } else {
            AlphaV2::<T>::mutate((hotkey, coldkey, netuid), |left| left.mantissa = left.mantissa.saturating_sub(gone));
        }
        TotalHotkeySharesV2::<T>::mutate(hotkey, netuid, |left| left.mantissa = left.mantissa.saturating_sub(gone));
        TotalHotkeyAlpha::<T>::mutate(hotkey, netuid, |left| *left = left.saturating_sub(alpha));
        TotalAlphaStaked::<T>::mutate(netuid, |left| *left = left.saturating_sub(alpha));
    }
}
