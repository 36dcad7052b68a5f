//! Answers of the runtime APIs against what the calls then do.

use parity_scale_codec::Compact;

use super::*;
use crate::subtensor::{self as pallet, info::answers::StakeAvailability};

type Subtensor = pallet::Pallet<Runtime>;

fn add_stake(netuid: u16, hotkey: u64, amount: u64) -> DispatchResult {
    SubtensorModule::add_stake(signed(&alice()), account(hotkey), netuid, amount)
}

#[test]
fn a_quote_is_what_staking_then_gives() {
    chain(&Preset::dev()).execute_with(|| {
        let netuid = subnet();
        let quote = Subtensor::quote_stake(netuid, 10 * TAO);
        assert_eq!((quote.tao_amount + quote.tao_fee, quote.tao_slippage), (10 * TAO, 0));
        assert_ok!(add_stake(netuid, 100, 10 * TAO));
        assert_eq!(Subtensor::stake_of(&account(100), &alice(), netuid), quote.alpha_amount);
        assert_eq!(quote.alpha_amount + quote.alpha_slippage, 10 * TAO, "at a price of one");
        let back = Subtensor::quote_unstake(netuid, quote.alpha_amount);
        assert!(back.tao_amount < 10 * TAO && back.tao_amount > 9 * TAO, "{back:?}");
        assert!(back.alpha_fee > 0 && back.tao_slippage > 0, "{back:?}");
    });
}

#[test]
fn the_root_network_swaps_one_for_one_without_a_fee() {
    chain(&Preset::dev()).execute_with(|| {
        let (buy, sell) = (Subtensor::quote_stake(0, TAO), Subtensor::quote_unstake(0, TAO));
        assert_eq!((buy.alpha_amount, buy.tao_fee, buy.alpha_slippage), (TAO, 0, 0));
        assert_eq!((sell.tao_amount, sell.alpha_fee, sell.tao_slippage), (TAO, 0, 0));
        let price = |netuid| Subtensor::prices().iter().find(|entry| entry.netuid == netuid).map(|entry| entry.price);
        assert_eq!((price(0), price(1), price(2)), (Some(TAO), Some(TAO), None));
    });
}

#[test]
fn stake_is_listed_by_subnet_and_none_of_nothing() {
    chain(&Preset::dev()).execute_with(|| {
        let netuid = subnet();
        assert!(Subtensor::stakes_of(&alice()).is_empty());
        assert_ok!(add_stake(netuid, 100, TAO));
        assert_ok!(add_stake(0, 100, TAO));
        let held: Vec<(u16, bool)> =
            Subtensor::stakes_of(&alice()).iter().map(|info| (info.netuid.0, info.is_registered)).collect();
        assert_eq!(held, [(0, false), (netuid, true)]);
        let nothing = Subtensor::stake_info(&account(7), &alice(), netuid);
        assert_eq!((nothing.stake, nothing.is_registered), (Compact(0), false));
        assert_eq!(pallet::TotalAlphaStaked::<Runtime>::get(0), TAO);
    });
}

#[test]
fn availability_is_of_the_subnets_asked_for() {
    chain(&Preset::dev()).execute_with(|| {
        let netuid = subnet();
        assert_ok!(add_stake(0, 100, TAO));
        let ask = |netuids: Option<Vec<u16>>| {
            let answer = Subtensor::stake_availability(vec![alice()], netuids);
            answer[&alice()].iter().map(|(netuid, free)| (*netuid, free.clone())).collect::<Vec<_>>()
        };
        let all = StakeAvailability { total: Compact(TAO), locked: Compact(0), available: Compact(TAO) };
        assert_eq!(ask(None), [(0, all.clone())]);
        assert_eq!(ask(Some(vec![0, 0, netuid])), [(0, all)]);
        // Nothing, another subnet, and more than there are.
        for netuids in [vec![], vec![netuid], vec![0, 1, 2, 3]] {
            assert_eq!(ask(Some(netuids)), []);
        }
    });
}

#[test]
fn delegates_are_those_who_set_their_take() {
    chain(&Preset::dev()).execute_with(|| {
        let netuid = subnet();
        assert_ok!(add_stake(netuid, 100, TAO));
        assert_ok!(add_stake(0, 100, 2000 * TAO));
        assert_eq!((Subtensor::delegate(&account(100)), Subtensor::delegated(&alice())), (None, vec![]));

        pallet::Delegates::<Runtime>::insert(account(100), 6_553);
        pallet::Emission::<Runtime>::insert(netuid, vec![TAO]);
        let delegate = Subtensor::delegate(&account(100)).unwrap();
        assert_eq!(Subtensor::delegates(), std::slice::from_ref(&delegate));
        assert_eq!(delegate.registrations, [Compact(netuid)]);
        assert_eq!(
            delegate.nominators.iter().map(|(who, held)| (who, held.len())).collect::<Vec<_>>(),
            [(&alice(), 2)]
        );
        // 360 epochs of 20 blocks in a day; for 1000 of 2000 TAO after a take of 6553/65535.
        assert_eq!(delegate.total_daily_return, Compact(360 * TAO));
        assert_eq!(delegate.return_per_1000, Compact(162_001_373_311));
        let delegated = Subtensor::delegated(&alice());
        assert_eq!(delegated.len(), 2);
        assert!(delegated.iter().all(|(info, _)| info.nominators.is_empty() && info.owner_ss58 == alice()));
    });
}
