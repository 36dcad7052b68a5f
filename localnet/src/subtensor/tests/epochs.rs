//! Whole tempos: who earns, and who does not.

use frame_support::traits::Hooks as _;

use super::*;
use crate::{runtime::Balances, subtensor as pallet};

type P = pallet::Pallet<Runtime>;

const VALIDATOR: u64 = 1;
const MINER: u64 = 2;
const IDLER: u64 = 3;

/// Runs the hooks of blocks up to and including `block`.
pub(super) fn advance_to(block: u32) {
    while System::block_number() < block {
        let next = System::block_number() + 1;
        at(next);
        P::on_initialize(next);
    }
}

pub(super) fn next_epoch(netuid: u16) -> u32 {
    u32::try_from(P::next_epoch(netuid).unwrap()).unwrap()
}

fn alpha(hotkey: u64, netuid: u16) -> u64 {
    pallet::TotalHotkeyAlpha::<Runtime>::get(account(hotkey), netuid)
}

/// A started subnet of Alice's with a staked validator of Bob's and two miners of Charlie's; stops after the epoch
/// that gives the validator its permit.
fn staffed() -> u16 {
    let netuid = subnet();
    let (bob, charlie) = (Sr25519Keyring::Bob.to_account_id(), Sr25519Keyring::Charlie.to_account_id());
    assert_ok!(SubtensorModule::burned_register(signed(&bob), netuid, account(VALIDATOR)));
    assert_ok!(SubtensorModule::burned_register(signed(&charlie), netuid, account(MINER)));
    assert_ok!(SubtensorModule::burned_register(signed(&charlie), netuid, account(IDLER)));
    assert_ok!(SubtensorModule::add_stake(signed(&bob), account(VALIDATOR), netuid, 10 * TAO));
    assert_eq!(pallet::ValidatorPermit::<Runtime>::get(netuid), [false; 4]);
    advance_to(next_epoch(netuid));
    netuid
}

fn weigh(netuid: u16, uids: &[u16], weights: &[u16]) -> DispatchResult {
    SubtensorModule::set_mechanism_weights(signed(&account(VALIDATOR)), netuid, 0, uids.to_vec(), weights.to_vec(), 0)
}

#[test]
fn stake_earns_a_permit_at_the_next_epoch() {
    chain(&Preset::dev().plain_weights()).execute_with(|| {
        let netuid = staffed();
        assert_eq!(pallet::ValidatorPermit::<Runtime>::get(netuid), [true, true, false, false]);
        assert_eq!(pallet::SubnetEpochIndex::<Runtime>::get(netuid), 1);
        assert_eq!(next_epoch(netuid), System::block_number() + 20);
    });
}

#[test]
fn a_weighed_miner_earns_and_an_idle_one_does_not() {
    chain(&Preset::dev().plain_weights()).execute_with(|| {
        let netuid = staffed();
        assert_ok!(weigh(netuid, &[2], &[1]));
        let (validator, owner) = (alpha(VALIDATOR, netuid), alpha(100, netuid));
        advance_to(next_epoch(netuid));
        assert_eq!(pallet::Incentive::<Runtime>::get(netuid), [0, 0, u16::MAX, 0]);
        assert_eq!(pallet::Dividends::<Runtime>::get(netuid), [0, u16::MAX, 0, 0]);
        // 20 blocks of one alpha: 18 % to the owner, then half to miners.
        let server = 20 * (1_000_000_000 - 179_995_422) / 2;
        assert!(alpha(MINER, netuid).abs_diff(server) < 40, "{}", alpha(MINER, netuid));
        assert_eq!(
            P::stake_of(&account(MINER), &Sr25519Keyring::Charlie.to_account_id(), netuid),
            alpha(MINER, netuid)
        );
        assert_eq!(alpha(IDLER, netuid), 0);
        assert!(alpha(VALIDATOR, netuid) - validator > server * 9 / 10);
        assert!((alpha(100, netuid) - owner).abs_diff(20 * 179_995_422) < 40);
        assert_eq!(pallet::Weights::<Runtime>::get(netuid, 1), [(2, u16::MAX)]);
    });
}

#[test]
fn without_weights_no_miner_earns() {
    chain(&Preset::dev().plain_weights()).execute_with(|| {
        let netuid = staffed();
        advance_to(next_epoch(netuid));
        assert_eq!(pallet::Incentive::<Runtime>::get(netuid), [0; 4]);
        assert_eq!((alpha(MINER, netuid), alpha(IDLER, netuid)), (0, 0));
        // Validators take the miners' half.
        assert!(alpha(VALIDATOR, netuid) > 20 * 800_000_000);
    });
}

