//! Damaged and hostile files are refused with an error that names them.

use std::fs;
use std::path::Path;

use engine::model::{Config, Precision, load};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{data, options};

const MODEL: &str = "mistral-window-bf16";

fn copy(to: &Path) {
    for name in ["config.json", "model.safetensors"] {
        fs::copy(data().join(MODEL).join(name), to.join(name)).expect("it can be copied");
    }
}

/// The error of loading a folder in which one file is replaced.
fn refused(name: &str, content: &[u8]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    copy(folder.path());
    fs::write(folder.path().join(name), content).expect("it can be written");
    match load(folder.path(), &options(None, 1)) {
        Ok(_) => panic!("{name} is accepted: {}", String::from_utf8_lossy(&content[..content.len().min(300)])),
        Err(error) => error.to_string(),
    }
}

fn config() -> Value {
    serde_json::from_slice(&fs::read(data().join(MODEL).join("config.json")).expect("it is there")).expect("JSON")
}

fn weights() -> Vec<u8> {
    fs::read(data().join(MODEL).join("model.safetensors")).expect("it is there")
}

/// The file with another header.
fn with_header(change: impl Fn(&mut Value)) -> Vec<u8> {
    let file = weights();
    let length = u64::from_le_bytes(*file.first_chunk().expect("a length")) as usize;
    let mut header = serde_json::from_slice(&file[8..8 + length]).expect("a header");
    change(&mut header);
    let header = header.to_string().into_bytes();
    [&(header.len() as u64).to_le_bytes()[..], &header, &file[8 + length..]].concat()
}

#[test]
fn absurd_shapes_are_refused() {
    let absurd = [
        ("hidden_size", json!(0)),
        ("hidden_size", json!(-32)),
        ("hidden_size", json!(u64::MAX)),
        ("hidden_size", json!(33)),
        ("hidden_size", json!("32")),
        ("intermediate_size", json!(1e300)),
        ("num_hidden_layers", json!(1_000_000_000)),
        ("num_hidden_layers", json!(3)),
        ("num_attention_heads", json!(0)),
        ("num_key_value_heads", json!(3)),
        ("num_key_value_heads", json!(0)),
        ("head_dim", json!(7)),
        ("vocab_size", json!(1_u64 << 40)),
        ("vocab_size", json!(51)),
        ("sliding_window", json!(0)),
        ("rope_theta", json!(0)),
        ("rope_theta", json!(-1)),
        ("rms_norm_eps", json!(-1)),
        ("max_position_embeddings", json!(0)),
        ("model_type", json!("mamba")),
        ("model_type", json!("qwen3")),
        ("hidden_act", json!("gelu")),
        ("rope_scaling", json!({"rope_type": "yarn", "factor": 4})),
        ("rope_scaling", json!({"rope_type": "llama3", "factor": 4})),
        ("rope_scaling", json!({"rope_type": "linear", "factor": 0})),
        ("rope_scaling", json!([1])),
    ];
    for (key, value) in absurd {
        let mut config = config();
        config[key] = value;
        let error = refused("config.json", config.to_string().as_bytes());
        assert!(!error.is_empty(), "{key}");
    }
    assert!(refused("config.json", b"{").contains("config.json"));
    assert!(refused("config.json", &vec![b' '; 5 << 20]).contains("larger"));
}

