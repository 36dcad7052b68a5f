//! Neurons: how a hotkey gets a uid.

use frame_support::{
    ensure,
    pallet_prelude::DispatchResult,
    traits::{
        fungible::{Inspect as _, Mutate as _},
        tokens::{Fortitude, Preservation},
    },
};
use frame_system::{ensure_signed, pallet_prelude::OriginFor};
use incentive::registration::burn_after_registration;
use sp_runtime::{AccountId32, DispatchError};

use super::{network::ROOT, pallet::*};

impl<T: Config> Pallet<T> {
    /// Registers a hotkey unless that costs more than `limit` rao.
    pub(super) fn do_register_limit(
        origin: OriginFor<T>,
        netuid: u16,
        hotkey: &AccountId32,
        limit: u64,
    ) -> DispatchResult {
        ensure_signed(origin.clone())?;
        ensure!(Burn::<T>::get(netuid) <= limit, Error::<T>::RegistrationPriceLimitExceeded);
        Self::do_burned_register(origin, netuid, hotkey)
    }

    pub(super) fn do_burned_register(origin: OriginFor<T>, netuid: u16, hotkey: &AccountId32) -> DispatchResult {
        let coldkey = ensure_signed(origin)?;
        ensure!(netuid != ROOT, Error::<T>::RegistrationNotPermittedOnRootSubnet);
        ensure!(NetworksAdded::<T>::get(netuid), Error::<T>::SubnetNotExists);
        ensure!(NetworkRegistrationAllowed::<T>::get(netuid), Error::<T>::SubNetRegistrationDisabled);
        ensure!(!Uids::<T>::contains_key(netuid, hotkey), Error::<T>::HotKeyAlreadyRegisteredInSubNet);
        let price = Burn::<T>::get(netuid);
        ensure!(Self::free_balance(&coldkey) >= price, Error::<T>::NotEnoughBalanceToStake);
        Self::own_hotkey(&coldkey, hotkey)?;
        let full = SubnetworkN::<T>::get(netuid) >= MaxAllowedUids::<T>::get(netuid);
        let replaced =
            if full { Some(Self::neuron_to_prune(netuid).ok_or(Error::<T>::NoNeuronIdAvailable)?) } else { None };

        let paid = Self::pay(&coldkey, &Self::subnet_account(netuid), price)?;
        Self::burn_into_pool(netuid, paid);
        let block = Self::block();
        let uid = match replaced {
            Some(uid) => {
                Self::replace_neuron(netuid, uid, hotkey, block);
                uid
            }
            None => Self::append_neuron(netuid, hotkey, block)?,
        };
        Self::count_registration(netuid, price);
        Self::deposit_event(Event::NeuronRegistered(netuid, uid, hotkey.clone()));
        Ok(())
    }

    fn count_registration(netuid: u16, price: u64) {
        RegistrationsThisBlock::<T>::mutate(netuid, |count| *count = count.saturating_add(1));
        RegistrationsThisInterval::<T>::mutate(netuid, |count| *count = count.saturating_add(1));
        RAORecycledForRegistration::<T>::mutate(netuid, |total| *total = total.saturating_add(price));
        let raised = burn_after_registration(price, &Self::burn_rule(netuid));
        Burn::<T>::insert(netuid, raised);
        let recycled = RAORecycledForRegistration::<T>::get(netuid);
        Self::deposit_event(Event::RAORecycledForRegistrationSet(netuid, recycled));
    }

    /// Gives the next uid to a hotkey.
    pub(super) fn append_neuron(netuid: u16, hotkey: &AccountId32, block: u64) -> Result<u16, DispatchError> {
        let uid = SubnetworkN::<T>::get(netuid);
        let count = uid.checked_add(1).ok_or(Error::<T>::NoNeuronIdAvailable)?;
        SubnetworkN::<T>::insert(netuid, count);
        Active::<T>::mutate(netuid, |v| v.push(true));
        Emission::<T>::mutate(netuid, |v| v.push(0));
        Consensus::<T>::mutate(netuid, |v| v.push(0));
        Dividends::<T>::mutate(netuid, |v| v.push(0));
        ValidatorTrust::<T>::mutate(netuid, |v| v.push(0));
        ValidatorPermit::<T>::mutate(netuid, |v| v.push(false));
        for index in Self::mechanism_indices(netuid) {
            Incentive::<T>::mutate(index, |v| v.push(0));
            LastUpdate::<T>::mutate(index, |v| v.push(block));
        }
        Keys::<T>::insert(netuid, uid, hotkey);
        Uids::<T>::insert(netuid, hotkey, uid);
        BlockAtRegistration::<T>::insert(netuid, uid, block);
        IsNetworkMember::<T>::insert(hotkey, netuid, true);
        Ok(uid)
    }

    /// Makes the coldkey the owner of a hotkey that has none.
    pub(super) fn own_hotkey(coldkey: &AccountId32, hotkey: &AccountId32) -> DispatchResult {
        if Owner::<T>::contains_key(hotkey) {
            ensure!(Owner::<T>::get(hotkey) == *coldkey, Error::<T>::NonAssociatedColdKey);
            return Ok(());
        }
        ensure!(!Self::is_subnet_account(hotkey), Error::<T>::CannotUseSystemAccount);
        Owner::<T>::insert(hotkey, coldkey);
        OwnedHotkeys::<T>::mutate(coldkey, |hotkeys| push_new(hotkeys, hotkey));
        StakingHotkeys::<T>::mutate(coldkey, |hotkeys| push_new(hotkeys, hotkey));
        Ok(())
    }

    /// What an account could spend, the existential deposit included, rao.
    pub(super) fn free_balance(who: &AccountId32) -> u64 {
        pallet_balances::Pallet::<T>::reducible_balance(who, Preservation::Expendable, Fortitude::Polite)
    }

    /// Moves up to `amount`, leaving the payer's existential deposit; returns what was paid, rao.
    pub(super) fn pay(from: &AccountId32, to: &AccountId32, amount: u64) -> Result<u64, DispatchError> {
        type Balances<T> = pallet_balances::Pallet<T>;
        let spendable = Balances::<T>::reducible_balance(from, Preservation::Preserve, Fortitude::Polite);
        Balances::<T>::transfer(from, to, amount.min(spendable), Preservation::Preserve)
    }

    /// Storage indices of all mechanisms of a subnet: `4096 * mechanism + netuid`.
    pub(crate) fn mechanism_indices(netuid: u16) -> impl Iterator<Item = u16> {
        (0..MechanismCountCurrent::<T>::get(netuid)).map(move |mechanism| mechanism_index(netuid, mechanism))
    }
}

/// Storage index of a mechanism's weights, bonds, incentives and updates.
#[must_use]
pub const fn mechanism_index(netuid: u16, mechanism: u8) -> u16 {
    (mechanism as u16).wrapping_mul(4096).wrapping_add(netuid)
}

/// Appends a hotkey that is not there yet.
pub(super) fn push_new(hotkeys: &mut Vec<AccountId32>, hotkey: &AccountId32) {
    if !hotkeys.contains(hotkey) {
        hotkeys.push(hotkey.clone());
    }
}