#[test]
fn incentives_of_the_owner_are_burned() {
    chain(&Preset::dev().plain_weights()).execute_with(|| {
        let netuid = staffed();
        register(netuid, 4).unwrap();
        advance_to(System::block_number() + 1);
        assert_ok!(weigh(netuid, &[2, 4], &[1, 1]));
        advance_to(next_epoch(netuid));
        assert_eq!(pallet::Incentive::<Runtime>::get(netuid), [0, 0, 32767, 0, 32767]);
        assert!(alpha(MINER, netuid) > 0);
        assert_eq!(alpha(4, netuid), 0);
        assert_eq!(pallet::MinerBurned::<Runtime>::get(netuid).bits >> 31, 1, "half of it");
    });
}

#[test]
fn a_subnet_that_has_not_started_pays_nobody() {
    chain(&Preset::dev().plain_weights()).execute_with(|| {
        assert_ok!(SubtensorModule::register_network(signed(&alice()), account(100)));
        advance_to(next_epoch(2) + 20);
        assert_eq!((alpha(100, 2), pallet::SubnetAlphaOut::<Runtime>::get(2)), (0, 0));
        assert_eq!(pallet::SubnetEpochIndex::<Runtime>::get(2), 2);
        assert_eq!(pallet::SubnetEpochIndex::<Runtime>::get(0), 0, "root has no epochs");
    });
}

#[test]
fn a_tempo_of_zero_stops_the_epochs() {
    chain(&Preset::dev().plain_weights()).execute_with(|| {
        let netuid = subnet();
        pallet::Tempo::<Runtime>::insert(netuid, 0);
        assert_eq!(P::next_epoch(netuid), None);
        advance_to(200);
        assert_eq!(pallet::SubnetEpochIndex::<Runtime>::get(netuid), 0);
        assert_eq!(P::next_epoch(9), None);
    });
}

#[test]
fn alpha_and_tao_are_conserved() {
    chain(&Preset::dev().plain_weights()).execute_with(|| {
        let netuid = staffed();
        // As the owner of a subnet on the main network would, once emission is granted.
        pallet::SubnetEmissionEnabled::<Runtime>::insert(netuid, true);
        pallet::SubnetMovingPrice::<Runtime>::insert(netuid, pallet::types::FixedI128 { bits: 1 << 31 });
        assert_ok!(weigh(netuid, &[2], &[1]));
        let before = Balances::total_issuance();
        advance_to(next_epoch(netuid));
        let tao = pallet::SubnetTAO::<Runtime>::get(netuid);
        assert_eq!(Balances::free_balance(P::subnet_account(netuid)), tao);
        assert!(Balances::total_issuance() > before);
        assert_eq!(pallet::TotalIssuance::<Runtime>::get(), Balances::total_issuance());
        let held: u64 = [100, VALIDATOR, MINER, IDLER].into_iter().map(|hotkey| alpha(hotkey, netuid)).sum();
        let issued =
            pallet::SubnetAlphaOut::<Runtime>::get(netuid) - pallet::SubnetProtocolAlpha::<Runtime>::get(netuid);
        assert!(held <= issued && issued - held < 2_000, "{held} of {issued}");
    });
}

#[test]
fn root_stake_votes_at_the_weight_of_tao() {
    chain(&Preset::dev().plain_weights()).execute_with(|| {
        let netuid = subnet();
        assert_ok!(SubtensorModule::add_stake(signed(&alice()), account(100), 0, 1000 * TAO));
        assert_eq!(P::total_stake(&account(100), netuid), 52_676_974_330);
        let graph = P::metagraph(netuid).unwrap();
        assert_eq!((graph.tao_stake[0].0, graph.total_stake[0].0), (1000 * TAO, 52_676_974_330));
    });
}

#[test]
fn a_full_subnet_keeps_its_largest_stakes_as_validators() {
    chain(&Preset::dev().plain_weights()).execute_with(|| {
        let netuid = subnet();
        for hotkey in 0..255_u64 {
            let (hotkey, coldkey) = (account(1_000 + hotkey), account(2_000 + hotkey));
            P::own_hotkey(&coldkey, &hotkey).unwrap();
            P::append_neuron(netuid, &hotkey, 1).unwrap();
            P::stake(&hotkey, &coldkey, netuid, TAO);
        }
        let all: Vec<(u16, u16)> = (0..256).map(|uid| (uid, 1 + uid)).collect();
        for validator in 1..=255 {
            pallet::Weights::<Runtime>::insert(netuid, validator, &all);
        }
        pallet::ValidatorPermit::<Runtime>::insert(netuid, vec![true; 256]);
        pallet::LastUpdate::<Runtime>::insert(netuid, vec![5; 256]);
        advance_to(next_epoch(netuid));
        assert_eq!(pallet::ValidatorPermit::<Runtime>::get(netuid).iter().filter(|permit| **permit).count(), 65);
        assert!(pallet::Incentive::<Runtime>::get(netuid)[255] > 0);
    });
}
