//! Each call: once as it should be, and once for each check that can refuse it here.

use super::*;
use crate::subtensor::{self as pallet, types::AxonInfo};

const LOOPBACK: u128 = 0x7f00_0001;

fn set_weights(hotkey: u64, netuid: u16, uids: &[u16], values: &[u16]) -> DispatchResult {
    SubtensorModule::set_weights(signed(&account(hotkey)), netuid, uids.to_vec(), values.to_vec(), 0)
}

fn serve(hotkey: u64, netuid: u16, ip: u128, port: u16, ip_type: u8) -> DispatchResult {
    SubtensorModule::serve_axon(signed(&account(hotkey)), netuid, 1, ip, port, ip_type, 4, 0, 0)
}

fn permit(netuid: u16, uid: usize) {
    pallet::ValidatorPermit::<Runtime>::mutate(netuid, |permits| permits[uid] = true);
}

#[test]
fn weights_are_refused_for_every_reason() {
    chain(&Preset::dev().plain_weights()).execute_with(|| {
        let netuid = subnet();
        register(netuid, 1).unwrap();
        register(netuid, 2).unwrap();
        assert_noop!(set_weights(1, 0, &[0], &[1]), Error::CommitRevealEnabled);
        pallet::CommitRevealWeightsEnabled::<Runtime>::insert(0, false);
        pallet::CommitRevealWeightsEnabled::<Runtime>::insert(9, false);
        assert_noop!(set_weights(1, 0, &[0], &[1]), Error::CanNotSetRootNetworkWeights);
        assert_noop!(set_weights(1, netuid, &[0], &[1, 2]), Error::WeightVecNotEqualSize);
        assert_noop!(set_weights(1, 9, &[0], &[1]), Error::MechanismDoesNotExist);
        assert_noop!(set_weights(1, netuid, &[0; 4], &[1; 4]), Error::UidsLengthExceedUidsInSubNet);
        assert_noop!(set_weights(7, netuid, &[0], &[1]), Error::HotKeyNotRegisteredInSubNet);
        pallet::StakeThreshold::<Runtime>::put(1);
        assert_noop!(set_weights(1, netuid, &[0], &[1]), Error::NotEnoughStakeToSetWeights);
        pallet::StakeThreshold::<Runtime>::put(0);
        pallet::WeightsVersionKey::<Runtime>::insert(netuid, 5);
        assert_noop!(set_weights(1, netuid, &[0], &[1]), Error::IncorrectWeightVersionKey);
        pallet::WeightsVersionKey::<Runtime>::insert(netuid, 0);
        pallet::WeightsSetRateLimit::<Runtime>::insert(netuid, 10);
        assert_noop!(set_weights(1, netuid, &[0], &[1]), Error::SettingWeightsTooFast);
        at(11);
        assert_noop!(set_weights(1, netuid, &[0], &[1]), Error::NeuronNoValidatorPermit);
        permit(netuid, 1);
        assert_noop!(set_weights(1, netuid, &[0, 0], &[1, 1]), Error::DuplicateUids);
        assert_noop!(set_weights(1, netuid, &[3], &[1]), Error::UidVecContainInvalidOne);
        assert_noop!(set_weights(1, netuid, &[], &[]), Error::WeightVecLengthIsLow);
        assert_ok!(set_weights(1, netuid, &[0, 2], &[1, 2]));
        assert_eq!(pallet::Weights::<Runtime>::get(netuid, 1), [(0, 32768), (2, 65535)]);
        assert_eq!(pallet::LastUpdate::<Runtime>::get(netuid), [1, 11, 1]);
        assert_noop!(set_weights(1, netuid, &[0], &[1]), Error::SettingWeightsTooFast);
    });
}

#[test]
fn weights_need_a_signature() {
    chain(&Preset::dev().plain_weights()).execute_with(|| {
        let netuid = subnet();
        let call = |origin| SubtensorModule::set_mechanism_weights(origin, netuid, 0, vec![0], vec![1], 0);
        assert_noop!(call(RuntimeOrigin::root()), DispatchError::BadOrigin);
        assert_noop!(call(RuntimeOrigin::none()), DispatchError::BadOrigin);
        assert_ok!(call(signed(&account(100))));
    });
}

