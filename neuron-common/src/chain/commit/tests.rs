use incentive::units::{Uid, Weight};
use timelock::{QUICKNET_HASH, SecretKey, decrypt};

use super::*;

fn own() -> SecretKey {
    SecretKey::from_seed(&[3; 32])
}

fn config() -> BeaconConfig {
    let public_key = own().public_key().to_bytes().to_vec();
    BeaconConfig { public_key, period: 3, genesis_time: 1_000_000, hash: vec![1; 32], scheme_id: SCHEME.to_vec() }
}

fn rules() -> Rules {
    let rhythm = Rhythm { tempo: 20, last_epoch: 80, pending: 95, since_step: 0 };
    Rules {
        netuid: NetUid(2),
        version: 4,
        time: CommitTime { rhythm, epoch: 7, block: 91, reveal_period: 1 },
        beacon: config().beacon().unwrap(),
        now: 1_300_000_500,
        block_time: 12_000,
    }
}

fn quicknet() -> BeaconConfig {
    let Beacon { public_key, genesis, period } = Beacon::quicknet().unwrap();
    BeaconConfig {
        public_key: public_key.to_bytes().to_vec(),
        period: u32::try_from(period).unwrap(),
        genesis_time: u32::try_from(genesis).unwrap(),
        hash: QUICKNET_HASH.to_vec(),
        scheme_id: SCHEME.to_vec(),
    }
}

#[test]
fn the_round_is_that_of_the_wheels() {
    let commit = rules().foresee().unwrap();
    // Seven blocks of 12 seconds ahead of 300,000.5 seconds after the genesis, in rounds of 3 seconds.
    let expected = Commit { closes: Block(95), reveal_epoch: 8, reveal_block: Block(95), round: 100_028 };
    assert_eq!(commit, expected);
    let two = Rules { time: CommitTime { reveal_period: 2, ..rules().time }, ..rules() };
    let expected = Commit { reveal_epoch: 9, reveal_block: Block(115), round: 100_108, ..expected };
    assert_eq!(two.foresee(), Ok(expected));
}

#[test]
fn a_commit_opens_with_the_signature_of_its_round() {
    let (hotkey, weights) = (Hotkey([5; 32]), WeightVector { uids: vec![Uid(3)], values: vec![Weight(65535)] });
    let sealed = || {
        let (call, commit) = rules().commit(&hotkey, &weights, 9).unwrap();
        let scale_value::Composite::Named(arguments) = call.call_data() else { panic!("arguments have names") };
        let bytes = match &arguments[2].1.value {
            scale_value::ValueDef::Composite(bytes) => {
                bytes.values().map(|byte| byte.as_u128().unwrap() as u8).collect()
            }
            other => panic!("{other:?}"),
        };
        (bytes, commit)
    };
    let (bytes, commit): (Vec<u8>, Commit) = sealed();
    let message = decrypt(&bytes, &own().sign(commit.round).unwrap()).unwrap();
    let opened = WeightsPayload::open(&message, &hotkey.0).unwrap();
    assert_eq!((opened.uids, opened.values, opened.version_key), (vec![3], vec![65535], 9));
    assert!(WeightsPayload::open(&message, &[6; 32]).is_err());
    assert!(decrypt(&bytes, &own().sign(commit.round - 1).unwrap()).is_err());
    assert_ne!(sealed().0, bytes, "fresh randomness");
}

#[test]
fn other_versions_are_refused_by_name() {
    let with = |version| Rules { version, ..rules() }.foresee().unwrap_err();
    assert_eq!(with(5), ChainError::CommitRevealVersion { found: 5 });
    assert!(with(5).to_string().contains("newer"), "{}", with(5));
    assert!(with(2).to_string().contains("hash"), "{}", with(2));
}

#[test]
fn a_subnet_without_epochs_takes_no_commit() {
    let mut rules = rules();
    rules.time.rhythm.tempo = 0;
    let error = rules.foresee().unwrap_err();
    assert!(
        matches!(&error, ChainError::CannotCommit { netuid: NetUid(2), reason } if reason.contains("tempo")),
        "{error}"
    );
}

#[test]
fn a_beacon_that_cannot_be_trusted_is_refused() {
    assert_eq!(quicknet().beacon(), Ok(Beacon::quicknet().unwrap()));
    let refused = [
        BeaconConfig { scheme_id: b"pedersen-bls-chained".to_vec(), ..config() },
        BeaconConfig { period: 0, ..config() },
        BeaconConfig { public_key: vec![0; 96], ..config() },
        BeaconConfig { public_key: Vec::new(), ..config() },
        BeaconConfig { public_key: config().public_key, ..quicknet() },
        BeaconConfig { period: 30, ..quicknet() },
    ];
    for config in refused {
        assert!(config.beacon().is_err());
    }
}

#[test]
fn more_weights_than_fit_are_refused() {
    let many = WeightVector { uids: (0..2000).map(Uid).collect(), values: vec![Weight(1); 2000] };
    let error = rules().commit(&Hotkey([5; 32]), &many, 0).unwrap_err();
    assert!(matches!(&error, ChainError::CannotCommit { reason, .. } if reason.contains("fewer weights")), "{error}");
}
