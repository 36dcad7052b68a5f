//! Another hotkey in the place of an old one.

use std::collections::BTreeSet;

use frame_support::{
    ensure,
    pallet_prelude::DispatchResult,
    traits::{
        Get as _,
        fungible::Mutate as _,
        tokens::{Fortitude, Precision, Preservation},
    },
};
use frame_system::{ensure_signed, pallet_prelude::OriginFor};
use sp_runtime::AccountId32;

use super::{pallet::*, registration::push_new, types::RateLimitKey};

impl<T: Config> Pallet<T> {
    /// Puts `new` in the place of `old` on one subnet or on all; stake moves along unless it is to stay.
    pub(super) fn do_swap_hotkey(
        origin: OriginFor<T>,
        old: &AccountId32,
        new: &AccountId32,
        netuid: Option<u16>,
        keep_stake: bool,
    ) -> DispatchResult {
        let coldkey = ensure_signed(origin)?;
        ensure!(netuid.is_none_or(NetworksAdded::<T>::get), Error::<T>::SubnetNotExists);
        let owns = |hotkey: &AccountId32| Owner::<T>::try_get(hotkey).is_ok_and(|owner| owner == coldkey);
        ensure!(owns(old), Error::<T>::NonAssociatedColdKey);
        ensure!(!Owner::<T>::contains_key(new) || owns(new), Error::<T>::NonAssociatedColdKey);
        ensure!(old != new, Error::<T>::NewHotKeyIsSameWithOld);
        ensure!(Self::swap_limit_passed(&coldkey), Error::<T>::HotKeySetTxRateLimitExceeded);
        match netuid {
            Some(netuid) => {
                let registered = IsNetworkMember::<T>::contains_key(new, netuid);
                ensure!(!registered, Error::<T>::HotKeyAlreadyRegisteredInSubNet);
                Self::swap_on_one(&coldkey, old, new, netuid, keep_stake)?;
            }
            None => {
                let registered = IsNetworkMember::<T>::iter_prefix(new).any(|(_, member)| member);
                ensure!(!registered, Error::<T>::HotKeyAlreadyRegisteredInSubNet);
                Self::swap_on_all(&coldkey, old, new, keep_stake)?;
            }
        }
        LastRateLimitedBlock::<T>::insert(RateLimitKey::LastTxBlock(coldkey), Self::block());
        Ok(())
    }

    fn swap_limit_passed(coldkey: &AccountId32) -> bool {
        let last = LastRateLimitedBlock::<T>::get(RateLimitKey::LastTxBlock(coldkey.clone()));
        let limit = TxRateLimit::<T>::get();
        limit == 0 || last == 0 || Self::block().saturating_sub(last) > limit
    }

    /// The old hotkey keeps its owner: it may be registered elsewhere.
    fn swap_on_one(
        coldkey: &AccountId32,
        old: &AccountId32,
        new: &AccountId32,
        netuid: u16,
        keep_stake: bool,
    ) -> DispatchResult {
        let last = LastHotkeySwapOnNetuid::<T>::get(netuid, coldkey);
        let passed = last.saturating_add(T::HotkeySwapOnSubnetInterval::get()) < Self::block();
        ensure!(passed, Error::<T>::HotKeySwapOnSubnetIntervalNotPassed);
        Self::pay_for_swap(coldkey, T::KeySwapOnSubnetCost::get())?;
        Owner::<T>::insert(new, coldkey);
        OwnedHotkeys::<T>::mutate(coldkey, |hotkeys| push_new(hotkeys, new));
        Self::move_hotkey(old, new, netuid, keep_stake);
        LastHotkeySwapOnNetuid::<T>::insert(netuid, coldkey, Self::block());
        Self::deposit_event(Event::HotkeySwappedOnSubnet {
            coldkey: coldkey.clone(),
            old_hotkey: old.clone(),
            new_hotkey: new.clone(),
            netuid,
        });
        Ok(())
    }

