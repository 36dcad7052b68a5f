use parity_scale_codec::{DecodeAll, Encode};
use proptest::prelude::*;

use super::*;

fn spoiled(spoil: impl FnOnce(&mut Policy)) -> PolicyError {
    let mut policy = Policy::dev();
    spoil(&mut policy);
    policy.validate().expect_err("a spoiled policy must be refused")
}

#[test]
fn presets_are_valid_and_differ() {
    for name in Policy::PRESETS {
        let policy = Policy::preset(name).expect("listed presets exist");
        assert_eq!(policy.validate(), Ok(()), "{name}");
    }
    assert_ne!(Policy::dev(), Policy::production());
    assert_eq!(Policy::preset("developer"), None);
}

#[test]
fn half_a_computation_passes_no_window_of_a_preset() {
    // 0.5^k ≤ 1e-9 ⇔ 2^k ≥ 1e9.
    for policy in [Policy::dev(), Policy::production()] {
        assert!(1_u64 << policy.compute.openings.min(63) >= 1_000_000_000);
    }
}

#[test]
fn every_rule_names_its_key() {
    type Spoil = fn(&mut Policy);
    let cases: [(&str, Spoil); 18] = [
        ("version", |p| p.version = 2),
        ("window.duration_ms", |p| p.window.duration_ms = 0),
        ("window.allowance_ms", |p| p.window.allowance_ms = p.window.duration_ms),
        ("window.allowance_ms", |p| p.window.allowance_ms = p.window.duration_ms / 10 + 1),
        ("window.reserve_blocks", |p| p.window.reserve_blocks = 0),
        ("window.opening_deadline_ms", |p| p.window.opening_deadline_ms = 0),
        ("compute.width", |p| p.compute.width = 0),
        ("compute.width", |p| p.compute.width = 100),
        ("compute.width", |p| p.compute.width = 8208),
        ("compute.layers", |p| p.compute.layers = 0),
        ("compute.rows", |p| p.compute.rows = 0),
        ("compute.rows", |p| p.compute.rows = 48),
        ("compute.openings", |p| p.compute.openings = 0),
        ("compute.chains_max", |p| p.compute.chains_max = 65),
        ("compute.rounds_max", |p| p.compute.rounds_max = 0),
        ("reputation.windows", |p| p.reputation.windows = 0),
        ("reputation.windows", |p| p.reputation.windows = 4),
        ("reputation.fraud_tempos", |p| p.reputation.fraud_tempos = 0),
    ];
    for (key, spoil) in cases {
        assert_eq!(spoiled(spoil).key, key);
    }
}

#[test]
fn the_message_names_key_value_and_remedy() {
    let message = spoiled(|p| p.compute.width = 100).to_string();
    assert!(message.starts_with("policy: compute.width = 100: choose a multiple of 16"), "{message}");
}

#[test]
fn text_form_round_trips_and_refuses_unknown_keys() {
    let policy = Policy::production();
    let text = toml::to_string(&policy).unwrap();
    assert_eq!(toml::from_str::<Policy>(&text).unwrap(), policy);

    let mistyped = text.replace("openings", "opennings");
    let error = toml::from_str::<Policy>(&mistyped).unwrap_err().to_string();
    assert!(error.contains("opennings"), "{error}");
    assert!(toml::from_str::<Policy>(&format!("{text}\n[memory]\npool = 1\n")).is_err());
}

#[test]
fn scale_form_round_trips_and_is_fixed() {
    let policy = Policy::dev();
    let bytes = policy.encode();
    assert_eq!(Policy::decode_all(&mut bytes.as_slice()).unwrap(), policy);
    // version, 4 + 5 u32, chains_max as u16, 2 u32: the digest that neurons compare covers exactly these.
    assert_eq!(bytes.len(), 4 + 9 * 4 + 2 + 2 * 4);
}

proptest! {
    #[test]
    fn whatever_is_decoded_never_panics(bytes in proptest::array::uniform32(any::<u8>()), tail in proptest::array::uniform18(any::<u8>())) {
        let all = [bytes.as_slice(), tail.as_slice()].concat();
        let policy = Policy::decode_all(&mut all.as_slice()).unwrap();
        let _ = policy.validate();
        let _ = policy.compute.operations_per_round();
    }
}
