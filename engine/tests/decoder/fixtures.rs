//! Reference data: the project's own (`data`, made by `reference.py`), and whatever models `ASSAY_FIXTURES` holds
//! (by default a folder `fixtures` in `shared` beside the project).

use std::fs;
use std::path::Path;

use engine::model::{Decoder, Precision, Segment, Want, load};
use serde_json::{Value, json};

use super::compare::{Report, compare};
use super::folder::folder;
use super::{argmax, data, options};

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

/// 256 tokens by transformers (`data/greedy.py`): the cached steps take the same one wherever the two largest logits are
/// further apart than rounding goes.
#[test]
fn own_fixtures_go_on_as_transformers_does() {
    let list = |value: &Value| value.as_array().expect("a list").clone();
    let ids = |value: &Value| list(value).iter().map(|id| id.as_u64().expect("an id") as u32).collect::<Vec<_>>();
    for model in list(&json(&data().join("greedy.json"))) {
        let name = model["model"].as_str().expect("a name");
        let mut decoder = open(&data().join(name), Some(Precision::F32));
        let bound = 1e-4 * model["largest"].as_f64().expect("a number");
        let (prompt, answer) = (ids(&model["prompt"]), ids(&model["ids"]));
        let mut given = prompt.as_slice();
        let mut compared = 0;
        for (place, gap) in list(&model["gaps"]).iter().enumerate() {
            let segment = Segment { slot: 0, ids: given, want: Want::Last };
            let logits = decoder.forward(&[segment]).expect("fits").swap_remove(0).logits;
            if gap.as_f64().expect("a number") > bound {
                assert_eq!(argmax(&logits), answer[place], "{name}, token {place}");
                compared += 1;
            }
            given = &answer[place..=place];
        }
        println!("{name}: {compared} of {} tokens are compared, and equal", answer.len());
        assert!(answer.len() == 256 && compared > 250, "{name}: too few to say anything");
    }
}

#[test]
fn fixtures_match_in_f32() {
    let Some(folder) = folder("models") else { return };
    assert!(exact(&folder) > 0, "there are no models in {}", folder.display());
}

/// How far rounded weights and inputs may move the logits, as parts of the largest one: at most, and in the mean; and
/// how many of a hundred most likely tokens. Twice what was measured; a mistake does ten times more. The 8 bits of `gguf`
/// are compared with the same weights widened, all others with the weights before they were rounded.
const BOUNDS: [(Precision, f32, f32, usize); 4] = [
    (Precision::Bf16, 3e-5, 3e-6, 0),
    (Precision::F16, 3e-3, 3e-4, 1),
    (Precision::Q8_0, 0.3, 0.04, 15),
    (Precision::Q4K, 0.3, 0.04, 15),
];

#[test]
fn fixtures_match_in_every_precision() {
    let mut faults = Vec::new();
    for folder in [Some(data()), folder("models")].into_iter().flatten() {
        for name in models(&folder) {
            let expected = json(&folder.join(format!("{name}.json")));
            for (precision, largest, mean, argmax) in BOUNDS {
                // Weights that are no bf16 cannot be held so without loss.
                if precision == Precision::Bf16 && !name.contains("bf16") {
                    continue;
                }
                let report = compare(&mut *open(&folder.join(&name), Some(precision)), &expected);
                let worst = report.logits[0].max(report.logits[1]) / report.scale;
                let line = format!(
                    "{name} {precision}: {worst:.5}, mean {:.6}, {:?}",
                    report.mean() / report.scale,
                    report.argmax
                );
                println!("{line}");
                let near = worst <= largest && report.mean() <= mean * report.scale && report.cached == 0.0;
                if !near || report.argmax[0] * 100 > argmax * report.argmax[1] {
                    faults.push(line);
                }
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
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
