//! The encoder equals other implementations: a small one of PyTorch, and the real all-MiniLM-L6-v2 where it is at hand.

mod fixtures;

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use engine::embedding::{Encoder, Input};
use engine::model::ModelError;
use engine::text::Text;
use fixtures::{expected, ids, list};
use serde_json::Value;

/// Largest difference that the fixtures' own description allows.
const BOUND: f32 = 2e-5;

fn numbers(value: &Value) -> Vec<f32> {
    let bytes = BASE64_STANDARD.decode(value.as_str().expect("a text")).expect("base64");
    bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().expect("four bytes"))).collect()
}

fn difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn small() -> Option<(PathBuf, Encoder, Value)> {
    let models = fixtures::models()?;
    let folder = models.join("bert-mean-f32");
    let encoder = Encoder::load(&folder).unwrap_or_else(|error| panic!("{error}"));
    Some((folder, encoder, expected(&models, "bert-mean-f32")))
}

#[test]
fn fixtures_vectors() {
    let Some((folder, encoder, expected)) = small() else { return };
    let text = Text::load(&folder).expect("a tokenizer");
    assert_eq!(encoder.info().context as u64, expected["max_seq_length"].as_u64().expect("a number"));
    let cases = list(&expected, "embeddings");
    let long: Vec<_> =
        cases.iter().map(|case| text.encode(case["text"].as_str().expect("a text"), true).expect("ids")).collect();
    let cut: Vec<_> = long.iter().map(|ids| encoder.cut(ids)).collect();
    let inputs: Vec<_> = cut.iter().map(|ids| Input { ids, types: &[] }).collect();
    let (vectors, pooled) = (encoder.embed(&long).expect("vectors"), encoder.pooled(&inputs).expect("means"));
    let hidden = encoder.hidden(&inputs).expect("states");
    for (index, case) in cases.iter().enumerate() {
        assert_eq!(cut[index], ids(&case["ids"]), "{}", case["name"]);
        assert_eq!(long[index].len() as u64, case["untruncated_len"], "{}", case["name"]);
        assert!(difference(&vectors[index], &numbers(&case["normalized_b64"])) < BOUND, "{}", case["name"]);
        assert!(difference(&pooled[index], &numbers(&case["mean_pooled_b64"])) < BOUND, "{}", case["name"]);
        for row in list(case, "last_hidden") {
            let begin = row["position"].as_u64().expect("a number") as usize * encoder.info().hidden;
            let state = &hidden[index][begin..][..encoder.info().hidden];
            assert!(difference(state, &numbers(&row["b64"])) < BOUND, "{}", case["name"]);
        }
    }
    for (a, row) in vectors.iter().zip(list(&expected, "cosine")) {
        for (b, cosine) in vectors.iter().zip(row.as_array().expect("a row")) {
            let dot: f32 = a.iter().zip(b).map(|(a, b)| a * b).sum();
            assert!((dot - cosine.as_f64().expect("a number") as f32).abs() < BOUND);
        }
    }
}

#[test]
fn fixtures_token_types_count() {
    let Some((_, encoder, expected)) = small() else { return };
    for case in list(&expected, "pair") {
        let (ids, types) = (ids(&case["ids"]), ids(&case["type_ids"]));
        let expected = numbers(&case["mean_pooled_b64"]);
        let pooled = |types: &[u32]| encoder.pooled(&[Input { ids: &ids, types }]).expect("a mean").remove(0);
        assert!(difference(&pooled(&types), &expected) < BOUND);
        assert!(difference(&pooled(&[]), &expected) > 100.0 * BOUND, "types that are passed over would show");
    }
}

#[test]
fn fixtures_a_batch_changes_nothing() {
    let Some((_, encoder, expected)) = small() else { return };
    let all: Vec<_> = list(&expected, "embeddings").iter().map(|case| ids(&case["ids"])).collect();
    let many: Vec<_> = all.iter().cycle().take(500).cloned().collect();
    let together = encoder.embed(&many).expect("vectors");
    assert_eq!(together.len(), many.len());
    for (index, ids) in many.iter().enumerate().step_by(7) {
        let alone = encoder.embed(std::slice::from_ref(ids)).expect("a vector").remove(0);
        assert!(difference(&alone, &together[index]) < 1e-6, "{index}");
    }
}

