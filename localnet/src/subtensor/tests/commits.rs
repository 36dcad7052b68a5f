//! Time-locked weights: what is committed, when it is opened, and what happens in between.

use parity_scale_codec::Encode as _;
use timelock::{RANDOMNESS, WeightsPayload};

use super::{
    epochs::{advance_to, next_epoch},
    *,
};
use crate::{
    drand::{self, development, types::PulsesPayload},
    runtime::Drand,
    subtensor::{self as pallet, types::SubnetDefaults},
};

type P = pallet::Pallet<Runtime>;

const VALIDATOR: u64 = 1;
const RIVAL: u64 = 2;
const MINER: u64 = 3;
const ROUND: u64 = 1000;

/// A subnet with commit-reveal on: owner, two validators with permits and stake, a miner; one block into an epoch.
fn subnet_of_committers(test: impl FnOnce(u16)) {
    let preset =
        Preset { new_subnet: SubnetDefaults { commit_reveal: true, ..Preset::dev().new_subnet }, ..Preset::dev() };
    chain(&preset).execute_with(|| {
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
fn weights_stay_sealed_until_the_next_epoch_and_pay_in_it() {
    subnet_of_committers(|netuid| {
        pulse(ROUND);
        let committed = P::block();
        assert_ok!(commit(VALIDATOR, netuid, ROUND, &[3]));
        let due = next_epoch(netuid);
        advance_to(due - 1);
        assert_eq!((weights(netuid, 1), waiting(netuid)), (vec![], 1));
        advance_to(due);
        assert_eq!((weights(netuid, 1), waiting(netuid)), (vec![(3, u16::MAX)], 0));
        assert_eq!(incentives(netuid), [0, 0, 0, u16::MAX]);
        assert_eq!(pallet::LastUpdate::<Runtime>::get(netuid)[1], committed);
        System::assert_has_event(pallet::Event::TimelockedWeightsRevealed(netuid, account(VALIDATOR)).into());
    });
}

#[test]
fn a_late_pulse_reveals_within_its_epoch_and_pays_an_epoch_later() {
    subnet_of_committers(|netuid| {
        assert_ok!(commit(VALIDATOR, netuid, ROUND, &[3]));
        let due = next_epoch(netuid);
        advance_to(due + 3);
        assert_eq!((weights(netuid, 1), waiting(netuid)), (vec![], 1));
        pulse(ROUND);
        advance_to(due + 4);
        assert_eq!((weights(netuid, 1), waiting(netuid)), (vec![(3, u16::MAX)], 0));
        assert_eq!(incentives(netuid), [0; 4]);
        advance_to(next_epoch(netuid));
        assert_eq!(incentives(netuid), [0, 0, 0, u16::MAX]);
    });
}

#[test]
fn a_pulse_that_never_comes_costs_the_commit() {
    subnet_of_committers(|netuid| {
        assert_ok!(commit(VALIDATOR, netuid, ROUND, &[3]));
        advance_to(next_epoch(netuid));
        let expires = next_epoch(netuid);
        advance_to(expires - 1);
        assert_eq!(waiting(netuid), 1);
        advance_to(expires);
        assert_eq!(waiting(netuid), 0);
        pulse(ROUND);
        advance_to(next_epoch(netuid));
        assert_eq!(weights(netuid, 1), []);
    });
}

#[test]
fn a_tempo_that_grows_moves_the_reveal_with_the_epoch() {
    subnet_of_committers(|netuid| {
        pulse(ROUND);
        assert_ok!(commit(VALIDATOR, netuid, ROUND, &[3]));
        let expected = next_epoch(netuid);
        pallet::Tempo::<Runtime>::insert(netuid, 50);
        advance_to(expected);
        assert_eq!((weights(netuid, 1), waiting(netuid)), (vec![], 1));
        advance_to(next_epoch(netuid));
        assert_eq!((weights(netuid, 1), waiting(netuid)), (vec![(3, u16::MAX)], 0));
    });
}

#[test]
fn a_tempo_that_shrinks_may_run_past_the_round() {
    subnet_of_committers(|netuid| {
        assert_ok!(commit(VALIDATOR, netuid, ROUND, &[3]));
        assert_ok!(commit(RIVAL, netuid, ROUND + 9, &[3]));
        pallet::Tempo::<Runtime>::insert(netuid, 3);
        advance_to(next_epoch(netuid) + 1);
        // The first round comes while its epoch lasts, the second after it.
        pulse(ROUND);
        advance_to(next_epoch(netuid));
        pulse(ROUND + 9);
        advance_to(next_epoch(netuid) + 9);
        assert_eq!((weights(netuid, 1), weights(netuid, 2)), (vec![(3, u16::MAX)], vec![]));
        assert_eq!(waiting(netuid), 0);
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

#[test]
fn whoever_takes_over_a_uid_does_not_inherit_the_commit() {
    subnet_of_committers(|netuid| {
        pulse(ROUND);
        assert_ok!(commit(VALIDATOR, netuid, ROUND, &[3]));
        P::replace_neuron(netuid, 1, &account(50), P::block());
        pallet::ValidatorPermit::<Runtime>::mutate(netuid, |permits| permits[1] = true);
        advance_to(next_epoch(netuid));
        assert_eq!((weights(netuid, 1), waiting(netuid)), (vec![], 0));
    });
}

#[test]
fn a_hotkey_that_moved_to_another_uid_sets_its_weights_there() {
    subnet_of_committers(|netuid| {
        pulse(ROUND);
        assert_ok!(commit(VALIDATOR, netuid, ROUND, &[3]));
        P::replace_neuron(netuid, 1, &account(50), P::block());
        register(netuid, VALIDATOR).unwrap();
        pallet::ValidatorPermit::<Runtime>::mutate(netuid, |permits| permits[4] = true);
        advance_to(next_epoch(netuid));
        assert_eq!((weights(netuid, 1), weights(netuid, 4)), (vec![], vec![(3, u16::MAX)]));
    });
}

#[test]
fn a_swapped_hotkey_loses_its_commit() {
    subnet_of_committers(|netuid| {
        pulse(ROUND);
        assert_ok!(commit(VALIDATOR, netuid, ROUND, &[3]));
        // As a swap leaves it: another hotkey with its own stake in the same place.
        P::own_hotkey(&alice(), &account(60)).unwrap();
        P::stake(&account(60), &alice(), netuid, 100 * TAO);
        pallet::Uids::<Runtime>::remove(netuid, account(VALIDATOR));
        pallet::Uids::<Runtime>::insert(netuid, account(60), 1);
        pallet::Keys::<Runtime>::insert(netuid, 1, account(60));
        advance_to(next_epoch(netuid));
        assert_eq!((weights(netuid, 1), waiting(netuid)), (vec![], 0));
        // The new one commits for itself.
        assert_ok!(commit(60, netuid, ROUND, &[3]));
        advance_to(next_epoch(netuid));
        assert_eq!(weights(netuid, 1), [(3, u16::MAX)]);
    });
}

#[test]
fn a_miner_registered_after_the_commit_is_not_paid_by_it() {
    let paid = |replaced: bool| {
        let mut paid = 0;
        subnet_of_committers(|netuid| {
            pulse(ROUND);
            assert_ok!(commit(VALIDATOR, netuid, ROUND, &[3]));
            if replaced {
                P::replace_neuron(netuid, 3, &account(50), P::block() + 1);
            }
            advance_to(next_epoch(netuid));
            assert_eq!(weights(netuid, 1), [(3, u16::MAX)]);
            paid = incentives(netuid)[3];
        });
        paid
    };
    assert_eq!([paid(true), paid(false)], [0, u16::MAX]);
}

#[test]
fn an_older_commit_that_still_waits_masks_newer_miners() {
    let paid = |waits: bool| {
        let mut paid = 0;
        subnet_of_committers(|netuid| {
            if waits {
                assert_ok!(commit(VALIDATOR, netuid, ROUND + 9, &[3]));
            }
            advance_to(System::block_number() + 1);
            P::replace_neuron(netuid, 3, &account(50), P::block());
            advance_to(System::block_number() + 1);
            pulse(ROUND);
            assert_ok!(commit(VALIDATOR, netuid, ROUND, &[3]));
            advance_to(next_epoch(netuid));
            assert_eq!((weights(netuid, 1), waiting(netuid)), (vec![(3, u16::MAX)], usize::from(waits)));
            paid = incentives(netuid)[3];
        });
        paid
    };
    assert_eq!([paid(true), paid(false)], [0, u16::MAX]);
}

#[test]
fn bad_commits_go_without_a_trace_and_harm_no_other() {
    subnet_of_committers(|netuid| {
        pulse(ROUND);
        let stolen = sealed(VALIDATOR, ROUND, &[3], &[1]);
        let bad = [
            vec![],
            vec![0xff; 5000],
            stolen.clone(),
            sealed(RIVAL, ROUND + 1, &[3], &[1]),
            sealed(RIVAL, ROUND, &[3, 3], &[1, 1]),
            sealed(RIVAL, ROUND, &[9], &[1]),
            sealed(RIVAL, ROUND, &[3], &[1, 1]),
            seal(b"no weights", ROUND),
        ];
        for bytes in bad {
            assert_ok!(commit_bytes(RIVAL, netuid, bytes, ROUND));
        }
        assert_ok!(commit_bytes(VALIDATOR, netuid, stolen, ROUND));
        System::reset_events();
        advance_to(next_epoch(netuid));
        assert_eq!((weights(netuid, 1), weights(netuid, 2)), (vec![(3, u16::MAX)], vec![]));
        let revealed = |record: &frame_system::EventRecord<crate::runtime::RuntimeEvent, _>| {
            matches!(
                &record.event,
                crate::runtime::RuntimeEvent::SubtensorModule(pallet::Event::TimelockedWeightsRevealed(..))
            )
        };
        assert_eq!((System::events().iter().filter(|record| revealed(record)).count(), waiting(netuid)), (1, 0));
    });
}

#[test]
fn a_payload_without_hotkey_is_its_committers() {
    subnet_of_committers(|netuid| {
        pulse(ROUND);
        let payload = (vec![3u16], vec![1u16], 0u64).encode();
        assert_ok!(commit_bytes(VALIDATOR, netuid, seal(&payload, ROUND), ROUND));
        advance_to(next_epoch(netuid));
        assert_eq!(weights(netuid, 1), [(3, u16::MAX)]);
    });
}

#[test]
fn an_epoch_that_is_put_off_puts_its_reveals_off() {
    subnet_of_committers(|netuid| {
        pulse(ROUND);
        assert_ok!(commit(VALIDATOR, netuid, ROUND, &[3]));
        // Subnet 1 goes first, and there is room for one epoch per block.
        let due = next_epoch(netuid);
        pallet::MaxEpochsPerBlock::<Runtime>::put(1);
        pallet::PendingEpochAt::<Runtime>::insert(1, u64::from(due));
        advance_to(due);
        assert_eq!((weights(netuid, 1), waiting(netuid)), (vec![], 1));
        advance_to(due + 1);
        assert_eq!((weights(netuid, 1), waiting(netuid)), (vec![(3, u16::MAX)], 0));
    });
}
