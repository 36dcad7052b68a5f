//! Stake that is sold, hotkeys that go on under another name, neurons and subnets that end.

use super::*;
use crate::{runtime::Balances, subtensor as pallet};

type P = pallet::Pallet<Runtime>;

fn bob() -> AccountId32 {
    Sr25519Keyring::Bob.to_account_id()
}

fn stake(netuid: u16, hotkey: u64, amount: u64) {
    assert_ok!(SubtensorModule::add_stake(signed(&bob()), account(hotkey), netuid, amount));
}

fn held(netuid: u16, hotkey: u64) -> u64 {
    P::stake_of(&account(hotkey), &bob(), netuid)
}

#[test]
fn stake_comes_back_less_two_fees() {
    chain(&Preset::dev()).execute_with(|| {
        let netuid = subnet();
        let before = Balances::free_balance(bob());
        stake(netuid, 100, 10 * TAO);
        assert_ok!(SubtensorModule::remove_stake(signed(&bob()), account(100), netuid, u64::MAX));
        let lost = before - Balances::free_balance(bob());
        assert!((9_000_000..11_000_000).contains(&lost), "{lost}");
        assert_eq!((held(netuid, 100), pallet::TotalAlphaStaked::<Runtime>::get(netuid)), (0, 0));
        let pool = P::subnet_account(netuid);
        assert_eq!(Balances::free_balance(pool), pallet::SubnetTAO::<Runtime>::get(netuid));
    });
}

#[test]
fn a_swapped_hotkey_keeps_neuron_and_stake() {
    chain(&Preset::dev()).execute_with(|| {
        let netuid = subnet();
        register(netuid, 1).unwrap();
        stake(netuid, 1, 10 * TAO);
        let before = held(netuid, 1);
        assert_ok!(SubtensorModule::swap_hotkey(signed(&alice()), account(1), account(7), None));
        assert_eq!(pallet::Uids::<Runtime>::get(netuid, account(7)), Some(1));
        assert_eq!((held(netuid, 7), held(netuid, 1)), (before, 0));
        assert_eq!(pallet::StakingHotkeys::<Runtime>::get(bob()), [account(7)]);
        assert!(!pallet::Owner::<Runtime>::contains_key(account(1)));
    });
}

#[test]
fn who_earns_least_leaves_a_smaller_subnet() {
    chain(&Preset::dev()).execute_with(|| {
        let netuid = subnet();
        (1..=9).for_each(|hotkey| register(netuid, hotkey).unwrap());
        pallet::MinAllowedUids::<Runtime>::insert(netuid, 2);
        pallet::Emission::<Runtime>::insert(netuid, vec![0, 9, 8, 1, 7, 6, 1, 5, 4, 3]);
        pallet::Weights::<Runtime>::insert(netuid, 1, vec![(3, 5), (9, 7)]);
        at(200);
        assert_ok!(P::trim(netuid, 8));
        assert_eq!(pallet::Emission::<Runtime>::get(netuid), [0, 9, 8, 7, 6, 5, 4, 3]);
        assert_eq!(pallet::Weights::<Runtime>::get(netuid, 1), [(7, 7)]);
        let uid = |hotkey| pallet::Uids::<Runtime>::get(netuid, account(hotkey));
        assert_eq!((uid(9), uid(3), uid(100)), (Some(7), None, Some(0)));
        assert_eq!(pallet::SubnetworkN::<Runtime>::get(netuid), 8);
    });
}

#[test]
fn a_dissolved_subnet_pays_the_holders_of_its_alpha() {
    chain(&Preset::dev()).execute_with(|| {
        let netuid = subnet();
        stake(netuid, 100, 10 * TAO);
        let (before, tao) = (Balances::free_balance(bob()), pallet::SubnetTAO::<Runtime>::get(netuid));
        let dissolve = |origin| SubtensorModule::dissolve_network(origin, alice(), netuid);
        assert_noop!(dissolve(signed(&alice())), DispatchError::BadOrigin);
        assert_ok!(dissolve(RuntimeOrigin::root()));
        assert_eq!(Balances::free_balance(bob()), before + tao);
        assert_eq!((held(netuid, 100), Balances::free_balance(P::subnet_account(netuid))), (0, 0));
        assert!(pallet::Keys::<Runtime>::iter_prefix(netuid).next().is_none());
        assert_noop!(dissolve(RuntimeOrigin::root()), Error::SubnetNotExists);
        assert_ok!(SubtensorModule::register_network(signed(&alice()), account(101)));
        assert!(pallet::NetworksAdded::<Runtime>::get(netuid), "its number is free again");
    });
}
