//! Made models are models: complete folders, the same bytes every time, with a tokenizer that knows any text.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use engine::synthetic::{self, MakeError, Precision, Recipe};
use engine::text::Text;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

const RECIPE: Recipe = Recipe { seed: 0, precision: Precision::F32 };

/// Every file and its digest.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let digest = |path: &Path| blake3::hash(&std::fs::read(path).expect("a file")).to_hex()[..16].to_string();
    entries.map(|path| (path.file_name().expect("a name").to_string_lossy().into_owned(), digest(&path))).collect()
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).expect("a file")).expect("JSON")
}

#[test]
fn tiny_is_the_same_everywhere() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let begun = Instant::now();
    synthetic::tiny(&at("a"), RECIPE).expect("a model");
    println!("made in {:?}", begun.elapsed());
    let expected = [
        ("config.json", "89731b7937a50558"),
        ("generation_config.json", "7e8b9646d83e5729"),
        ("model.safetensors", "09c39867f858d3ef"),
        ("tokenizer.json", "dcfc1aa4747d1b05"),
        ("tokenizer_config.json", "30c1d961445d6232"),
    ];
    let expected: BTreeMap<_, _> = expected.map(|(name, digest)| (name.to_string(), digest.to_string())).into();
    assert_eq!(files(&at("a")), expected);

    synthetic::tiny(&at("seed"), Recipe { seed: 1, ..RECIPE }).expect("a model");
    synthetic::tiny(&at("bf16"), Recipe { precision: Precision::Bf16, ..RECIPE }).expect("a model");
    for (name, other) in [("seed", "model.safetensors"), ("bf16", "config.json")] {
        let found = files(&at(name));
        assert_ne!(found[other], expected[other], "{name}");
        assert_eq!(found["tokenizer.json"], expected["tokenizer.json"], "{name}");
    }
    let left: Vec<_> = std::fs::read_dir(folder.path()).expect("a folder").collect();
    assert_eq!(left.len(), 3, "no drafts are left");
}

#[test]
fn nothing_is_overwritten() {
    let folder = tempfile::tempdir().expect("a folder");
    let error = synthetic::tiny(folder.path(), RECIPE).expect_err("it exists");
    assert!(matches!(&error, MakeError::Exists(path) if path == folder.path()), "{error}");
    assert_eq!(files(folder.path()).len(), 0);
    assert!(matches!(synthetic::tiny(Path::new("/proc/nothing/here"), RECIPE), Err(MakeError::Write { .. })));
}

#[test]
fn the_tokenizer_knows_any_text() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = folder.path().join("tiny");
    synthetic::tiny(&model, RECIPE).expect("a model");
    let text = Text::load(&model).expect("a tokenizer");
    assert_eq!(text.vocabulary(), 1024);
    assert_eq!(text.stop_tokens(), [1021, 1023]);
    let any = prop::collection::vec(any::<char>(), 0..60).prop_map(|chars| chars.into_iter().collect::<String>());
    let words = "[a-z ,.0-9\n'éß川🙂]{0,80}";
    TestRunner::new(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })
        .run(&prop_oneof![any, words], |input| {
            let ids = text.encode(&input, true).expect("tokens");
            prop_assert_eq!(&text.decode(&ids), &input);
            prop_assert_eq!(ids.iter().flat_map(|&id| text.piece(id).to_vec()).collect::<Vec<_>>(), input.as_bytes());
            Ok(())
        })
        .expect("a property");

    let messages =
        [json!({"role": "system", "content": "Short."}), json!({"role": "user", "content": "Hi <|im_end|>"})];
    let shown =
        "<|im_start|>system\nShort.<|im_end|>\n<|im_start|>user\nHi <|im_end|><|im_end|>\n<|im_start|>assistant\n";
    assert_eq!(text.render(&messages, true, &serde_json::Map::new()).expect("a text"), shown);
    let ids = text.chat(&messages).expect("tokens");
    let count = |id: u32| ids.iter().filter(|&&other| other == id).count();
    assert_eq!((count(1022), count(1023)), (3, 2), "what the user wrote is no end of turn");
}

#[test]
fn large_is_written_in_shards() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = folder.path().join("large");
    let mut said = Vec::new();
    let recipe = Recipe { precision: Precision::Bf16, ..RECIPE };
    let begun = Instant::now();
    synthetic::large(&model, recipe, 260 << 20, &mut |line| said.push(line.to_string())).expect("a model");
    println!("made in {:?}", begun.elapsed());
    let index = json(&model.join("model.safetensors.index.json"));
    let total = index["metadata"]["total_size"].as_u64().expect("a size");
    assert!(total >= 260 << 20);
    assert_eq!(said.len(), 2, "{said:?}");
    let mut bytes = 0;
    for name in &said {
        let file = std::fs::read(model.join(name)).expect("a shard");
        let tensors = safetensors::SafeTensors::deserialize(&file).expect("a shard");
        for (tensor, view) in tensors.iter() {
            assert_eq!(index["weight_map"][tensor], name.as_str());
            bytes += view.data().len() as u64;
        }
    }
    assert_eq!(bytes, total);
    assert_eq!(json(&model.join("config.json"))["num_hidden_layers"], 3);
}
