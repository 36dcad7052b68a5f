use std::collections::HashSet;

use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use serde_json::json;

use super::*;
use crate::inference::tell::{Auc, tell};

fn asked(context: u32) -> Asked {
    Asked { id: "m/tiny".into(), context, answer_tokens: 128, fingerprint: true }
}

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

fn draws(traffic: Traffic, context: u32, count: usize, seed: u64) -> Vec<Probe> {
    let source = Arc::new(traffic).asking(asked(context)).unwrap();
    let mut rng = rng(seed);
    (0..count).map(|_| source.draw(&mut rng)).collect()
}

fn members(probe: &Probe) -> Value {
    serde_json::from_slice(&probe.body).unwrap()
}

#[test]
fn the_shapes_that_come_with_the_program_can_all_be_drawn() {
    let traffic = Traffic::built_in().unwrap();
    assert_eq!(traffic.recorded(), (BUILT_IN.lines().count(), 0));
    for (context, least) in [(32768, 600), (4096, 450), (1024, 150)] {
        let source = Arc::new(traffic.clone()).asking(asked(context)).unwrap();
        assert!(source.fitting.len() >= least, "{} fit into {context}", source.fitting.len());
    }
    let error = Arc::new(traffic).asking(asked(20)).unwrap_err().to_string();
    assert!(error.contains("m/tiny") && error.contains("20"), "{error}");
}

#[test]
fn a_probe_is_what_it_says_it_is() {
    let (mut nonces, mut fingerprints) = (HashSet::new(), 0);
    for probe in draws(Traffic::built_in().unwrap(), 32768, 400, 1) {
        let body = members(&probe);
        assert!(probe.body.len() <= BODY_LIMIT, "{}", probe.body.len());
        assert_eq!((&body["model"], &body["stream"]), (&json!("m/tiny"), &json!(true)));
        let mut assay = json!({ "nonce": hex::encode(probe.nonce), "token_ids": true });
        if probe.fingerprint {
            assay["fingerprint"] = true.into();
        }
        assert_eq!(body["assay"], assay);
        assert!(nonces.insert(probe.nonce));
        fingerprints += u32::from(probe.fingerprint);
        assert_eq!(probe.params.check(), Ok(()));
        assert_eq!(
            f64::from(probe.params.temperature),
            body["temperature"].as_f64().map_or(1.0, |t| f64::from(t as f32))
        );
        assert!(probe.answer_tokens <= 128 && probe.max_tokens.is_none_or(|most| most >= probe.answer_tokens));
        match &probe.prompt {
            Prompt::Text(text) => {
                assert_eq!((probe.path, &body["prompt"]), ("/v1/completions", &json!(text)));
            }
            Prompt::Chat(messages) => {
                assert_eq!(probe.path, "/v1/chat/completions");
                for (plain, sent) in messages.iter().zip(body["messages"].as_array().unwrap()) {
                    let content = sent["content"].get(0).map_or(&sent["content"], |part| &part["text"]);
                    assert_eq!(&plain["content"], content);
                    assert!(!content.as_str().unwrap().is_empty());
                    assert_eq!(plain["role"] == "system", sent["role"] == "system" || sent["role"] == "developer");
                }
            }
        }
    }
    assert!((20..100).contains(&fingerprints), "one in eight: {fingerprints}");
}

#[test]
fn the_same_draws_are_the_same_probes() {
    let draw = |seed| draws(Traffic::built_in().unwrap(), 32768, 40, seed);
    assert_eq!(draw(5), draw(5));
    assert_ne!(draw(5), draw(6));
}

#[test]
fn text_is_new_where_it_is_long_and_as_long_as_recorded() {
    let recorded: HashSet<String> = BUILT_IN.lines().flat_map(texts_of).collect();
    let (mut long, mut new, mut seen) = (0, 0, HashSet::new());
    for probe in draws(Traffic::built_in().unwrap(), 32768, 400, 2) {
        let Prompt::Chat(messages) = &probe.prompt else { continue };
        for message in messages.iter().filter(|message| message["role"] != "system") {
            let text = message["content"].as_str().unwrap().to_owned();
            if text.len() > 400 {
                long += 1;
                new += u32::from(!recorded.contains(&text) && seen.insert(text));
            }
        }
    }
    // Three sentences, the middle one its own again, are what they were.
    assert!(long > 40 && new * 20 >= long * 19, "{new} of {long} long texts are new");
    let lengths = |bodies: &mut dyn Iterator<Item = usize>| {
        let mut all: Vec<_> = bodies.collect();
        all.sort_unstable();
        [all[all.len() / 4], all[all.len() / 2], all[all.len() * 3 / 4], all[all.len() * 9 / 10]]
    };
    let drawn = draws(Traffic::built_in().unwrap(), 32768, 2000, 3);
    let drawn = lengths(&mut drawn.iter().map(|probe| probe.body.len()));
    let mut rng = rng(4);
    let users = lengths(&mut BUILT_IN.lines().map(|line| as_organic(line, "m/tiny", true, &mut rng).unwrap().len()));
    for (drawn, users) in drawn.into_iter().zip(users) {
        assert!(drawn.abs_diff(users) * 5 <= users, "{drawn} for {users}");
    }
}

