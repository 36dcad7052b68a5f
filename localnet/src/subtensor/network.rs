//! Subnets: how one comes to be and starts to emit.

use frame_support::{PalletId, ensure, pallet_prelude::DispatchResult, traits::fungible::Mutate as _};
use frame_system::{ensure_signed, pallet_prelude::OriginFor};
use incentive::{
    fixed::{U64F64, div, to_u64},
    registration::{Lock, lock_cost},
    schedule::first_epoch_start,
};
use sp_runtime::{AccountId32, traits::AccountIdConversion as _};

use super::{
    pallet::*,
    types::{RateLimitKey, SubnetIdentityV3},
};

/// The root network, on which stake of all subnets is counted.
pub const ROOT: u16 = 0;
/// The subnet that exists from block 0.
const FIRST: u16 = 1;
/// What a place on a new subnet costs at first, rao.
const FIRST_BURN: u64 = 1_000_000_000;
/// Reserves of the subnet that exists from block 0, rao of TAO and of alpha.
const FIRST_RESERVE: u64 = 10_000_000_000;
/// Source of the accounts that hold the TAO of subnets.
const PALLET: PalletId = PalletId(*b"subtensr");

impl<T: Config> Pallet<T> {
    /// The account that holds the TAO of a subnet's pool.
    #[must_use]
    pub fn subnet_account(netuid: u16) -> AccountId32 {
        PALLET.into_sub_account_truncating(netuid)
    }

    /// Whether the account is a subnet's own and can be nobody's hotkey.
    pub(super) fn is_subnet_account(account: &AccountId32) -> bool {
        PalletId::try_from_sub_account::<u16>(account).is_some_and(|(pallet, _)| pallet == PALLET)
    }

    /// All subnets but the root network, in order.
    pub(super) fn subnets() -> Vec<u16> {
        let mut netuids: Vec<u16> =
            NetworksAdded::<T>::iter().filter(|(netuid, added)| *added && *netuid != ROOT).map(|(n, _)| n).collect();
        netuids.sort_unstable();
        netuids
    }

    pub(super) fn do_register_network(
        origin: OriginFor<T>,
        hotkey: &AccountId32,
        identity: Option<SubnetIdentityV3>,
    ) -> DispatchResult {
        let coldkey = ensure_signed(origin)?;
        let block = Self::block();
        ensure!(
            !Owner::<T>::contains_key(hotkey) || Owner::<T>::get(hotkey) == coldkey,
            Error::<T>::NonAssociatedColdKey
        );
        ensure!(!Self::is_subnet_account(hotkey), Error::<T>::CannotUseSystemAccount);
        ensure!(block >= NetworkRegistrationStartBlock::<T>::get(), Error::<T>::SubNetRegistrationDisabled);
        ensure!(Self::network_rate_limit_passed(block), Error::<T>::NetworkTxRateLimitExceeded);
        let dissolved = Self::subnet_in_the_way()?;
        let cost = Self::network_lock_cost();
        ensure!(Self::free_balance(&coldkey) >= cost, Error::<T>::CannotAffordLockCost);

        let price = Self::median_price();
        if let Some(netuid) = dissolved {
            Self::do_dissolve_network(netuid)?;
        }
        let free = (FIRST..u16::MAX).find(|netuid| !NetworksAdded::<T>::get(netuid));
        let netuid = dissolved.or(free).ok_or(Error::<T>::SubnetLimitReached)?;
        let paid = Self::pay(&coldkey, &Self::subnet_account(netuid), cost)?;
        Self::own_hotkey(&coldkey, hotkey)?;
        Self::init_new_network(netuid, block);
        NetworkLastLockCost::<T>::put(cost);
        LastRateLimitedBlock::<T>::insert(RateLimitKey::NetworkLastRegistered, block);
        SubnetMechanism::<T>::insert(netuid, 1);
        SubnetOwner::<T>::insert(netuid, &coldkey);
        SubnetOwnerHotkey::<T>::insert(netuid, hotkey);
        SubnetLocked::<T>::insert(netuid, paid);
        SubnetTAO::<T>::insert(netuid, paid);
        SubnetAlphaIn::<T>::insert(netuid, to_u64(div(U64F64::from_num(paid), price)));
        SubnetEmissionEnabled::<T>::insert(netuid, false);
        TotalStake::<T>::mutate(|total| *total = total.saturating_add(paid));
        Self::append_neuron(netuid, hotkey, block)?;
        Self::deposit_event(Event::SubnetOwnerHotkeySet(netuid, hotkey.clone()));
        if let Some(identity) = identity {
            Self::put_identity(netuid, identity)?;
        }
        Self::deposit_event(Event::NetworkAdded(netuid, 1));
        Ok(())
    }

