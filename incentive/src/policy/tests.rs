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
    let cases: [(&str, Spoil); 19] = [
        ("version", |p| p.version = 1),
        ("version", |p| p.version = 3),
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

fn model(id: &str, digest: u8, share: u32) -> ModelPolicy {
    ModelPolicy {
        id: id.to_owned(),
        digest: ModelDigest([digest; 32]),
        share,
        first_ms: 500,
        prompt_us: 300,
        token_us: 20_000,
        fastest_us: 1_000,
        fingerprint: false,
    }
}

fn two_models() -> Policy {
    let models = vec![model("small", 1, 300), model("large", 2, 200)];
    let inference = InferencePolicy { ramp_ms: 2_000, hold_ms: 3_000, streams_max: 64, answer_tokens: 64, models };
    Policy { inference: Some(inference), ..Policy::dev() }
}

#[test]
fn every_rule_of_inference_names_its_key() {
    type Spoil = fn(&mut InferencePolicy);
    assert_eq!(two_models().validate(), Ok(()));
    let cases: [(&str, Spoil); 30] = [
        ("inference.ramp_ms", |p| p.ramp_ms = 99),
        ("inference.ramp_ms", |p| p.ramp_ms = 600_001),
        ("inference.ramp_ms", |p| p.ramp_ms = p.models[1].first_ms - 1),
        ("inference.hold_ms", |p| p.hold_ms = 99),
        ("inference.hold_ms", |p| p.hold_ms = 600_001),
        ("inference.hold_ms", |p| (p.hold_ms, p.answer_tokens, p.models) = (1_499, 16, vec![model("a", 1, 1)])),
        ("inference.hold_ms", |p| p.answer_tokens = 126),
        ("inference.streams_max", |p| p.streams_max = 0),
        ("inference.streams_max", |p| p.streams_max = 4097),
        ("inference.answer_tokens", |p| p.answer_tokens = 15),
        ("inference.answer_tokens", |p| p.answer_tokens = 4097),
        ("inference.models", |p| p.models.clear()),
        ("inference.models", |p| p.models = (0..33).map(|at| model(&at.to_string(), at, 1)).collect()),
        ("inference.models.id", |p| p.models[0].id = String::new()),
        ("inference.models.id", |p| p.models[0].id = "a".repeat(129)),
        ("inference.models.id", |p| p.models[0].id = "two words".to_owned()),
        ("inference.models.id", |p| p.models[0].id = "right\u{202e}left".to_owned()),
        ("inference.models.id", |p| p.models[0].id = "line\n".to_owned()),
        ("inference.models.id", |p| p.models[1].id = "small".to_owned()),
        ("inference.models.digest", |p| p.models[1].digest = p.models[0].digest),
        ("inference.models.share", |p| p.models[0].share = 0),
        ("inference.models.share", |p| p.models[0].share = 1001),
        ("inference.models.share", |p| p.models[0].share = 801),
        ("inference.models.first_ms", |p| p.models[0].first_ms = 0),
        ("inference.models.first_ms", |p| p.models[0].first_ms = 60_001),
        ("inference.models.prompt_us", |p| p.models[0].prompt_us = 100_001),
        ("inference.models.token_us", |p| p.models[0].token_us = 0),
        ("inference.models.token_us", |p| p.models[0].token_us = 10_000_001),
        ("inference.models.fastest_us", |p| p.models[0].fastest_us = 0),
        ("inference.models.fastest_us", |p| p.models[0].fastest_us = 20_001),
    ];
    for (index, (key, spoil)) in cases.into_iter().enumerate() {
        let mut policy = two_models();
        spoil(policy.inference.as_mut().unwrap());
        assert_eq!(policy.validate().expect_err("a spoiled policy must be refused").key, key, "case {index}");
    }
}

#[test]
fn the_whole_weight_may_go_to_models_and_the_bounds_themselves_are_allowed() {
    let mut policy = two_models();
    let inference = policy.inference.as_mut().unwrap();
    inference.models[0].share = 800;
    inference.models[1].id = "a".repeat(128);
    inference.answer_tokens = 125;
    assert_eq!(policy.validate(), Ok(()));
    assert_eq!(policy.task_share(Task::Compute), 0);
}

#[test]
fn a_rule_of_a_model_names_the_model() {
    let mut policy = two_models();
    policy.inference.as_mut().unwrap().models[1].share = 0;
    let message = policy.validate().unwrap_err().to_string();
    assert!(message.starts_with("policy: inference.models.share = 0 (of large): choose 1 to 1000"), "{message}");
}

#[test]
fn each_task_has_its_share() {
    let policy = two_models();
    let [small, large] = [1, 2].map(|digest| Task::Inference(ModelDigest([digest; 32])));
    assert!(policy.tasks().eq([Task::Compute, small, large]));
    assert!(policy.tasks().map(|task| policy.task_share(task)).eq([500, 300, 200]));
    assert_eq!(policy.task_share(Task::Inference(ModelDigest([3; 32]))), 0);
    assert_eq!(policy.model(&ModelDigest([2; 32])).unwrap().id, "large");
    assert_eq!(policy.model(&ModelDigest([3; 32])), None);

    assert!(Policy::dev().tasks().eq([Task::Compute]));
    assert_eq!(Policy::dev().task_share(Task::Compute), 1000);
    assert_eq!(Policy::dev().round_ms() + 5_000, policy.round_ms());
}

#[test]
fn a_text_of_version_1_is_the_same_policy() {
    let text = toml::to_string(&Policy::dev()).unwrap();
    let old = text.replace("version = 2", "version = 1");
    assert_ne!(old, text);
    assert_eq!(toml::from_str::<Policy>(&old).unwrap(), Policy::dev(), "and so has the same digest");
    let later: Policy = toml::from_str(&text.replace("version = 2", "version = 3")).unwrap();
    assert_eq!(later.validate().unwrap_err().key, "version");
}

#[test]
fn the_message_names_key_value_and_remedy() {
    let message = spoiled(|p| p.compute.width = 100).to_string();
    assert!(message.starts_with("policy: compute.width = 100: choose a multiple of 16"), "{message}");
}

#[test]
fn text_form_round_trips_and_refuses_unknown_keys() {
    for policy in [Policy::production(), two_models()] {
        let text = toml::to_string(&policy).unwrap();
        assert_eq!(toml::from_str::<Policy>(&text).unwrap(), policy);
    }
    let text = toml::to_string(&two_models()).unwrap();
    assert!(text.contains("[[inference.models]]") && text.contains(&"01".repeat(32)), "{text}");
    assert!(toml::from_str::<Policy>(&text.replace("token_us", "tokens_us")).is_err());
    assert!(toml::from_str::<Policy>(&text.replace(&"01".repeat(32), "01")).is_err());

    let mistyped = text.replace("openings", "opennings");
    let error = toml::from_str::<Policy>(&mistyped).unwrap_err().to_string();
    assert!(error.contains("opennings"), "{error}");
    assert!(toml::from_str::<Policy>(&format!("{text}\n[memory]\npool = 1\n")).is_err());
}

#[test]
fn the_example_with_a_model_is_production_and_names_every_key() {
    let text = include_str!("../../config/policy.toml");
    let policy: Policy = toml::from_str(text).unwrap();
    assert_eq!(policy.validate(), Ok(()));
    assert_eq!(Policy { inference: None, ..policy.clone() }, Policy::production());
    assert_eq!(policy.tasks().map(|task| policy.task_share(task)).collect::<Vec<_>>(), [600, 400]);
    // At 12 seconds a block, half of the reserve is left for the checks.
    assert!(policy.round_ms() * 2 <= u64::from(policy.window.reserve_blocks) * 12_000);
    let keys = |text: &str| -> Vec<String> {
        let line = |line: &str| Some(line.split_once(" = ")?.0.to_owned());
        text.lines().filter(|line| !line.starts_with('#')).filter_map(line).collect()
    };
    assert_eq!(keys(text), keys(&toml::to_string(&policy).unwrap()));
}

#[test]
fn scale_form_round_trips_and_is_fixed() {
    let policy = Policy::dev();
    let bytes = policy.encode();
    assert_eq!(Policy::decode_all(&mut bytes.as_slice()).unwrap(), policy);
    // version, 4 + 5 u32, chains_max as u16, 2 u32, no inference: the digest that neurons compare covers exactly these.
    assert_eq!(bytes.len(), 4 + 9 * 4 + 2 + 2 * 4 + 1);
    let bytes = two_models().encode();
    assert_eq!(Policy::decode_all(&mut bytes.as_slice()).unwrap(), two_models());
    // 4 u32, the number of models, and of each the id with its length, digest, 5 u32 and the flag.
    assert_eq!(bytes.len(), 51 + 4 * 4 + 1 + 2 * (1 + 5 + 32 + 5 * 4 + 1));
}

fn any_model() -> impl Strategy<Value = ModelPolicy> {
    let name = prop_oneof![".{0,8}", "[a-z]{1,8}"];
    (name, any::<[u8; 32]>(), any::<[u32; 5]>(), any::<bool>()).prop_map(|(id, digest, numbers, fingerprint)| {
        let [share, first_ms, prompt_us, token_us, fastest_us] = numbers;
        ModelPolicy { id, digest: ModelDigest(digest), share, first_ms, prompt_us, token_us, fastest_us, fingerprint }
    })
}

fn any_inference() -> impl Strategy<Value = InferencePolicy> {
    (any::<[u32; 4]>(), proptest::collection::vec(any_model(), 0..4)).prop_map(|(numbers, models)| {
        let [ramp_ms, hold_ms, streams_max, answer_tokens] = numbers;
        InferencePolicy { ramp_ms, hold_ms, streams_max, answer_tokens, models }
    })
}

proptest! {
    #[test]
    fn whatever_is_decoded_never_panics(
        bytes in proptest::array::uniform32(any::<u8>()), tail in proptest::array::uniform18(any::<u8>()),
        inference in proptest::option::of(any_inference()),
    ) {
        let all = [bytes.as_slice(), tail.as_slice(), &inference.encode()].concat();
        let policy = Policy::decode_all(&mut all.as_slice()).unwrap();
        let _ = policy.validate();
        let _ = policy.compute.operations_per_round();
        let _ = policy.round_ms();
        let _ = policy.tasks().map(|task| policy.task_share(task)).max();
        let window = policy.window;
        let _ = inference.map(|inference| inference.validate(&window));
    }

    #[test]
    fn text_and_bytes_of_any_models_round_trip(inference in any_inference()) {
        let policy = Policy { inference: Some(inference), ..Policy::dev() };
        prop_assert_eq!(&toml::from_str::<Policy>(&toml::to_string(&policy).unwrap()).unwrap(), &policy);
        prop_assert_eq!(Policy::decode_all(&mut policy.encode().as_slice()).unwrap(), policy);
    }
}