    fn swap_on_all(coldkey: &AccountId32, old: &AccountId32, new: &AccountId32, keep_stake: bool) -> DispatchResult {
        Self::pay_for_swap(coldkey, T::KeySwapCost::get())?;
        Owner::<T>::insert(new, coldkey);
        OwnedHotkeys::<T>::mutate(coldkey, |hotkeys| push_new(hotkeys, new));
        if !keep_stake {
            Owner::<T>::remove(old);
            OwnedHotkeys::<T>::mutate(coldkey, |hotkeys| hotkeys.retain(|hotkey| hotkey != old));
        }
        let mut stakers: BTreeSet<AccountId32> =
            AlphaV2::<T>::iter_prefix((old,)).map(|((staker, _), _)| staker).collect();
        stakers.insert(coldkey.clone());
        let netuids: Vec<u16> = NetworksAdded::<T>::iter_keys().collect();
        netuids.into_iter().for_each(|netuid| Self::move_hotkey(old, new, netuid, keep_stake));
        if !keep_stake {
            for staker in stakers {
                StakingHotkeys::<T>::mutate(staker, |hotkeys| {
                    hotkeys.iter_mut().filter(|hotkey| *hotkey == old).for_each(|hotkey| *hotkey = new.clone());
                    hotkeys.dedup();
                });
            }
        }
        if let Ok(take) = Delegates::<T>::try_get(old) {
            Delegates::<T>::remove(old);
            Delegates::<T>::insert(new, take);
        }
        LastRateLimitedBlock::<T>::remove(RateLimitKey::LastTxBlockDelegateTake(old.clone()));
        LastRateLimitedBlock::<T>::remove(RateLimitKey::LastTxBlockChildKeyTake(old.clone()));
        Self::deposit_event(Event::HotkeySwapped {
            coldkey: coldkey.clone(),
            old_hotkey: old.clone(),
            new_hotkey: new.clone(),
        });
        Ok(())
    }

    fn pay_for_swap(coldkey: &AccountId32, cost: u64) -> DispatchResult {
        type Balances<T> = pallet_balances::Pallet<T>;
        ensure!(Self::free_balance(coldkey) >= cost, Error::<T>::NotEnoughBalanceToPaySwapHotKey);
        let (keep, what_there_is) = (Preservation::Preserve, Precision::BestEffort);
        Balances::<T>::burn_from(coldkey, cost, keep, what_there_is, Fortitude::Polite)?;
        Ok(())
    }

    /// Moves what a subnet holds under a hotkey to another.
    fn move_hotkey(old: &AccountId32, new: &AccountId32, netuid: u16, keep_stake: bool) {
        let member = IsNetworkMember::<T>::take(old, netuid);
        IsNetworkMember::<T>::insert(new, netuid, member);
        if member {
            Self::move_neuron_of(old, new, netuid);
        }
        if SubnetOwnerHotkey::<T>::try_get(netuid).is_ok_and(|owner| owner == *old) {
            SubnetOwnerHotkey::<T>::insert(netuid, new);
        }
        Self::move_family(old, new, netuid);
        let last_epoch = TotalHotkeyAlphaLastEpoch::<T>::take(old, netuid);
        TotalHotkeyAlphaLastEpoch::<T>::mutate(new, netuid, |alpha| *alpha = alpha.saturating_add(last_epoch));
        let dividends = AlphaDividendsPerSubnet::<T>::take(netuid, old);
        AlphaDividendsPerSubnet::<T>::mutate(netuid, new, |alpha| *alpha = alpha.saturating_add(dividends));
        if !keep_stake {
            Self::move_stake_of(old, new, netuid);
        }
    }

