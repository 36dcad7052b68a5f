//! Time-locked weights: what is committed, when it is opened, and what happens in between.

use parity_scale_codec::Encode as _;
use timelock::{RANDOMNESS, WeightsPayload};

use super::{
    epochs::{advance_to, next_epoch},
    *,
};
use crate::{
    drand::{self, development, tests::quicknet, types::PulsesPayload},
    preset::BeaconChoice,
    runtime::Drand,
    subtensor as pallet,
};

mod changes;
mod reveals;

type P = pallet::Pallet<Runtime>;

const VALIDATOR: u64 = 1;
const RIVAL: u64 = 2;
const MINER: u64 = 3;
const ROUND: u64 = 1000;

/// A subnet with commit-reveal on: owner, two validators with permits and stake, a miner; one block into an epoch.
fn subnet_of_committers(test: impl FnOnce(u16)) {
    chain(&Preset::dev()).execute_with(|| {
        let netuid = subnet();
        for hotkey in [VALIDATOR, RIVAL, MINER] {
            register(netuid, hotkey).unwrap();
        }
        for (hotkey, tao) in [(VALIDATOR, 20), (RIVAL, 5)] {
            assert_ok!(SubtensorModule::add_stake(signed(&alice()), account(hotkey), netuid, tao * TAO));
        }
        advance_to(next_epoch(netuid) + 1);
        assert_eq!(pallet::ValidatorPermit::<Runtime>::get(netuid), [true, true, true, false]);
        test(netuid);
    });
}

/// What `hotkey` weighs, sealed for a round of the development beacon.
fn sealed(hotkey: u64, round: u64, uids: &[u16], values: &[u16]) -> Vec<u8> {
    let hotkey: &[u8; 32] = &account(hotkey).into();
    let payload =
        WeightsPayload { hotkey: hotkey.to_vec(), uids: uids.to_vec(), values: values.to_vec(), version_key: 0 };
    seal(&payload.encode(), round)
}

fn seal(payload: &[u8], round: u64) -> Vec<u8> {
    timelock::encrypt(payload, round, &development::key().public_key(), &[7; RANDOMNESS]).unwrap()
}

fn commit_bytes(hotkey: u64, netuid: u16, bytes: Vec<u8>, round: u64) -> DispatchResult {
    SubtensorModule::commit_timelocked_weights(signed(&account(hotkey)), netuid, bytes.try_into().unwrap(), round, 4)
}

fn commit(hotkey: u64, netuid: u16, round: u64, uids: &[u16]) -> DispatchResult {
    commit_bytes(hotkey, netuid, sealed(hotkey, round, uids, &vec![1; uids.len()]), round)
}

fn pulse(round: u64) {
    let pulses = vec![development::pulse(round, &development::key().sign(round).unwrap())];
    let pulses_payload = PulsesPayload { block_number: 0, pulses, public: Sr25519Keyring::Alice.public().into() };
    assert_ok!(Drand::write_pulse(RuntimeOrigin::none(), pulses_payload, None));
}

fn weights(netuid: u16, uid: u16) -> Vec<(u16, u16)> {
    pallet::Weights::<Runtime>::get(netuid, uid)
}

fn waiting(netuid: u16) -> usize {
    pallet::TimelockedWeightCommits::<Runtime>::iter_prefix(netuid).map(|(_, queue)| queue.len()).sum()
}

fn incentives(netuid: u16) -> Vec<u16> {
    pallet::Incentive::<Runtime>::get(netuid)
}

#[test]
fn a_commit_is_refused_for_every_reason() {
    subnet_of_committers(|netuid| {
        let commit = |hotkey, netuid, mechanism, version| {
            let origin = signed(&account(hotkey));
            let sealed = vec![1].try_into().unwrap();
            SubtensorModule::commit_timelocked_mechanism_weights(origin, netuid, mechanism, sealed, ROUND, version)
        };
        assert_noop!(commit(9, 7, 0, 1), Error::MechanismDoesNotExist);
        assert_noop!(commit(9, netuid, 1, 1), Error::MechanismDoesNotExist);
        pallet::CommitRevealWeightsEnabled::<Runtime>::insert(netuid, false);
        assert_noop!(commit(9, netuid, 0, 1), Error::CommitRevealDisabled);
        pallet::CommitRevealWeightsEnabled::<Runtime>::insert(netuid, true);
        assert_noop!(commit(9, netuid, 0, 1), Error::IncorrectCommitRevealVersion);
        assert_noop!(commit(9, netuid, 0, 4), Error::HotKeyNotRegisteredInSubNet);
        pallet::WeightsSetRateLimit::<Runtime>::insert(netuid, 100);
        assert_noop!(commit(VALIDATOR, netuid, 0, 4), Error::CommittingWeightsTooFast);
        pallet::WeightsSetRateLimit::<Runtime>::insert(netuid, 0);
        let unsigned = SubtensorModule::commit_crv3_mechanism_weights(
            RuntimeOrigin::none(),
            netuid,
            0,
            vec![1].try_into().unwrap(),
            ROUND,
        );
        assert_noop!(unsigned, DispatchError::BadOrigin);
        assert_noop!(
            SubtensorModule::set_weights(signed(&account(VALIDATOR)), netuid, vec![3], vec![1], 0),
            Error::CommitRevealEnabled
        );
        assert_ok!(commit(VALIDATOR, netuid, 0, 4));
        assert_eq!(pallet::LastUpdate::<Runtime>::get(netuid)[1], P::block());
    });
}

#[test]
fn the_pool_refuses_rounds_that_are_out_and_the_poor() {
    subnet_of_committers(|netuid| {
        let admit = |reveal_round| {
            let commit = vec![1].try_into().unwrap();
            let call = pallet::Call::commit_crv3_mechanism_weights { netuid, mecid: 0, commit, reveal_round };
            P::admit(&account(MINER), &call)
        };
        drand::LastStoredRound::<Runtime>::put(ROUND);
        assert_eq!([admit(ROUND - 1), admit(ROUND)], [Err(15), Ok(())]);
        pallet::StakeThreshold::<Runtime>::put(1);
        assert_eq!(admit(ROUND - 1), Err(1));
    });
}

#[test]
fn a_hotkey_has_ten_commits_per_epoch() {
    subnet_of_committers(|netuid| {
        pulse(ROUND);
        for _ in 0..9 {
            assert_ok!(commit(VALIDATOR, netuid, ROUND, &[0]));
        }
        assert_ok!(commit(VALIDATOR, netuid, ROUND, &[3]));
        assert_noop!(commit(VALIDATOR, netuid, ROUND, &[0]), Error::TooManyUnrevealedCommits);
        assert_ok!(commit(RIVAL, netuid, ROUND, &[0]));
        advance_to(next_epoch(netuid));
        // The last one counts.
        assert_eq!((weights(netuid, 1), weights(netuid, 2)), (vec![(3, u16::MAX)], vec![(0, u16::MAX)]));
        assert_ok!(commit(VALIDATOR, netuid, ROUND, &[0]));
    });
}
