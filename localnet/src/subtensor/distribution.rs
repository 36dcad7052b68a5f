//! From an epoch's outcome to the stake of those who earned it.

use std::collections::{BTreeMap, BTreeSet};

use incentive::{
    emission::{self, Account, Pending, dividend_after_take},
    fixed::U96F32,
};
use sp_runtime::AccountId32;

use super::{
    network::ROOT,
    pallet::*,
    types::{FixedI128, FixedU128, RecycleOrBurnEnum},
};

/// What a subnet had pending when its epoch began, rao of alpha.
pub(super) struct Drained {
    /// For miners, validators and root.
    pub pending: Pending,
    /// For the subnet's owner.
    pub owner_cut: u64,
}

impl<T: Config> Pallet<T> {
    /// Runs the epoch of a subnet and pays what was pending.
    pub(super) fn distribute(netuid: u16, block: u64, drained: &Drained) {
        let outcome = Self::run_epoch(netuid, block, drained.pending.total()).subnet;
        let servers = outcome.server_emission.iter().copied();
        let validators = outcome.validator_emission.iter().copied();
        let earned: Vec<(AccountId32, u64, u64)> = (0..u16::MAX)
            .zip(servers.zip(validators))
            .map(|(uid, (server, validator))| (Keys::<T>::get(netuid, uid), server, validator))
            .collect();
        let accounts = Self::accounts(netuid, &earned);
        let parts =
            emission::distribute(drained.pending, &earned, &accounts, TaoWeight::<T>::get(), CKBurn::<T>::get());
        Self::recycle(netuid, parts.burned);
        Self::pay_owner(netuid, drained.owner_cut);
        Self::pay_miners(netuid, parts.incentives);
        Self::pay_validators(netuid, parts.alpha_dividends);
        Self::pay_root(netuid, parts.root_dividends);
        LastMechansimStepBlock::<T>::insert(netuid, block);
    }

    /// What the division needs to know of all who earned, and of those who lent them stake.
    fn accounts(netuid: u16, earned: &[(AccountId32, u64, u64)]) -> BTreeMap<AccountId32, Account<AccountId32>> {
        let mut accounts = BTreeMap::new();
        for (hotkey, _, _) in earned {
            let account = Self::account(netuid, hotkey);
            for (_, parent) in &account.parents {
                accounts.entry(parent.clone()).or_insert_with(|| Self::account(netuid, parent));
            }
            accounts.insert(hotkey.clone(), account);
        }
        accounts
    }

    fn account(netuid: u16, hotkey: &AccountId32) -> Account<AccountId32> {
        Account {
            coldkey: Owner::<T>::get(hotkey),
            alpha_stake: TotalHotkeyAlpha::<T>::get(hotkey, netuid),
            root_stake: TotalHotkeyAlpha::<T>::get(hotkey, ROOT),
            childkey_take: ChildkeyTake::<T>::get(hotkey, netuid),
            parents: ParentKeys::<T>::get(hotkey, netuid),
            children: ChildKeys::<T>::get(hotkey, netuid),
        }
    }

    fn pay_owner(netuid: u16, cut: u64) {
        if let (Ok(hotkey), 1..) = (SubnetOwnerHotkey::<T>::try_get(netuid), cut) {
            Self::stake(&hotkey, &SubnetOwner::<T>::get(netuid), netuid, cut);
        }
    }

    /// Pays miners, except the subnet owner's own, whose part is burned or recycled.
    fn pay_miners(netuid: u16, incentives: BTreeMap<AccountId32, u64>) {
        let withheld = emission::withhold(incentives, &Self::owner_hotkeys(netuid));
        MinerBurned::<T>::insert(netuid, FixedU128 { bits: withheld.share.to_bits() });
        if RecycleOrBurn::<T>::get(netuid) == RecycleOrBurnEnum::Recycle {
            Self::recycle(netuid, withheld.amount);
        }
        for (hotkey, alpha) in withheld.paid {
            if alpha > 0 {
                let coldkey = Owner::<T>::get(&hotkey);
                let to = AutoStakeDestination::<T>::get(&coldkey, netuid).unwrap_or(hotkey);
                Self::stake(&to, &coldkey, netuid, alpha);
            }
        }
    }

    fn owner_hotkeys(netuid: u16) -> BTreeSet<AccountId32> {
        let owned = OwnedHotkeys::<T>::get(SubnetOwner::<T>::get(netuid));
        let here = owned.into_iter().filter(|hotkey| Uids::<T>::contains_key(netuid, hotkey));
        here.chain(SubnetOwnerHotkey::<T>::try_get(netuid).ok()).collect()
    }

    /// Pays stake on the subnet; the validator keeps its take.
    fn pay_validators(netuid: u16, dividends: BTreeMap<AccountId32, U96F32>) {
        let _ = AlphaDividendsPerSubnet::<T>::clear_prefix(netuid, u32::MAX, None);
        for (hotkey, dividend) in dividends {
            let (rest, take) = dividend_after_take(dividend, Delegates::<T>::get(&hotkey));
            if take > 0 {
                Self::stake(&hotkey, &Owner::<T>::get(&hotkey), netuid, take);
            }
            if rest > 0 {
                Self::stake_for_all(&hotkey, netuid, rest);
                AlphaDividendsPerSubnet::<T>::insert(netuid, &hotkey, rest);
            }
        }
    }

    /// Pays stake on the root network: the validator's take at once, the rest when it is claimed.
    fn pay_root(netuid: u16, dividends: BTreeMap<AccountId32, U96F32>) {
        let _ = RootAlphaDividendsPerSubnet::<T>::clear_prefix(netuid, u32::MAX, None);
        for (hotkey, dividend) in dividends {
            let (rest, take) = dividend_after_take(dividend, Delegates::<T>::get(&hotkey));
            if take > 0 {
                Self::stake(&hotkey, &Owner::<T>::get(&hotkey), netuid, take);
            }
            if rest > 0 {
                RootAlphaDividendsPerSubnet::<T>::insert(netuid, &hotkey, rest);
                Self::make_claimable(netuid, &hotkey, rest);
            }
        }
    }

    /// Raises what each rao of root stake behind a hotkey may claim of a subnet's alpha.
    fn make_claimable(netuid: u16, hotkey: &AccountId32, alpha: u64) {
        let root_stake = i128::from(TotalHotkeyAlpha::<T>::get(hotkey, ROOT));
        let Some(rate) = (i128::from(alpha) << 32).checked_div(root_stake) else { return };
        RootClaimable::<T>::mutate(hotkey, |claimable| {
            let claim: &mut FixedI128 = claimable.entry(netuid).or_default();
            claim.bits = claim.bits.saturating_add(rate);
        });
    }
}
