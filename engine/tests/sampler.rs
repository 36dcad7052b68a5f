//! Golden vectors: ours (`proof/vectors/sampling.json`), and those of an independent implementation where they are at
//! hand.

#[path = "fixtures/folder.rs"]
mod folder;

use base64::Engine as _;
use engine::generation::Sampling;
use engine::sampler::{Choice, Noise, Row, choose, gumbel, kept, margin};
use serde_json::Value;

use self::folder::folder;

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

fn float(value: &Value) -> f32 {
    value.as_f64().expect("a number") as f32
}

fn seed(value: &Value) -> [u8; 32] {
    hex::decode(value.as_str().expect("a string")).expect("hex").try_into().expect("32 bytes")
}

fn sampling(case: &Value) -> Sampling {
    Sampling {
        temperature: float(&case["temperature"]),
        top_k: number(&case["top_k"]) as usize,
        top_p: float(&case["top_p"]),
        presence_penalty: case.get("presence_penalty").map_or(0.0, float),
        frequency_penalty: case.get("frequency_penalty").map_or(0.0, float),
        seed: seed(&case["seed"]),
    }
}

/// The logits that a vector describes, as `proof/vectors/sampling.py` makes them.
fn derived(spec: &Value) -> Vec<f32> {
    let mix = |n: u64| {
        let mut z = number(&spec["seed"]).wrapping_add((n + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    };
    let value = |r: u64| match spec["coarse"] == true {
        true => ((r >> 58) as f32 - 32.0) / 4.0,
        false => ((r >> 44) as f32 - 524_288.0) / 65_536.0,
    };
    let masked = |r: u64| spec["masked"] == true && r & 7 == 0;
    (0..number(&spec["count"]))
        .map(mix)
        .map(|r| if masked(r) { f32::NEG_INFINITY } else { value(r) * float(&spec["factor"]) })
        .collect()
}

#[test]
fn golden_choices() {
    let vectors: Value = serde_json::from_str(include_str!("../../proof/vectors/sampling.json")).expect("JSON");
    for case in vectors["cases"].as_array().expect("cases") {
        let (logits, sampling) = (derived(&case["logits"]), sampling(case));
        let answer: Vec<u32> = serde_json::from_value(case["answer"].clone()).expect("ids");
        let row = Row {
            logits: &logits,
            answer: &answer,
            position: number(&case["position"]),
            vocabulary: number(&case["vocabulary"]) as usize,
        };
        let score = f32::from_bits(number(&case["score_bits"]) as u32);
        let expected = Choice { id: number(&case["chosen"]) as u32, score };
        assert_eq!(choose(&row, &sampling), Ok(expected), "{}", case["name"]);
        for pair in case["margins"].as_array().expect("pairs") {
            let expected = f32::from_bits(number(&pair[1]) as u32);
            assert_eq!(margin(&row, &sampling, number(&pair[0]) as u32), Ok(Some(expected)), "{}", case["name"]);
        }
        if let Some(excluded) = case["excluded"].as_u64() {
            assert_eq!(margin(&row, &sampling, excluded as u32), Ok(None), "{}", case["name"]);
        }
        assert_eq!(margin(&row, &sampling, logits.len() as u32), Ok(None), "{}", case["name"]);
        if sampling.temperature > 0.0 {
            let left = kept(&row, &sampling).expect("logits");
            assert_eq!(left.len() as u64, number(&case["kept"]), "{}", case["name"]);
            assert!(case["kept_ids"].is_null() || case["kept_ids"] == serde_json::json!(left), "{}", case["name"]);
        }

        // Negative control: under another seed, or at another place, the noise is another.
        if sampling.temperature > 0.0 {
            let other = Sampling { seed: [7; 32], ..sampling.clone() };
            let shifted = Row { position: row.position + 1, ..row };
            let scores =
                [choose(&row, &other), choose(&shifted, &sampling)].map(|choice| choice.expect("logits").score);
            // Where logits are this far apart, noise is rounded away.
            let rounded = float(&case["logits"]["factor"]) > 1000.0;
            assert!(rounded || scores.iter().all(|other| *other != score), "{}", case["name"]);
        }
    }
}

#[test]
fn golden_noise() {
    let vectors: Value = serde_json::from_str(include_str!("../../proof/vectors/sampling.json")).expect("JSON");
    for pair in vectors["gumbel"].as_array().expect("pairs") {
        assert_eq!(u64::from(gumbel((number(&pair[0]) as u32) << 8).to_bits()), number(&pair[1]));
    }
    for case in vectors["noise"].as_array().expect("cases") {
        let noise = Noise::new(&seed(&case["seed"]), number(&case["position"]), number(&case["vocabulary"]) as usize);
        assert_eq!(u64::from(noise.of(number(&case["token"]) as u32).to_bits()), number(&case["g_bits"]));
    }
}

fn read(folder: &std::path::Path, name: &str) -> Value {
    let path = folder.join(name);
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).expect("JSON")
}

#[test]
fn fixtures_noise() {
    let Some(folder) = folder("sampler") else { return };
    let vectors = read(&folder, "noise.json");
    let vectors = vectors["vectors"].as_array().expect("vectors");
    assert_eq!(vectors.len(), 200);
    for case in vectors {
        let vocabulary = number(&case["vocab_padded"]) as usize;
        let noise = Noise::new(&seed(&case["seed"]), number(&case["position"]), vocabulary);
        let bits = noise.of(number(&case["token_id"]) as u32).to_bits();
        assert_eq!(format!("{bits:08x}"), case["g_f32_bits"], "{case}");
    }
    for case in read(&folder, "g.json")["cases"].as_array().expect("cases") {
        let (i, bits) = (number(&case["i"]) as u32, gumbel((number(&case["i"]) as u32) << 8).to_bits());
        // The one input on which mathematical libraries differ.
        assert!(i == 10_604_833 || case["g_f32_bits"] == format!("{bits:08x}"), "{case}");
    }
}

#[test]
fn fixtures_choices() {
    let Some(folder) = folder("sampler") else { return };
    let cases = read(&folder, "cases.json");
    let cases = cases["cases"].as_array().expect("cases");
    assert_eq!(cases.len(), 50);
    for case in cases {
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(case["logits_f32_b64"].as_str().expect("base64"))
            .expect("base64");
        let logits: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        let (sampling, vocabulary) = (sampling(case), number(&case["vocab_padded"]) as usize);
        let row = Row { logits: &logits, answer: &[], position: number(&case["position"]), vocabulary };
        let best = choose(&row, &sampling).expect("logits");
        assert_eq!(u64::from(best.id), number(&case["chosen"]), "{}", case["name"]);
        if let Some(bits) = case["score_f32_bits"].as_str() {
            assert_eq!(format!("{:08x}", best.score.to_bits()), bits, "{}", case["name"]);
            let left = kept(&row, &sampling).expect("logits");
            assert_eq!(left.len() as u64, number(&case["kept_count"]), "{}", case["name"]);
            assert!(case["kept_ids"].is_null() || case["kept_ids"] == serde_json::json!(left), "{}", case["name"]);
        }
        if let Some(second) = case["runner_up"].as_u64() {
            let expected = float(&case["score_margin"]);
            let margin = margin(&row, &sampling, second as u32).expect("logits").expect("kept");
            assert_eq!(margin, expected, "{}", case["name"]);
        }
    }
}
