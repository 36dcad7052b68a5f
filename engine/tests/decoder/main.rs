//! Decoders against other implementations, against themselves, and against damaged files.

mod compare;
mod fixtures;
#[path = "../fixtures/folder.rs"]
mod folder;
mod gguf;
mod hostile;
mod identity;
mod slots;

use std::path::{Path, PathBuf};

use engine::model::{Config, LoadOptions, Precision};
use serde_json::json;

/// The project's own reference data.
fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/decoder/data")
}

fn options(precision: Option<Precision>, slots: usize) -> LoadOptions<'static> {
    LoadOptions { precision, slots, context: Some(512), ..LoadOptions::default() }
}

/// A small shape with everything that a shape can have.
fn shape(architecture: &str) -> Config {
    let json = json!({
        "model_type": architecture, "vocab_size": 90, "hidden_size": 256, "intermediate_size": 288,
        "num_hidden_layers": 2, "num_attention_heads": 6, "num_key_value_heads": 2, "head_dim": 24,
        "max_position_embeddings": 512, "sliding_window": 20,
    });
    Config::from_json(&json).expect("the shape is sound")
}

/// The largest difference of two rows, NaN counting as infinite.
fn difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter()
        .zip(b)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, |most, d| if d.is_nan() { f32::INFINITY } else { most.max(d) })
}

/// The lowest index of the largest value.
fn argmax(row: &[f32]) -> u32 {
    (0..row.len()).fold(0, |best, index| if row[index] > row[best] { index } else { best }) as u32
}
