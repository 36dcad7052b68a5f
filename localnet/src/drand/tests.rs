use frame_support::{assert_noop, assert_ok};
use parity_scale_codec::Encode as _;
use sp_core::Pair as _;
use sp_io::TestExternalities;
use sp_keyring::Sr25519Keyring::Alice;
use sp_runtime::{
    DispatchError, MultiSignature,
    transaction_validity::{InvalidTransaction, TransactionSource, TransactionValidity, ValidTransaction},
};

use super::{
    development,
    pulses::{MAX_KEPT_PULSES, MAX_REMOVED_PULSES},
    types::{BeaconConfiguration, BoundedHash, Pulse, PulsesPayload},
};
use crate::{
    preset::{BeaconChoice, Preset, genesis_storage},
    runtime::{Drand, Runtime, RuntimeOrigin, System},
};

type Error = super::Error<Runtime>;

/// Published by drand.
const QUICKNET_1000: &str =
    "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39";

fn chain(beacon: BeaconChoice) -> TestExternalities {
    let preset = Preset { beacon, ..Preset::dev() };
    let mut chain = TestExternalities::new(genesis_storage(&preset, 500).unwrap());
    chain.execute_with(|| System::set_block_number(5));
    chain
}

fn own(round: u64) -> Pulse {
    development::pulse(round, &development::key().sign(round).unwrap())
}

pub fn quicknet() -> Pulse {
    Pulse {
        round: 1000,
        randomness: BoundedHash::default(),
        signature: hex::decode(QUICKNET_1000).unwrap().try_into().unwrap(),
    }
}

fn payload(block_number: u32, pulses: Vec<Pulse>) -> PulsesPayload {
    PulsesPayload { block_number, pulses, public: Alice.public().into() }
}

fn write(pulses: Vec<Pulse>) -> frame_support::dispatch::DispatchResult {
    Drand::write_pulse(RuntimeOrigin::none(), payload(5, pulses), None)
}

fn admit(payload: PulsesPayload, signature: Option<MultiSignature>) -> TransactionValidity {
    use sp_runtime::traits::ValidateUnsigned as _;
    let call = super::Call::write_pulse { pulses_payload: payload, signature };
    Drand::validate_unsigned(TransactionSource::External, &call)
}

fn admit_signed(payload: PulsesPayload) -> TransactionValidity {
    let signature = Alice.pair().sign(&payload.encode()).into();
    admit(payload, Some(signature))
}

fn stored() -> (u64, u64) {
    (super::OldestStoredRound::<Runtime>::get(), super::LastStoredRound::<Runtime>::get())
}

#[test]
fn pulses_of_the_chains_own_beacon_are_kept() {
    chain(BeaconChoice::Own).execute_with(|| {
        assert_ok!(write(vec![own(70), own(73)]));
        assert_eq!(super::Pulses::<Runtime>::get(73), Some(own(73)));
        assert_eq!(stored(), (70, 73));
        System::assert_last_event(super::Event::NewPulse { rounds: vec![70, 73] }.into());
        assert_noop!(write(vec![own(73)]), Error::InvalidRoundNumber);
        assert_noop!(write(vec![own(74), own(72)]), Error::InvalidRoundNumber);
    });
}

#[test]
fn a_recorded_signature_of_quicknet_is_taken_by_a_chain_with_its_key_only() {
    chain(BeaconChoice::Quicknet).execute_with(|| {
        assert_ok!(Drand::write_pulse(RuntimeOrigin::root(), payload(5, vec![quicknet()]), None));
        assert_eq!(super::Pulses::<Runtime>::get(1000), Some(quicknet()));
        assert_ok!(write(vec![own(1001)]));
        assert_eq!(stored(), (1000, 1000));
    });
    chain(BeaconChoice::Own).execute_with(|| {
        assert_ok!(write(vec![quicknet()]));
        assert_eq!((super::Pulses::<Runtime>::get(1000), stored()), (None, (0, 0)));
    });
}

