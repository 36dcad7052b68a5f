//! Reference data: the project's own (`data`, made by `reference.py`), and whatever models `ASSAY_FIXTURES` holds
//! (by default a folder `fixtures` in `shared` beside the project).

use std::fs;
use std::path::{Path, PathBuf};

use engine::model::{Decoder, Precision, load};
use serde_json::{Value, json};

use super::compare::{Report, compare};
use super::{data, options};

/// The folder of models, if there is one. One that is named must be there.
fn folder() -> Option<PathBuf> {
    let named = std::env::var_os("ASSAY_FIXTURES");
    let root = named
        .clone()
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/fixtures"), PathBuf::from);
    let models = root.join("models");
    assert!(named.is_none() || models.is_dir(), "ASSAY_FIXTURES names {}, which has no models", root.display());
    models.is_dir().then_some(models)
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("the file is there")).expect("it is JSON")
}

/// Names of decoders with expected results.
fn models(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("the folder can be read")
        .filter_map(|entry| {
            entry.expect("an entry").file_name().into_string().ok()?.strip_suffix(".json").map(str::to_owned)
        })
        .filter(|name| json(&folder.join(format!("{name}.json"))).get("prompts").is_some())
        .collect();
    names.sort_unstable();
    names
}

fn open(folder: &Path, precision: Option<Precision>) -> Box<dyn Decoder> {
    let gguf = folder.join("model.gguf");
    let path = if gguf.is_file() { gguf } else { folder.to_owned() };
    load(&path, &options(precision, 1)).unwrap_or_else(|error| panic!("{}: {error}", folder.display())).decoder
}

fn exact(folder: &Path) -> usize {
    let names = models(folder);
    for name in &names {
        let report =
            compare(&mut *open(&folder.join(name), Some(Precision::F32)), &json(&folder.join(format!("{name}.json"))));
        println!("{name}: {report:?}");
        assert!(report.faults().is_empty(), "{name}: {:?}", report.faults());
        assert!(report.greedy[1] > 0, "{name}: no greedy tokens are compared");
    }
    names.len()
}

#[test]
fn own_fixtures_match_in_f32() {
    assert!(exact(&data()) >= 4, "the project's own data is missing");
}

#[test]
fn fixtures_match_in_f32() {
    let Some(folder) = folder() else { return println!("skipped: there are no shared fixtures") };
    assert!(exact(&folder) > 0, "there are no models in {}", folder.display());
}

/// Rounded weights and inputs move the logits by so much, largest and mean, and the most likely token at so many of a
/// hundred positions; twice what was measured, and far below what a mistake does.
const BOUNDS: [(Precision, f32, f32, usize); 4] = [
    (Precision::Bf16, 5e-4, 1e-4, 0),
    (Precision::F16, 0.05, 0.005, 1),
    (Precision::Q8_0, 1.5, 0.2, 10),
    (Precision::Q4K, 12.0, 2.0, 60),
];

#[test]
fn fixtures_match_in_every_precision() {
    let shared = folder();
    for folder in [Some(data()), shared].into_iter().flatten() {
        for name in models(&folder) {
            let expected = json(&folder.join(format!("{name}.json")));
            for (precision, largest, mean, argmax) in BOUNDS {
                let report = compare(&mut *open(&folder.join(&name), Some(precision)), &expected);
                println!("{name} {precision}: {:?} mean {} argmax {:?}", report.logits, report.mean(), report.argmax);
                // Weights that are no bf16 are rounded; weights in 8 bits are not widened back.
                if precision == Precision::Bf16 && !name.contains("bf16") {
                    continue;
                }
                let worst = report.logits[0].max(report.logits[1]);
                assert!(
                    worst <= largest.max(1e-3) && report.mean() <= mean,
                    "{name} {precision}: {worst} {}",
                    report.mean()
                );
                assert!(report.argmax[0] * 100 <= argmax * report.argmax[1], "{name} {precision}: {:?}", report.argmax);
                assert!(report.cached == 0.0, "{name} {precision}: cached steps differ by {}", report.cached);
            }
        }
    }
}

/// The comparison with one rule of the model changed.
fn changed(name: &str, change: impl Fn(&mut Value)) -> Report {
    let folder = tempfile::tempdir().expect("a folder");
    for entry in fs::read_dir(data().join(name)).expect("the model is there") {
        let path = entry.expect("an entry").path();
        fs::copy(&path, folder.path().join(path.file_name().expect("a name"))).expect("it can be copied");
    }
    let mut config = json(&folder.path().join("config.json"));
    change(&mut config);
    fs::write(folder.path().join("config.json"), config.to_string()).expect("it can be written");
    compare(&mut *open(folder.path(), None), &json(&data().join(format!("{name}.json"))))
}

#[test]
fn fixtures_notice_a_rule_that_is_broken() {
    for name in models(&data()) {
        assert!(changed(&name, |_| {}).faults().is_empty(), "{name} unchanged");
    }
    let broken: [(&str, &str, Value); 8] = [
        ("llama3-tied-bf16", "rope_theta", json!(20_000.0)),
        ("llama3-tied-bf16", "rope_scaling", Value::Null),
        ("llama3-tied-bf16", "rms_norm_eps", json!(1e-3)),
        ("mistral-window-bf16", "sliding_window", Value::Null),
        ("mistral-window-bf16", "sliding_window", json!(9)),
        ("qwen2-bias-bf16", "model_type", json!("llama")),
        ("qwen2-bias-bf16", "use_sliding_window", json!(true)),
        ("qwen3-norm-bf16", "model_type", json!("llama")),
    ];
    for (name, key, value) in broken {
        let report = changed(name, |config| config[key] = value.clone());
        assert!(report.logits[0] > 0.01, "{name} with {key} = {value} goes unnoticed: {report:?}");
        assert!(!report.faults().is_empty());
    }
}
