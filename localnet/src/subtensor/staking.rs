//! Stake: alpha of a subnet behind a hotkey, bought from the subnet's pool.

use frame_support::{
    ensure,
    pallet_prelude::DispatchResult,
    traits::{
        fungible::Mutate as _,
        tokens::{Fortitude, Precision, Preservation},
    },
};
use frame_system::{ensure_signed, pallet_prelude::OriginFor};
use incentive::{
    fixed::{U96F32, mul, proportion_u64, sum, to_u64},
    yuma::{self, Neuron},
};
use sp_runtime::{AccountId32, Rounding, helpers_128bit::multiply_by_rational_with_rounding};

use super::{network::ROOT, pallet::*, types::SafeFloat};

/// The smallest stake, rao.
pub(super) const MIN_STAKE: u64 = 2_000_000;
/// What a swap costs, in 1/65535 of the TAO paid in.
const SWAP_FEE: u64 = 33;
/// Shares of a pool without stake are counted in units of 10^-9 alpha rao.
const SHARE_SCALE: u128 = 1_000_000_000;
const SHARE_EXPONENT: i64 = -9;

impl<T: Config> Pallet<T> {
    pub(super) fn do_add_stake(origin: OriginFor<T>, hotkey: &AccountId32, netuid: u16, amount: u64) -> DispatchResult {
        let coldkey = ensure_signed(origin)?;
        ensure!(NetworksAdded::<T>::get(netuid), Error::<T>::SubnetNotExists);
        ensure!(SubtokenEnabled::<T>::get(netuid), Error::<T>::SubtokenDisabled);
        ensure!(amount >= MIN_STAKE.saturating_add(Self::swap_fee(netuid, MIN_STAKE)), Error::<T>::AmountTooLow);
        ensure!(Self::free_balance(&coldkey) >= amount, Error::<T>::NotEnoughBalanceToStake);
        ensure!(Owner::<T>::contains_key(hotkey), Error::<T>::HotKeyAccountNotExists);
        ensure!(Self::alpha_for(netuid, amount) > 0, Error::<T>::InsufficientLiquidity);

        let pool = Self::subnet_account(netuid);
        let paid = Self::pay(&coldkey, &pool, amount)?;
        let fee = Self::swap_fee(netuid, paid);
        pallet_balances::Pallet::<T>::burn_from(
            &pool,
            fee,
            Preservation::Expendable,
            Precision::BestEffort,
            Fortitude::Polite,
        )?;
        let alpha = Self::buy_alpha(netuid, paid.saturating_sub(fee));
        Self::stake(hotkey, &coldkey, netuid, alpha);
        Self::deposit_event(Event::StakeAdded(coldkey, hotkey.clone(), paid, alpha, netuid, fee));
        Ok(())
    }

    pub(super) fn swap_fee(netuid: u16, amount: u64) -> u64 {
        if SubnetMechanism::<T>::get(netuid) == 0 { 0 } else { proportion(amount, SWAP_FEE, u64::from(u16::MAX)) }
    }

    /// Alpha for `amount` TAO, the fee not yet deducted.
    fn alpha_for(netuid: u16, amount: u64) -> u64 {
        Self::alpha_out(netuid, amount.saturating_sub(Self::swap_fee(netuid, amount)))
    }

    /// Alpha that the pool gives for TAO: one for one without a pool, at constant product with one.
    pub(super) fn alpha_out(netuid: u16, tao: u64) -> u64 {
        if SubnetMechanism::<T>::get(netuid) == 0 {
            return tao;
        }
        proportion(SubnetAlphaIn::<T>::get(netuid), tao, SubnetTAO::<T>::get(netuid).saturating_add(tao))
    }

    /// Puts TAO into the pool and takes alpha out of it; the alpha is issued to nobody yet.
    pub(super) fn buy_alpha(netuid: u16, tao: u64) -> u64 {
        let alpha = Self::alpha_out(netuid, tao);
        if SubnetMechanism::<T>::get(netuid) != 0 {
            SubnetAlphaIn::<T>::mutate(netuid, |reserve| *reserve = reserve.saturating_sub(alpha));
        }
        SubnetTAO::<T>::mutate(netuid, |reserve| *reserve = reserve.saturating_add(tao));
        SubnetAlphaOut::<T>::mutate(netuid, |issued| *issued = issued.saturating_add(alpha));
        SubnetVolume::<T>::mutate(netuid, |volume| *volume = volume.saturating_add(u128::from(tao)));
        TotalStake::<T>::mutate(|total| *total = total.saturating_add(tao));
        alpha
    }

    /// Buys alpha and takes it out of issuance, as a registration does.
    pub(super) fn burn_into_pool(netuid: u16, tao: u64) {
        let alpha = Self::buy_alpha(netuid, tao);
        SubnetAlphaOut::<T>::mutate(netuid, |issued| *issued = issued.saturating_sub(alpha));
    }

