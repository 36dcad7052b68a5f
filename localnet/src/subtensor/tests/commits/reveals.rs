//! When a commit is opened, and which are not.

use super::*;

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

/// Sealed by the Python wheels to quicknet's round 1000, with quicknet's signature of it.
#[test]
fn what_the_wheels_seal_opens_with_quicknets_pulse() {
    let recorded = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../timelock/vectors/wheel.json"));
    let recorded: Vec<serde_json::Value> = serde_json::from_str(recorded).unwrap();
    let bytes = |value: &serde_json::Value| hex::decode(value.as_str().unwrap()).unwrap();
    let mut opened = 0;
    for ciphertext in recorded {
        let Ok(payload) = WeightsPayload::open(&bytes(&ciphertext["message"]), &[0x11; 32]) else { continue };
        if payload.uids.iter().any(|uid| *uid >= 256) {
            continue;
        }
        let preset = Preset { beacon: BeaconChoice::Quicknet, ..Preset::mainnet() };
        chain(&preset).execute_with(|| {
            let netuid = subnet();
            let hotkey = AccountId32::new([0x11; 32]);
            P::append_neuron(netuid, &hotkey, 1).unwrap();
            for number in 2..256 {
                P::append_neuron(netuid, &account(1000 + number), 1).unwrap();
            }
            pallet::WeightsSetRateLimit::<Runtime>::insert(netuid, 0);
            pallet::ValidatorPermit::<Runtime>::mutate(netuid, |permits| permits[1] = true);
            let commit = bytes(&ciphertext["ciphertext"]).try_into().unwrap();
            assert_ok!(SubtensorModule::commit_timelocked_weights(signed(&hotkey), netuid, commit, 1000, 4));
            let pulses_payload = PulsesPayload {
                block_number: 1,
                pulses: vec![quicknet()],
                public: Sr25519Keyring::Alice.public().into(),
            };
            assert_ok!(Drand::write_pulse(RuntimeOrigin::root(), pulses_payload, None));
            advance_to(next_epoch(netuid));
            let expected = incentive::yuma::upscale(&payload.values);
            assert_eq!(weights(netuid, 1), payload.uids.iter().copied().zip(expected).collect::<Vec<_>>());
        });
        opened += 1;
    }
    assert!(opened >= 2, "one ciphertext of each wheel");
}