    pub(super) fn network_rate_limit_passed(block: u64) -> bool {
        let last = LastRateLimitedBlock::<T>::get(RateLimitKey::NetworkLastRegistered);
        last == 0 || block.saturating_sub(last) >= NetworkRateLimit::<T>::get()
    }

    /// The subnet that a new one replaces when there are as many as allowed.
    fn subnet_in_the_way() -> Result<Option<u16>, Error<T>> {
        let taken = u16::try_from(Self::subnets().len()).unwrap_or(u16::MAX);
        if taken < SubnetLimit::<T>::get() {
            return Ok(None);
        }
        Self::subnet_to_dissolve().map(Some).ok_or(Error::SubnetLimitReached)
    }

    /// The median price of the subnets that have one; a new subnet starts at it. One without any.
    fn median_price() -> U64F64 {
        let mut prices: Vec<U64F64> =
            Self::subnets().into_iter().map(Self::price).filter(|price| *price > U64F64::ZERO).collect();
        prices.sort_unstable();
        match prices.len() {
            0 => U64F64::ONE,
            odd if odd % 2 == 1 => prices[odd / 2],
            even => div(prices[even / 2 - 1].saturating_add(prices[even / 2]), U64F64::from_num(2)),
        }
    }

    /// What the next subnet costs, rao: twice the last price, falling back to the minimum within an interval.
    #[must_use]
    pub fn network_lock_cost() -> u64 {
        let lock = Lock {
            last_cost: NetworkLastLockCost::<T>::get(),
            last_block: LastRateLimitedBlock::<T>::get(RateLimitKey::NetworkLastRegistered),
            min_cost: NetworkMinLockCost::<T>::get(),
            interval: NetworkLockReductionInterval::<T>::get(),
        };
        lock_cost(&lock, Self::block())
    }

    pub(super) fn init_new_network(netuid: u16, block: u64) {
        let new = NewSubnet::<T>::get();
        SubnetworkN::<T>::insert(netuid, 0);
        NetworksAdded::<T>::insert(netuid, true);
        NetworkRegisteredAt::<T>::insert(netuid, block);
        RegisteredSubnetCounter::<T>::mutate(netuid, |count| *count = count.saturating_add(1));
        TotalNetworks::<T>::mutate(|total| *total = total.saturating_add(1));
        Tempo::<T>::insert(netuid, new.tempo);
        LastEpochBlock::<T>::insert(netuid, first_epoch_start(block, netuid, new.tempo));
        NetworkRegistrationAllowed::<T>::insert(netuid, true);
        MaxAllowedUids::<T>::insert(netuid, 256);
        MaxAllowedValidators::<T>::insert(netuid, 64);
        MinAllowedWeights::<T>::insert(netuid, 1);
        ImmunityPeriod::<T>::insert(netuid, new.immunity_period);
        WeightsSetRateLimit::<T>::insert(netuid, new.weights_rate_limit);
        ServingRateLimit::<T>::insert(netuid, new.serving_rate_limit);
        CommitRevealWeightsEnabled::<T>::insert(netuid, new.commit_reveal);
        Yuma3On::<T>::insert(netuid, true);
        Burn::<T>::insert(netuid, FIRST_BURN);
        TokenSymbol::<T>::insert(netuid, symbol(netuid));
        Self::deposit_event(Event::RegistrationAllowed(netuid, true));
        Self::deposit_event(Event::MaxAllowedUidsSet(netuid, 256));
        Self::deposit_event(Event::MaxAllowedValidatorsSet(netuid, 64));
        Self::deposit_event(Event::MinAllowedWeightSet(netuid, 1));
        Self::deposit_event(Event::ImmunityPeriodSet(netuid, new.immunity_period));
    }

