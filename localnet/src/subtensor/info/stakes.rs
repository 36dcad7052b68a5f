//! What coldkeys hold.

use std::collections::BTreeMap;

use parity_scale_codec::Compact;
use sp_runtime::AccountId32;

use super::answers::{StakeAvailability, StakeInfo};
use crate::subtensor::{network::ROOT, pallet::*};

impl<T: Config> Pallet<T> {
    /// All subnets and the root network, in order.
    pub(super) fn networks() -> Vec<u16> {
        let mut netuids = Self::subnets();
        if NetworksAdded::<T>::get(ROOT) {
            netuids.insert(0, ROOT);
        }
        netuids
    }

    /// Everything that a coldkey holds, by subnet.
    #[must_use]
    pub fn stakes_of(coldkey: &AccountId32) -> Vec<StakeInfo> {
        let hotkeys = StakingHotkeys::<T>::get(coldkey);
        let all = Self::networks().into_iter().flat_map(|netuid| hotkeys.iter().map(move |hotkey| (hotkey, netuid)));
        all.map(|(hotkey, netuid)| Self::stake_info(hotkey, coldkey, netuid)).filter(|info| info.stake.0 > 0).collect()
    }

    /// What a coldkey holds behind one hotkey on one subnet, also when that is nothing.
    #[must_use]
    pub fn stake_info(hotkey: &AccountId32, coldkey: &AccountId32, netuid: u16) -> StakeInfo {
        StakeInfo {
            hotkey: hotkey.clone(),
            coldkey: coldkey.clone(),
            netuid: Compact(netuid),
            stake: Compact(Self::stake_of(hotkey, coldkey, netuid)),
            locked: Compact(0),
            emission: Compact(AlphaDividendsPerSubnet::<T>::get(netuid, hotkey)),
            tao_emission: Compact(0),
            drain: Compact(0),
            is_registered: Uids::<T>::contains_key(netuid, hotkey),
        }
    }

    /// What coldkeys could withdraw; subnets on which they hold nothing are left out. Like subtensor it answers nothing
    /// when no subnet is asked for, or more than there are.
    #[must_use]
    pub fn stake_availability(
        coldkeys: Vec<AccountId32>,
        netuids: Option<Vec<u16>>,
    ) -> BTreeMap<AccountId32, BTreeMap<u16, StakeAvailability>> {
        let networks = Self::networks();
        let asked = netuids.map_or_else(
            || networks.clone(),
            |mut netuids| {
                netuids.sort_unstable();
                netuids.dedup();
                if netuids.len() > networks.len() { Vec::new() } else { netuids }
            },
        );
        let held = |coldkey: &AccountId32, netuid: u16| {
            let hotkeys = StakingHotkeys::<T>::get(coldkey);
            hotkeys.iter().fold(0, |sum: u64, hotkey| sum.saturating_add(Self::stake_of(hotkey, coldkey, netuid)))
        };
        let available = |coldkey: &AccountId32| {
            let held =
                asked.iter().filter(|netuid| networks.contains(netuid)).map(|netuid| (*netuid, held(coldkey, *netuid)));
            held.filter(|(_, total)| *total > 0)
                .map(|(netuid, total)| (netuid, StakeAvailability::free(total)))
                .collect()
        };
        coldkeys.into_iter().map(|coldkey| (coldkey.clone(), available(&coldkey))).collect()
    }
}

impl StakeAvailability {
    /// Nothing is ever locked on this chain.
    const fn free(total: u64) -> Self {
        Self { total: Compact(total), locked: Compact(0), available: Compact(total) }
    }
}