    fn move_neuron_of(old: &AccountId32, new: &AccountId32, netuid: u16) {
        if let Some(uid) = Uids::<T>::take(netuid, old) {
            Uids::<T>::insert(netuid, new, uid);
            Keys::<T>::insert(netuid, uid, new);
        }
        if let Some(axon) = Axons::<T>::take(netuid, old) {
            Axons::<T>::insert(netuid, new, axon);
        }
        if let Some(prometheus) = Prometheus::<T>::take(netuid, old) {
            Prometheus::<T>::insert(netuid, new, prometheus);
        }
        if let Some(certificate) = NeuronCertificates::<T>::take(netuid, old) {
            NeuronCertificates::<T>::insert(netuid, new, certificate);
        }
        for index in Self::mechanism_indices(netuid) {
            if let Some(commits) = WeightCommits::<T>::take(index, old) {
                WeightCommits::<T>::insert(index, new, commits);
            }
        }
    }

    /// Parents, children, and coldkeys whose incentives go to the hotkey.
    fn move_family(old: &AccountId32, new: &AccountId32, netuid: u16) {
        let rename = |relatives: &mut Vec<(u64, AccountId32)>| {
            relatives.iter_mut().filter(|(_, who)| who == old).for_each(|(_, who)| *who = new.clone());
        };
        let children = ChildKeys::<T>::take(old, netuid);
        for (_, child) in &children {
            ParentKeys::<T>::mutate(child, netuid, rename);
        }
        let parents = ParentKeys::<T>::take(old, netuid);
        for (_, parent) in &parents {
            ChildKeys::<T>::mutate(parent, netuid, rename);
        }
        if !children.is_empty() {
            ChildKeys::<T>::insert(new, netuid, children);
        }
        if !parents.is_empty() {
            ParentKeys::<T>::insert(new, netuid, parents);
        }
        if let Ok(pending) = PendingChildKeys::<T>::try_get(netuid, old) {
            PendingChildKeys::<T>::remove(netuid, old);
            PendingChildKeys::<T>::insert(netuid, new, pending);
        }
        let coldkeys = AutoStakeDestinationColdkeys::<T>::take(old, netuid);
        for coldkey in &coldkeys {
            AutoStakeDestination::<T>::insert(coldkey, netuid, new);
        }
        if !coldkeys.is_empty() {
            AutoStakeDestinationColdkeys::<T>::insert(new, netuid, coldkeys);
        }
    }

    /// Shares keep their worth; where the new hotkey has stake already, they become shares of both together.
    fn move_stake_of(old: &AccountId32, new: &AccountId32, netuid: u16) {
        let holders: Vec<AccountId32> = AlphaV2::<T>::iter_prefix((old,))
            .filter(|((_, subnet), _)| *subnet == netuid)
            .map(|((coldkey, _), _)| coldkey)
            .collect();
        let stakes: Vec<(AccountId32, u64)> =
            holders.into_iter().map(|coldkey| (coldkey.clone(), Self::stake_of(old, &coldkey, netuid))).collect();
        let moved = TotalHotkeyAlpha::<T>::take(old, netuid);
        if TotalHotkeyAlpha::<T>::get(new, netuid) == 0 {
            let shares = TotalHotkeySharesV2::<T>::take(old, netuid);
            TotalHotkeySharesV2::<T>::insert(new, netuid, shares);
            TotalHotkeyAlpha::<T>::insert(new, netuid, moved);
            for (coldkey, _) in &stakes {
                let shares = AlphaV2::<T>::take((old, coldkey, netuid));
                AlphaV2::<T>::insert((new, coldkey, netuid), shares);
            }
        } else {
            TotalHotkeySharesV2::<T>::remove(old, netuid);
            TotalAlphaStaked::<T>::mutate(netuid, |total| *total = total.saturating_sub(moved));
            for (coldkey, alpha) in &stakes {
                AlphaV2::<T>::remove((old, coldkey, netuid));
                Self::stake(new, coldkey, netuid, *alpha);
            }
        }
        for (coldkey, _) in stakes {
            StakingHotkeys::<T>::mutate(coldkey, |hotkeys| push_new(hotkeys, new));
        }
    }
}
