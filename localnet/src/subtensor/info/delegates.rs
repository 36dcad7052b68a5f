//! Hotkeys that have set their take, and who holds stake behind them.

use std::collections::BTreeMap;

use incentive::fixed::{U64F64, div, mul, sum, to_u64};
use parity_scale_codec::Compact;
use sp_runtime::AccountId32;

use super::answers::{DelegateInfo, Holding, Nominator};
use crate::subtensor::{network::ROOT, pallet::*};

/// Blocks of a day on the main network.
const BLOCKS_PER_DAY: u16 = 7200;
/// 1000 TAO in rao.
const THOUSAND_TAO: u64 = 1_000_000_000_000;

impl<T: Config> Pallet<T> {
    /// All delegates.
    #[must_use]
    pub fn delegates() -> Vec<DelegateInfo> {
        Delegates::<T>::iter_keys().map(|hotkey| Self::delegate_info(&hotkey, Self::nominators(&hotkey))).collect()
    }

    /// One delegate; none if the hotkey has never set its take.
    #[must_use]
    pub fn delegate(hotkey: &AccountId32) -> Option<DelegateInfo> {
        Delegates::<T>::contains_key(hotkey).then(|| Self::delegate_info(hotkey, Self::nominators(hotkey)))
    }

    /// The delegates behind which a coldkey holds stake, once for each subnet, without their nominators.
    #[must_use]
    pub fn delegated(coldkey: &AccountId32) -> Vec<(DelegateInfo, Holding)> {
        let held = |hotkey: AccountId32| {
            AlphaV2::<T>::iter_key_prefix((hotkey.clone(), coldkey)).map(move |netuid| (hotkey.clone(), netuid))
        };
        let entry = |(hotkey, netuid): (AccountId32, u16)| {
            let stake = Self::stake_of(&hotkey, coldkey, netuid);
            (Self::delegate_info(&hotkey, Vec::new()), (Compact(netuid), Compact(stake)))
        };
        Delegates::<T>::iter_keys().flat_map(held).map(entry).collect()
    }

    fn nominators(hotkey: &AccountId32) -> Vec<Nominator> {
        let mut nominators: BTreeMap<AccountId32, Vec<_>> = BTreeMap::new();
        for (coldkey, netuid) in AlphaV2::<T>::iter_key_prefix((hotkey,)) {
            let stake = Self::stake_of(hotkey, &coldkey, netuid);
            if stake > 0 {
                nominators.entry(coldkey).or_default().push((Compact(netuid), Compact(stake)));
            }
        }
        nominators.into_iter().collect()
    }

    fn delegate_info(hotkey: &AccountId32, nominators: Vec<Nominator>) -> DelegateInfo {
        let places: Vec<(u16, u16)> = Self::networks()
            .into_iter()
            .filter_map(|netuid| Uids::<T>::get(netuid, hotkey).map(|uid| (netuid, uid)))
            .collect();
        let permitted = |(netuid, uid): &&(u16, u16)| {
            ValidatorPermit::<T>::get(netuid).get(usize::from(*uid)).copied().unwrap_or(false)
        };
        let daily = sum(places.iter().map(|(netuid, uid)| Self::daily_emission(*netuid, *uid)));
        let take = Delegates::<T>::get(hotkey);
        DelegateInfo {
            delegate_ss58: hotkey.clone(),
            take: Compact(take),
            nominators,
            owner_ss58: Owner::<T>::get(hotkey),
            registrations: places.iter().map(|(netuid, _)| Compact(*netuid)).collect(),
            validator_permits: places.iter().filter(permitted).map(|(netuid, _)| Compact(*netuid)).collect(),
            return_per_1000: Compact(return_per_1000(daily, take, TotalHotkeyAlpha::<T>::get(hotkey, ROOT))),
            total_daily_return: Compact(to_u64(daily)),
        }
    }

    /// What a place would earn in a day if every epoch were like the last, alpha rao.
    fn daily_emission(netuid: u16, uid: u16) -> U64F64 {
        let emission = Emission::<T>::get(netuid).get(usize::from(uid)).copied().unwrap_or(0);
        let epochs = div(U64F64::from_num(BLOCKS_PER_DAY), U64F64::from_num(Tempo::<T>::get(netuid)));
        mul(U64F64::from_num(emission), epochs)
    }
}

/// Rao a day for 1000 TAO behind a delegate; nothing without root stake.
fn return_per_1000(daily: U64F64, take: u16, root_stake: u64) -> u64 {
    let rest = U64F64::ONE.saturating_sub(div(U64F64::from_num(take), U64F64::from_num(u16::MAX)));
    let thousands = div(U64F64::from_num(root_stake), U64F64::from_num(THOUSAND_TAO));
    to_u64(div(mul(daily, rest), thousands))
}