    pub(super) fn do_start_call(origin: OriginFor<T>, netuid: u16) -> DispatchResult {
        ensure!(NetworksAdded::<T>::get(netuid), Error::<T>::SubnetNotExists);
        Self::ensure_owner(origin, netuid)?;
        ensure!(FirstEmissionBlockNumber::<T>::get(netuid).is_none(), Error::<T>::FirstEmissionBlockNumberAlreadySet);
        let block = Self::block();
        let start = NetworkRegisteredAt::<T>::get(netuid).saturating_add(StartCallDelay::<T>::get());
        ensure!(block >= start, Error::<T>::NeedWaitingMoreBlocksToStarCall);
        let first = block.saturating_add(1);
        FirstEmissionBlockNumber::<T>::insert(netuid, first);
        SubtokenEnabled::<T>::insert(netuid, true);
        Self::deposit_event(Event::FirstEmissionBlockNumberSet(netuid, first));
        Ok(())
    }

    /// The root network as it stands at block 0.
    pub(super) fn create_root() {
        NetworksAdded::<T>::insert(ROOT, true);
        TotalNetworks::<T>::mutate(|total| *total = total.saturating_add(1));
        MaxAllowedUids::<T>::insert(ROOT, 64);
        MaxAllowedValidators::<T>::insert(ROOT, 64);
        MinAllowedWeights::<T>::insert(ROOT, 0);
        Tempo::<T>::insert(ROOT, 100);
        NetworkRegistrationAllowed::<T>::insert(ROOT, true);
        SubtokenEnabled::<T>::insert(ROOT, true);
        TokenSymbol::<T>::insert(ROOT, symbol(ROOT));
        SubnetOwner::<T>::insert(ROOT, sp_keyring::Sr25519Keyring::Alice.to_account_id());
    }

    /// Subnet 1 as it stands at block 0: nobody owns it and it does not emit.
    pub(super) fn create_first_subnet() {
        let nobody = AccountId32::new([0; 32]);
        NetworksAdded::<T>::insert(FIRST, true);
        TotalNetworks::<T>::mutate(|total| *total = total.saturating_add(1));
        SubnetMechanism::<T>::insert(FIRST, 1);
        SubnetTAO::<T>::insert(FIRST, FIRST_RESERVE);
        SubnetAlphaIn::<T>::insert(FIRST, FIRST_RESERVE);
        SubnetOwner::<T>::insert(FIRST, &nobody);
        MaxAllowedUids::<T>::insert(FIRST, 256);
        MaxAllowedValidators::<T>::insert(FIRST, 64);
        MinAllowedWeights::<T>::insert(FIRST, 0);
        Tempo::<T>::insert(FIRST, 100);
        NetworkRegistrationAllowed::<T>::insert(FIRST, true);
        TokenSymbol::<T>::insert(FIRST, symbol(FIRST));
        // The pool's TAO exists like any other; minting cannot fail above the existential deposit.
        let _ = pallet_balances::Pallet::<T>::mint_into(&Self::subnet_account(FIRST), FIRST_RESERVE);
        // There is room for the first neuron, so this cannot fail.
        let _ = Self::append_neuron(FIRST, &nobody, 0);
    }
}

/// The sign of a subnet's alpha: Greek letters, as far as they go.
fn symbol(netuid: u16) -> Vec<u8> {
    match netuid {
        0 => "Τ".into(),
        1..=17 => {
            char::from_u32(0x3b0 + u32::from(netuid)).map_or_else(Vec::new, |letter| letter.to_string().into_bytes())
        }
        _ => format!("SN{netuid}").into_bytes(),
    }
}