#[test]
fn axons_are_refused_for_every_reason() {
    chain(&Preset::mainnet()).execute_with(|| {
        let netuid = subnet();
        register(netuid, 1).unwrap();
        at(60);
        assert_noop!(serve(2, netuid, 1, 80, 3), Error::HotKeyNotRegisteredInNetwork);
        assert_noop!(serve(1, netuid, 1, 80, 3), Error::InvalidIpType);
        assert_noop!(serve(1, netuid, LOOPBACK, 80, 4), Error::InvalidIpAddress);
        assert_noop!(serve(1, netuid, 1, 80, 6), Error::InvalidIpAddress);
        assert_noop!(serve(1, netuid, u128::from(u32::MAX), 80, 4), Error::InvalidIpAddress);
        assert_noop!(serve(1, netuid, u128::MAX, 80, 6), Error::InvalidIpAddress);
        assert_noop!(serve(1, netuid, 0, 0, 4), Error::InvalidPort);
        assert_ok!(serve(1, netuid, 0, 80, 4));
        assert_noop!(serve(1, netuid, 0, 0, 4), Error::ServingRateLimitExceeded);
        at(110);
        assert_ok!(serve(1, netuid, LOOPBACK + 1, 81, 4));
        let expected = AxonInfo {
            block: 110,
            version: 1,
            ip: LOOPBACK + 1,
            port: 81,
            ip_type: 4,
            protocol: 4,
            ..Default::default()
        };
        assert_eq!(pallet::Axons::<Runtime>::get(netuid, account(1)), Some(expected));
    });
}

#[test]
fn loopback_is_what_the_flag_allows_and_nothing_else() {
    chain(&Preset::dev().plain_weights()).execute_with(|| {
        let netuid = subnet();
        assert_noop!(serve(100, netuid, LOOPBACK, 80, 4), Error::InvalidIpAddress);
    });
    chain(&Preset { allow_loopback: true, ..Preset::dev() }).execute_with(|| {
        let netuid = subnet();
        assert_ok!(serve(100, netuid, LOOPBACK, 80, 4));
        assert_ok!(serve(100, netuid, 1, 80, 6));
        assert_noop!(serve(100, netuid, u128::from(u32::MAX), 80, 4), Error::InvalidIpAddress);
        assert_noop!(serve(100, netuid, u128::MAX, 80, 6), Error::InvalidIpAddress);
    });
}

#[test]
fn registrations_are_refused_for_every_reason() {
    chain(&Preset::dev().plain_weights()).execute_with(|| {
        let netuid = subnet();
        assert_noop!(register(0, 1), Error::RegistrationNotPermittedOnRootSubnet);
        assert_noop!(register(9, 1), Error::SubnetNotExists);
        pallet::NetworkRegistrationAllowed::<Runtime>::insert(netuid, false);
        assert_noop!(register(netuid, 1), Error::SubNetRegistrationDisabled);
        pallet::NetworkRegistrationAllowed::<Runtime>::insert(netuid, true);
        assert_noop!(register(netuid, 100), Error::HotKeyAlreadyRegisteredInSubNet);
        let poor = SubtensorModule::burned_register(signed(&account(5)), netuid, account(1));
        assert_noop!(poor, Error::NotEnoughBalanceToStake);
        let bob = Sr25519Keyring::Bob.to_account_id();
        assert_ok!(SubtensorModule::burned_register(signed(&bob), netuid, account(1)));
        assert_noop!(register(1, 1), Error::NonAssociatedColdKey);
        let pool = pallet::Pallet::<Runtime>::subnet_account(netuid);
        let call = SubtensorModule::burned_register(signed(&alice()), netuid, pool);
        assert_noop!(call, Error::CannotUseSystemAccount);
        pallet::MaxAllowedUids::<Runtime>::insert(netuid, 2);
        at(200);
        assert_noop!(register(netuid, 2), Error::NoNeuronIdAvailable);
    });
}

#[test]
fn the_price_rises_with_each_registration() {
    chain(&Preset::dev().plain_weights()).execute_with(|| {
        let netuid = subnet();
        register(netuid, 1).unwrap();
        assert_eq!(pallet::Burn::<Runtime>::get(netuid), 1_260_000_000);
        register(netuid, 2).unwrap();
        assert_eq!(pallet::Burn::<Runtime>::get(netuid), 1_587_600_000);
        assert_eq!(pallet::RAORecycledForRegistration::<Runtime>::get(netuid), 2_260_000_000);
    });
}

