//! A model whose matrices were rounded to four bits: blocks of 32 weights with one scale, as GGML's `Q4_0`.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

/// Copies an f32 model folder with every matrix rounded.
pub fn to_four_bits(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        std::fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    let path = to.join("model.safetensors");
    let mut file = std::fs::read(&path).context("one file of weights")?;
    let length = u64::from_le_bytes(*file.first_chunk().context("a header")?) as usize;
    let header: Value = serde_json::from_slice(&file[8..8 + length])?;
    for (name, tensor) in header.as_object().context("a header")? {
        let shape = tensor["shape"].as_array().map_or(0, Vec::len);
        if shape != 2 {
            continue;
        }
        ensure!(tensor["dtype"] == "F32", "{name} is no f32");
        let offset = |index: usize| tensor["data_offsets"][index].as_u64().map(|at| 8 + length + at as usize);
        let (start, end) = offset(0).zip(offset(1)).context("offsets")?;
        for block in file[start..end].chunks_mut(32 * 4) {
            round(block);
        }
    }
    std::fs::write(&path, file)?;
    Ok(())
}

/// The largest weight becomes -8 steps, and every weight a whole number of them from -8 to 7.
fn round(block: &mut [u8]) {
    let (weights, _) = block.as_chunks_mut::<4>();
    let values: Vec<f32> = weights.iter().copied().map(f32::from_le_bytes).collect();
    let largest = values.iter().copied().fold(0.0f32, |most, value| if value.abs() > most.abs() { value } else { most });
    let step = largest / -8.0;
    for (weight, value) in weights.iter_mut().zip(values) {
        let steps = if step == 0.0 { 0.0 } else { (value / step).round().clamp(-8.0, 7.0) };
        *weight = (steps * step).to_le_bytes();
    }
}