    /// Adds alpha to what a coldkey holds behind a hotkey.
    pub(crate) fn stake(hotkey: &AccountId32, coldkey: &AccountId32, netuid: u16, alpha: u64) {
        let total_alpha = TotalHotkeyAlpha::<T>::get(hotkey, netuid);
        let total_shares = TotalHotkeySharesV2::<T>::get(hotkey, netuid).mantissa;
        let new = new_shares(alpha, total_alpha, total_shares);
        let add = |shares: &mut SafeFloat| {
            *shares = SafeFloat { mantissa: shares.mantissa.saturating_add(new), exponent: SHARE_EXPONENT };
        };
        AlphaV2::<T>::mutate((hotkey, coldkey, netuid), add);
        TotalHotkeySharesV2::<T>::mutate(hotkey, netuid, add);
        Self::stake_for_all(hotkey, netuid, alpha);
        StakingHotkeys::<T>::mutate(coldkey, |hotkeys| {
            if !hotkeys.contains(hotkey) {
                hotkeys.push(hotkey.clone());
            }
        });
    }

    /// Adds alpha to a hotkey; all who hold stake behind it gain in proportion.
    pub(super) fn stake_for_all(hotkey: &AccountId32, netuid: u16, alpha: u64) {
        TotalHotkeyAlpha::<T>::mutate(hotkey, netuid, |total| *total = total.saturating_add(alpha));
        TotalAlphaStaked::<T>::mutate(netuid, |total| *total = total.saturating_add(alpha));
    }

    /// Alpha that a coldkey holds behind a hotkey.
    #[must_use]
    pub fn stake_of(hotkey: &AccountId32, coldkey: &AccountId32, netuid: u16) -> u64 {
        let shares = AlphaV2::<T>::get((hotkey, coldkey, netuid)).mantissa;
        let total = TotalHotkeySharesV2::<T>::get(hotkey, netuid).mantissa;
        let alpha = u128::from(TotalHotkeyAlpha::<T>::get(hotkey, netuid));
        let held = multiply_by_rational_with_rounding(alpha, shares, total, Rounding::Down);
        held.and_then(|held| u64::try_from(held).ok()).unwrap_or(0)
    }

    /// Alpha behind a hotkey as votes count it: what children hold is theirs, what parents gave is its own.
    pub(super) fn inherited_stake(hotkey: &AccountId32, netuid: u16) -> u64 {
        Self::inherited(hotkey, netuid, netuid)
    }

    /// Root stake behind a hotkey as votes on a subnet count it, not yet weighted.
    pub(super) fn inherited_root_stake(hotkey: &AccountId32, netuid: u16) -> u64 {
        Self::inherited(hotkey, netuid, ROOT)
    }

    /// Stake held on `pool`, shifted between parents and children of `netuid`.
    fn inherited(hotkey: &AccountId32, netuid: u16, pool: u16) -> u64 {
        let part = |owner: &AccountId32, share: u64| {
            mul(U96F32::from_num(TotalHotkeyAlpha::<T>::get(owner, pool)), proportion_u64(share))
        };
        let own = U96F32::from_num(TotalHotkeyAlpha::<T>::get(hotkey, pool));
        let given = sum(ChildKeys::<T>::get(hotkey, netuid).iter().map(|(share, _)| part(hotkey, *share)));
        let taken = sum(ParentKeys::<T>::get(hotkey, netuid).iter().map(|(share, parent)| part(parent, *share)));
        to_u64(own.saturating_sub(given).saturating_add(taken))
    }

    /// Stake that votes on a subnet: its alpha, and root stake at the weight of TAO.
    #[must_use]
    pub fn total_stake(hotkey: &AccountId32, netuid: u16) -> u64 {
        let neuron = Neuron {
            alpha_stake: Self::inherited_stake(hotkey, netuid),
            tao_stake: Self::inherited_root_stake(hotkey, netuid),
            ..Neuron::default()
        };
        to_u64(yuma::total_stake(&neuron, TaoWeight::<T>::get()))
    }
}

/// Shares that `alpha` buys in a pool of `total_alpha` cut into `total_shares`.
fn new_shares(alpha: u64, total_alpha: u64, total_shares: u128) -> u128 {
    if total_alpha == 0 || total_shares == 0 {
        return u128::from(alpha).saturating_mul(SHARE_SCALE);
    }
    multiply_by_rational_with_rounding(u128::from(alpha), total_shares, u128::from(total_alpha), Rounding::Down)
        .unwrap_or(u128::MAX)
}

/// `amount * part / whole`, rounded down; nothing of nothing.
pub(super) fn proportion(amount: u64, part: u64, whole: u64) -> u64 {
    let product = u128::from(amount) * u128::from(part);
    product.checked_div(u128::from(whole)).map_or(0, |result| u64::try_from(result).unwrap_or(u64::MAX))
}