#[test]
fn fixtures_bad_inputs_are_errors() {
    let Some((_, encoder, _)) = small() else { return };
    assert!(matches!(encoder.embed(&[vec![]]), Err(ModelError::Compute(_))));
    assert!(matches!(encoder.embed(&[vec![2, 600, 3]]), Err(ModelError::Compute(_))));
    let long = vec![2; 65];
    assert!(matches!(encoder.pooled(&[Input { ids: &long, types: &[] }]), Err(ModelError::Context { .. })));
    assert_eq!(encoder.embed(&[]).expect("nothing").len(), 0);
}

/// Copies the small model with one file changed.
fn changed(folder: &Path, file: &str, from: &str, to: &str) -> String {
    let copy = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(copy.path().join("1_Pooling")).expect("a folder");
    for name in ["config.json", "modules.json", "sentence_bert_config.json", "tokenizer.json", "1_Pooling/config.json"]
    {
        let text = std::fs::read_to_string(folder.join(name)).expect("a file");
        let text = if name == file { text.replacen(from, to, 1) } else { text };
        std::fs::write(copy.path().join(name), text).expect("a file");
    }
    std::fs::write(
        copy.path().join("model.safetensors"),
        std::fs::read(folder.join("model.safetensors")).expect("a file"),
    )
    .expect("a file");
    Encoder::load(copy.path()).err().map(|error| error.to_string()).unwrap_or_default()
}

#[test]
fn fixtures_what_is_not_supported_is_named() {
    let Some((folder, ..)) = small() else { return };
    let changed = |file, from, to| changed(&folder, file, from, to);
    assert_eq!(changed("config.json", "{", "{"), "", "the copy alone is fine");
    for (file, from, to, named) in [
        ("config.json", "\"bert\"", "\"roberta\"", "roberta"),
        ("config.json", "\"gelu\"", "\"relu\"", "relu"),
        ("config.json", "absolute", "relative_key", "relative_key"),
        ("config.json", "\"hidden_size\": 64", "\"hidden_size\": 128", "shape"),
        ("config.json", "\"hidden_size\": 64", "\"hidden_size\": 66", "num_attention_heads"),
        ("config.json", "\"vocab_size\": 600", "\"vocab_size\": 9999999999", "size"),
        ("modules.json", "models.Normalize", "models.Dense", "Dense"),
        (
            "1_Pooling/config.json",
            "\"pooling_mode_max_tokens\": false",
            "\"pooling_mode_max_tokens\": true",
            "max_tokens",
        ),
        ("sentence_bert_config.json", "64", "1", "max_seq_length"),
    ] {
        let error = changed(file, from, to);
        let file = if named == "shape" { "model.safetensors" } else { file };
        assert!(error.contains(named) && error.contains(file), "{file}: {error}");
    }
}

/// `tests/data/minilm.json` was made by `tests/data/minilm.py`, in f64 and without any framework.
#[test]
fn minilm_equals_an_independent_implementation() {
    let Some(folder) = std::env::var_os("ASSAY_MINILM").map(PathBuf::from) else {
        println!("skipped: ASSAY_MINILM is not set; scripts/minilm FOLDER fetches the model");
        return;
    };
    let encoder = Encoder::load(&folder).unwrap_or_else(|error| panic!("{error}"));
    let text = Text::load(&folder).unwrap_or_else(|error| panic!("{error}"));
    let data =
        std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/minilm.json")).expect("the vectors");
    let data: Value = serde_json::from_slice(&data).expect("JSON");
    let cases = list(&data, "cases");
    let tokens: Vec<_> =
        cases.iter().map(|case| text.encode(case["text"].as_str().expect("a text"), true).expect("ids")).collect();
    let vectors = encoder.embed(&tokens).expect("vectors");
    for ((case, tokens), vector) in cases.iter().zip(&tokens).zip(&vectors) {
        assert_eq!(encoder.cut(tokens), ids(&case["ids"]), "{}", case["text"]);
        let difference = difference(vector, &numbers(&case["vector_b64"]));
        assert!(difference < 2e-6, "{difference}: {}", case["text"]);
    }
    // What the model is for: of three texts, the two about the same thing are close.
    let cosine = |a: usize, b: usize| vectors[a].iter().zip(&vectors[b]).map(|(a, b)| a * b).sum::<f32>();
    assert!(cosine(0, 1) > 0.6 && cosine(0, 2) < 0.2, "{} {}", cosine(0, 1), cosine(0, 2));
}