#[test]
fn damaged_weights_are_refused() {
    let file = weights();
    for length in [0, 7, 8, 100, file.len() / 2, file.len() - 1] {
        assert!(refused("model.safetensors", &file[..length]).contains("model.safetensors"), "{length}");
    }
    let mut claims = file;
    claims[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(refused("model.safetensors", &claims).contains("claims"));
    let name = "model.layers.1.mlp.up_proj.weight";
    let error = refused(
        "model.safetensors",
        &with_header(|header| {
            let tensor = header[name].take();
            header.as_object_mut().expect("tensors").remove(name);
            header["other"] = tensor;
        }),
    );
    assert!(error.contains(name), "{error}");
    for (key, value) in [
        ("dtype", json!("I16")),
        ("dtype", json!("F32")),
        ("shape", json!([24])),
        ("shape", json!([32, 24])),
        ("shape", json!([u64::MAX, 2])),
        ("data_offsets", json!([0, u64::MAX])),
        ("data_offsets", json!([9, 3])),
    ] {
        refused("model.safetensors", &with_header(|header| header[name][key] = value.clone()));
    }
}

#[test]
fn an_index_does_not_lead_out_of_the_folder() {
    for name in
        ["../model.safetensors", "/etc/model.safetensors", "a/model.safetensors", "model.bin", "..\\x.safetensors"]
    {
        let index = json!({"weight_map": {"x": name}}).to_string();
        assert!(refused("model.safetensors.index.json", index.as_bytes()).contains("no name of a shard"), "{name}");
    }
    for index in ["", "{}", "[]", r#"{"weight_map": {}}"#, r#"{"weight_map": {"x": "missing.safetensors"}}"#] {
        refused("model.safetensors.index.json", index.as_bytes());
    }
}

#[test]
fn a_model_that_is_nowhere_is_named() {
    let error = load(Path::new("/nowhere/model"), &options(None, 1)).err().expect("it is refused").to_string();
    assert!(error.contains("/nowhere/model"), "{error}");
    let error = load(Path::new("/nowhere/model.gguf"), &options(None, 1)).err().expect("it is refused").to_string();
    assert!(error.contains("/nowhere/model.gguf"), "{error}");
}

/// A small GGUF file with one key and one tensor.
fn gguf() -> Vec<u8> {
    let text = |text: &str| [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat();
    let mut file = b"GGUF\x03\0\0\0".to_vec();
    file.extend([1_u64, 3].map(u64::to_le_bytes).concat());
    file.extend([text("general.architecture"), 8_u32.to_le_bytes().to_vec(), text("llama")].concat());
    file.extend([text("llama.embedding_length"), 4_u32.to_le_bytes().to_vec(), 32_u32.to_le_bytes().to_vec()].concat());
    let list = [9_u32, 5, 2, 0, 1, 2].map(u32::to_le_bytes).concat();
    file.extend([text("tokenizer.ggml.token_type"), list].concat());
    file.extend([text("token_embd.weight"), 2_u32.to_le_bytes().to_vec()].concat());
    file.extend([32_u64, 2].map(u64::to_le_bytes).concat());
    file.extend([&8_u32.to_le_bytes()[..], &0_u64.to_le_bytes(), &[0; 200]].concat());
    file
}

fn open_gguf(bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.gguf");
    fs::write(&path, bytes).expect("it can be written");
    load(&path, &options(Some(Precision::F32), 1)).err().expect("it is refused").to_string()
}

#[test]
fn a_gguf_file_without_its_keys_names_the_missing_one() {
    assert!(open_gguf(&gguf()).contains("llama.attention.head_count"), "{}", open_gguf(&gguf()));
    assert!(open_gguf(b"GGML").contains("damaged"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_header_never_panics(changes in prop::collection::vec((0_usize..2300, any::<u8>()), 1..6)) {
        let mut file = weights();
        for (at, byte) in changes { file[at] = byte }
        let folder = tempfile::tempdir().expect("a folder");
        copy(folder.path());
        fs::write(folder.path().join("model.safetensors"), file).expect("it can be written");
        let _ = load(folder.path(), &options(None, 1));
    }

    #[test]
    fn a_changed_config_never_panics(
        key in prop::sample::select(config().as_object().expect("keys").keys().cloned().collect::<Vec<_>>()),
        value in prop_oneof![
            any::<i64>().prop_map(Value::from),
            (0_u64..200).prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            Just(Value::Null), Just(json!([])), Just(json!({})), Just(json!("x")), Just(json!(true)),
        ],
    ) {
        let mut config = config();
        config[&key] = value;
        if Config::from_json(&config).is_ok() {
            let folder = tempfile::tempdir().expect("a folder");
            copy(folder.path());
            fs::write(folder.path().join("config.json"), config.to_string()).expect("it can be written");
            let _ = load(folder.path(), &options(None, 1));
        }
    }

    #[test]
    fn a_changed_gguf_never_panics(changes in prop::collection::vec((0_usize..330, any::<u8>()), 1..6)) {
        let mut file = gguf();
        for (at, byte) in changes { let at = at % file.len(); file[at] = byte }
        open_gguf(&file);
    }
}