#[test]
fn stake_is_refused_for_every_reason() {
    chain(&Preset::dev().plain_weights()).execute_with(|| {
        let add =
            |netuid, hotkey, amount| SubtensorModule::add_stake(signed(&alice()), account(hotkey), netuid, amount);
        assert_noop!(add(9, 100, TAO), Error::SubnetNotExists);
        assert_noop!(add(1, 100, TAO), Error::SubtokenDisabled);
        let netuid = subnet();
        assert_noop!(add(netuid, 100, 2_001_006), Error::AmountTooLow);
        assert_noop!(add(netuid, 100, u64::MAX), Error::NotEnoughBalanceToStake);
        assert_noop!(add(netuid, 101, TAO), Error::HotKeyAccountNotExists);
        assert_ok!(add(netuid, 100, 10 * TAO));
        assert_eq!(pallet::Pallet::<Runtime>::stake_of(&account(100), &alice(), netuid), 9_896_053_816);
        pallet::SubnetAlphaIn::<Runtime>::insert(netuid, 0);
        assert_noop!(add(netuid, 100, TAO), Error::InsufficientLiquidity);
        assert_ok!(add(0, 100, TAO));
        assert_eq!(pallet::Pallet::<Runtime>::stake_of(&account(100), &alice(), 0), TAO);
    });
}

#[test]
fn stake_is_shared_in_proportion() {
    chain(&Preset::dev().plain_weights()).execute_with(|| {
        let (netuid, hotkey, bob) = (subnet(), account(100), Sr25519Keyring::Bob.to_account_id());
        let of = |coldkey: &AccountId32| pallet::Pallet::<Runtime>::stake_of(&hotkey, coldkey, netuid);
        pallet::Pallet::<Runtime>::stake(&hotkey, &alice(), netuid, 300);
        pallet::Pallet::<Runtime>::stake_for_all(&hotkey, netuid, 300);
        pallet::Pallet::<Runtime>::stake(&hotkey, &bob, netuid, 200);
        pallet::Pallet::<Runtime>::stake_for_all(&hotkey, netuid, 80);
        assert_eq!((of(&alice()), of(&bob)), (660, 220));
    });
}

#[test]
fn subnets_are_refused_for_every_reason() {
    chain(&Preset::mainnet()).execute_with(|| {
        let bob = Sr25519Keyring::Bob.to_account_id();
        let dave = Sr25519Keyring::Dave.to_account_id();
        let create = |who: &AccountId32, hotkey| SubtensorModule::register_network(signed(who), hotkey);
        pallet::NetworkRegistrationStartBlock::<Runtime>::put(2);
        assert_noop!(create(&alice(), account(100)), Error::SubNetRegistrationDisabled);
        pallet::NetworkRegistrationStartBlock::<Runtime>::put(0);
        let pool = pallet::Pallet::<Runtime>::subnet_account(1);
        assert_noop!(create(&alice(), pool), Error::CannotUseSystemAccount);
        assert_noop!(create(&account(5), account(100)), Error::CannotAffordLockCost);
        assert_ok!(create(&alice(), account(100)));
        assert_noop!(create(&bob, account(100)), Error::NonAssociatedColdKey);
        assert_noop!(create(&bob, account(101)), Error::NetworkTxRateLimitExceeded);
        at(7201);
        assert_ok!(create(&bob, account(101)));
        at(14401);
        assert_noop!(create(&dave, account(102)), Error::CannotAffordLockCost);
        pallet::SubnetLimit::<Runtime>::put(3);
        assert_noop!(create(&bob, account(102)), Error::SubnetLimitReached);
    });
}

#[test]
fn start_is_refused_for_every_reason() {
    chain(&Preset::dev().plain_weights()).execute_with(|| {
        let start = |who: &AccountId32, netuid| SubtensorModule::start_call(signed(who), netuid);
        assert_noop!(start(&alice(), 9), Error::SubnetNotExists);
        assert_ok!(SubtensorModule::register_network(signed(&alice()), account(100)));
        assert_noop!(start(&account(100), 2), DispatchError::BadOrigin);
        pallet::StartCallDelay::<Runtime>::put(10);
        assert_noop!(start(&alice(), 2), Error::NeedWaitingMoreBlocksToStarCall);
        at(11);
        assert_ok!(start(&alice(), 2));
        assert_eq!(pallet::FirstEmissionBlockNumber::<Runtime>::get(2), Some(12));
        assert_noop!(start(&alice(), 2), Error::FirstEmissionBlockNumberAlreadySet);
    });
}