#[test]
fn what_the_beacon_did_not_sign_is_passed_over() {
    chain(BeaconChoice::Own).execute_with(|| {
        let other_round = Pulse { round: 71, ..own(70) };
        assert_ok!(write(vec![other_round]));
        assert_eq!(stored(), (0, 0));
        let short = Pulse { signature: vec![1; 47].try_into().unwrap(), ..own(70) };
        assert_noop!(write(vec![short]), Error::PulseVerificationError);
        let no_point = Pulse { signature: vec![0xff; 48].try_into().unwrap(), ..own(70) };
        assert_noop!(write(vec![no_point]), Error::PulseVerificationError);
        super::BeaconConfig::<Runtime>::mutate(|beacon| beacon.public_key = vec![1; 95].try_into().unwrap());
        assert_noop!(write(vec![own(70)]), Error::PulseVerificationError);
    });
}

#[test]
fn calls_come_from_nobody_or_from_root() {
    chain(BeaconChoice::Own).execute_with(|| {
        let alice = || RuntimeOrigin::signed(Alice.to_account_id());
        assert_noop!(Drand::write_pulse(alice(), payload(5, vec![own(70)]), None), DispatchError::BadOrigin);
        let config_payload = super::types::BeaconConfigurationPayload {
            block_number: 5,
            config: BeaconConfiguration::default(),
            public: Alice.public().into(),
        };
        for origin in [alice(), RuntimeOrigin::none()] {
            let set = Drand::set_beacon_config(origin.clone(), config_payload.clone(), None);
            assert_noop!(set, DispatchError::BadOrigin);
            assert_noop!(Drand::set_oldest_stored_round(origin, 9), DispatchError::BadOrigin);
        }
        assert_ok!(Drand::set_oldest_stored_round(RuntimeOrigin::root(), 9));
        assert_ok!(Drand::set_beacon_config(RuntimeOrigin::root(), config_payload, None));
        assert_eq!(super::BeaconConfig::<Runtime>::get(), BeaconConfiguration::default());
        assert_eq!(super::NextUnsignedAt::<Runtime>::get(), 6);
    });
}

#[test]
fn the_pool_takes_one_new_pulse_under_a_signature() {
    chain(BeaconChoice::Own).execute_with(|| {
        let refused = |reason: InvalidTransaction| TransactionValidity::Err(reason.into());
        assert_ok!(write(vec![own(70)]));
        let ValidTransaction { provides, longevity, propagate, .. } = admit_signed(payload(5, vec![own(71)])).unwrap();
        assert_eq!((provides.len(), longevity, propagate), (1, 3, false));
        assert_eq!(admit(payload(5, vec![own(71)]), None), refused(InvalidTransaction::BadSigner));
        let foreign: MultiSignature = Alice.pair().sign(b"another payload").into();
        assert_eq!(admit(payload(5, vec![own(71)]), Some(foreign)), refused(InvalidTransaction::BadProof));
        assert_eq!(admit_signed(payload(6, vec![own(71)])), refused(InvalidTransaction::Future));
        assert_eq!(admit_signed(payload(5, vec![])), refused(InvalidTransaction::Call));
        assert_eq!(admit_signed(payload(5, vec![own(71), own(72)])), refused(InvalidTransaction::Call));
        assert_eq!(admit_signed(payload(5, vec![own(70)])), refused(InvalidTransaction::Stale));
        super::NextUnsignedAt::<Runtime>::put(6);
        assert_eq!(admit_signed(payload(5, vec![own(71)])), refused(InvalidTransaction::Stale));
    });
}

#[test]
fn old_pulses_go_a_few_at_a_time() {
    chain(BeaconChoice::Own).execute_with(|| {
        for round in 1..=10 {
            super::Pulses::<Runtime>::insert(round, own(70));
        }
        super::OldestStoredRound::<Runtime>::put(1);
        super::LastStoredRound::<Runtime>::put(10);
        assert_ok!(write(vec![own(MAX_KEPT_PULSES + 3)]));
        assert_eq!(stored().0, 4);
        assert_eq!((super::Pulses::<Runtime>::get(3), super::Pulses::<Runtime>::get(4)), (None, Some(own(70))));
        assert_ok!(write(vec![own(3 * MAX_KEPT_PULSES)]));
        assert_eq!(stored().0, 4 + MAX_REMOVED_PULSES);
    });
}

#[test]
fn the_period_follows_the_block_time() {
    let period = |block_ms| development::configuration(block_ms).period;
    assert_eq!([1, 500, 12_000, 86_400_000].map(period), [1, 1, 12, 86_400]);
}