fn texts_of(line: &str) -> Vec<String> {
    let body: Value = serde_json::from_str(line).unwrap();
    let messages = body["messages"].as_array().cloned().unwrap_or_default();
    messages.iter().filter_map(|message| message["content"].as_str().map(str::to_owned)).collect()
}

#[test]
fn lengths_stand_for_texts() {
    let recorded = r#"{"messages":[{"role":"system","content":300},{"role":"user","content":2000}],"temperature":0.7}
{"prompt":900,"max_tokens":64,"model":"x","stream":false}"#;
    let drawn = draws(Traffic::parse(recorded).unwrap(), 32768, 20, 1);
    let mut instructions = HashSet::new();
    for probe in &drawn {
        match &probe.prompt {
            Prompt::Text(text) => assert!(text.len().abs_diff(900) < 300, "{}", text.len()),
            Prompt::Chat(messages) => {
                let text = |index: usize| messages[index]["content"].as_str().unwrap();
                assert!(text(1).len().abs_diff(2000) < 300, "{}", text(1).len());
                instructions.insert(text(0).to_owned());
            }
        }
    }
    assert_eq!(instructions.len(), 1, "instructions of one length are one text");
}

#[test]
fn what_no_probe_can_be_like_is_passed_over() {
    let chat = |more: &str| format!(r#"{{"messages":[{{"role":"user","content":"Hi"}}]{more}}}"#);
    let passed_over = [
        r#","n":2"#,
        r#","tools":[{}]"#,
        r#","response_format":{"type":"json_object"}"#,
        r#","temperature":3"#,
        r#","temperature":"hot""#,
        r#","top_p":0"#,
        r#","max_tokens":0"#,
        r#","max_tokens":1,"max_completion_tokens":2"#,
        r#","stop":["a","b","c","d","e"]"#,
        r#","top_logprobs":2"#,
        r#","seed":1.5"#,
        r#","prompt":"x""#,
        r#","something_new":1"#,
    ];
    let taken =
        ["", r#","n":1"#, r#","tools":null"#, r#","top_k":-1"#, r#","seed":-7"#, r#","user":"u","store":false"#];
    for more in passed_over {
        assert_eq!(Traffic::parse(&chat(more)).unwrap().recorded(), (0, 1), "{more}");
    }
    for more in taken {
        assert_eq!(Traffic::parse(&chat(more)).unwrap().recorded(), (1, 0), "{more}");
    }
    for line in [
        r#"{"messages":[]}"#,
        r#"{"messages":[{"role":"tool","content":"x"}]}"#,
        r#"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{}}]}]}"#,
        r#"{"messages":[{"role":"assistant","content":null,"tool_calls":[{}]}]}"#,
        r#"{"messages":[{"role":"user","content":99999999999999}]}"#,
        r#"{"prompt":["a","b"]}"#,
        r#"{"prompt":""}"#,
    ] {
        assert_eq!(Traffic::parse(line).unwrap().recorded(), (0, 1), "{line}");
    }
    for line in ["x", "[]", "{}", "{\"messages\":"] {
        let error = Traffic::parse(&format!("\n{line}\n")).unwrap_err().to_string();
        assert!(error.starts_with("line 2 "), "{error}");
    }
}

#[test]
fn a_users_seed_becomes_the_nonce_that_the_miner_would_make_of_it() {
    let recorded = r#"{"messages":[{"role":"user","content":"Hi"}],"seed":42}"#;
    let body: Value = serde_json::from_slice(&as_organic(recorded, "m", false, &mut rng(1)).unwrap()).unwrap();
    assert_eq!(body["assay"]["nonce"], hex::encode(proof::inference::nonce_of_seed(42)));
    assert!(body.get("seed").is_none());
}

#[test]
fn gaps_have_no_memory() {
    let mut rng = rng(9);
    let gaps: Vec<_> = (0..40_000).map(|_| gap_ms(&mut rng, 10_000)).collect();
    let mean = gaps.iter().sum::<u64>() as f64 / gaps.len() as f64;
    assert!((mean - 10_000.0).abs() < 200.0, "{mean}");
    let beyond = |time: u64| gaps.iter().filter(|gap| **gap > time).count() as f64;
    for (from, to) in [(0, 5_000), (5_000, 10_000), (20_000, 25_000)] {
        assert!((beyond(to) / beyond(from) - (-0.5_f64).exp()).abs() < 0.02, "after {from}");
    }
    assert!(gaps.iter().all(|gap| *gap <= 200_000));
    assert_eq!(gap_ms(&mut rng, 0), 0);
}

/// Parts, so that nothing of one is in another.
const PARTS: usize = 4;

/// Users' requests of one half, and probes that were drawn from the other, in parts.
fn halves(odd: usize, seed: u64) -> (Vec<Vec<Vec<u8>>>, Vec<Vec<Probe>>) {
    let part = |odd: usize, part: usize| -> Vec<&str> {
        let own = (0..).zip(BUILT_IN.lines()).filter(|(index, _)| index % 2 == odd && index / 2 % PARTS == part);
        own.map(|(_, line)| line).collect()
    };
    let mut rng = rng(seed);
    let mut wrapped = |lines: Vec<&str>| -> Vec<Vec<u8>> {
        lines.into_iter().map(|line| as_organic(line, "m/tiny", true, &mut rng).unwrap()).collect()
    };
    let users: Vec<_> = (0..PARTS).map(|index| wrapped(part(odd, index))).collect();
    let drawn = |index: usize| {
        let lines = part(1 - odd, index);
        draws(Traffic::parse(&lines.join("\n")).unwrap(), 32768, users[index].len(), seed + 100 * index as u64)
    };
    let probes = (0..PARTS).map(drawn).collect();
    (users, probes)
}

fn bodies(probes: Vec<Vec<Probe>>) -> Vec<Vec<Vec<u8>>> {
    probes.into_iter().map(|part| part.into_iter().map(|probe| probe.body).collect()).collect()
}

#[test]
fn no_classifier_tells_probes_from_users() {
    let measured: Vec<_> = (0..2)
        .map(|odd| {
            let (users, probes) = halves(odd, 11 + odd as u64);
            tell(&users, &bodies(probes))
        })
        .collect();
    let auc = Auc::mean(&measured);
    println!("{auc:?} {:?}", auc.interval());
    assert!(auc.value <= 0.55, "{auc:?}");
}

#[test]
fn probes_with_a_tell_are_told() {
    let (users, probes) = halves(0, 21);
    let changed = |change: fn(&mut Value, usize)| {
        let mut bodies = bodies(probes.clone());
        for (index, body) in bodies.iter_mut().flatten().enumerate() {
            let mut value = serde_json::from_slice(body).unwrap();
            change(&mut value, index);
            *body = value.to_string().into_bytes();
        }
        tell(&users, &bodies).value
    };
    let parameters = changed(|body, _| {
        body["top_p"] = 1.into();
        body["top_k"] = 0.into();
    });
    assert!(parameters > 0.9, "top_p = 1, top_k = 0: {parameters}");
    let prefix = changed(|body, index| {
        let prefix = hex::encode(proof::inference::nonce_of_seed(index as i64));
        let text = match body.get_mut("messages").and_then(Value::as_array_mut).and_then(|all| all.last_mut()) {
            Some(message) if message["content"].is_array() => &mut message["content"][0]["text"],
            Some(message) => &mut message["content"],
            None => &mut body["prompt"],
        };
        *text = format!("{prefix} {}", text.as_str().unwrap()).into();
    });
    assert!(prefix > 0.9, "a random prefix: {prefix}");
    let short = changed(|body, _| body["max_tokens"] = 128.into());
    assert!(short > 0.8, "a limit of our own: {short}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn no_line_makes_reading_or_drawing_panic(
        content in prop::collection::vec("[a-zé。🦀.?!: \n]{0,60}", 1..5),
        chars in any::<u32>(),
        more in prop_oneof![Just(json!({})), Just(json!({"n": null, "stop": ["x"]})), Just(json!({"top_k": 1e300}))],
        seed in any::<u64>(),
    ) {
        let mut body = more;
        let turns = content.iter().map(|text| json!({"role": "user", "content": text}));
        body["messages"] = turns.chain([json!({"role": "assistant", "content": chars % 9000})]).collect();
        let traffic = Traffic::parse(&body.to_string()).unwrap();
        if let Ok(source) = Arc::new(traffic).asking(asked(8192)) {
            let probe = source.draw(&mut rng(seed));
            prop_assert!(serde_json::from_slice::<Value>(&probe.body).is_ok());
        }
    }
}
