//! Models of any shape with random weights, the same for the same seed: to measure and to test without a download.

use std::path::Path;

use half::bf16;
use rayon::prelude::*;
use safetensors::tensor::{Dtype, TensorView};

use super::config::Config;
use super::load::{LoadOptions, build};
use super::matrix::Raw;
use super::precision::{Precision, Stored};
use super::tensors::Tensors;
use super::{Decoder, ModelError};

/// Tensors from a seed: bf16, uniform with variance `1 / columns`, so that activations keep their size.
struct Random(u64);

impl Tensors for Random {
    fn stored(&self, _: &str) -> Option<Stored> {
        Some(Stored::As(Precision::Bf16))
    }

    fn read(&self, name: &str, shape: &[usize]) -> Result<Raw, ModelError> {
        let mut hasher = blake3::Hasher::new_derive_key("assay random tensor v1");
        hasher.update(&self.0.to_le_bytes()).update(name.as_bytes());
        let digest = hasher.finalize();
        let key = u64::from_le_bytes(*digest.as_bytes().first_chunk().expect("a digest has 32 bytes"));
        let columns = shape[shape.len() - 1];
        let (middle, spread) = match shape {
            [_] if name.ends_with("norm.weight") => (1.0, 0.1),
            [_] => (0.0, 0.1),
            _ => (0.0, (3.0 / columns as f32).sqrt()),
        };
        let mut bytes = vec![0; shape.iter().product::<usize>() * 2];
        bytes.par_chunks_mut(columns * 2).enumerate().for_each(|(row, bytes)| {
            for (column, bytes) in bytes.as_chunks_mut::<2>().0.iter_mut().enumerate() {
                let word = mix(key.wrapping_add(((row * columns + column) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)));
                let uniform = (word >> 40) as f32 / (1_u32 << 23) as f32 - 1.0;
                *bytes = bf16::from_f32(middle + spread * uniform).to_le_bytes();
            }
        });
        Ok(Raw { bytes, stored: Stored::As(Precision::Bf16), order: None })
    }
}

/// The finaliser of SplitMix64.
const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A model with random weights in memory; bf16 where the options name no precision.
///
/// # Errors
/// When it does not fit the memory.
pub fn random(config: &Config, seed: u64, options: &LoadOptions<'_>) -> Result<Box<dyn Decoder>, ModelError> {
    let largest = config.hidden.saturating_mul(config.vocabulary.max(config.intermediate)) as u64 * 2;
    Ok(Box::new(build(&Random(seed), largest, config.clone(), &[], options)?))
}

/// Writes the weights of [`random`] as `model.safetensors` into a folder.
///
/// # Errors
/// When the folder cannot be written.
pub fn write_random(config: &Config, seed: u64, folder: &Path) -> Result<(), ModelError> {
    let random = Random(seed);
    let tensors = config
        .tensors()
        .into_iter()
        .map(|(name, shape)| random.read(&name, &shape).map(|raw| (name, shape, raw.bytes)))
        .collect::<Result<Vec<_>, _>>()?;
    let views =
        tensors.iter().map(|(name, shape, bytes)| Ok((name, TensorView::new(Dtype::BF16, shape.clone(), bytes)?)));
    let path = folder.join("model.safetensors");
    let failed = |error: safetensors::SafeTensorError| ModelError::File {
        file: path.display().to_string(),
        problem: error.to_string(),
        remedy: "choose a folder that can be written".to_owned(),
    };
    let views = views.collect::<Result<Vec<_>, safetensors::SafeTensorError>>().map_err(failed)?;
    safetensors::serialize_to_file(views, None, &path).map_err(failed)
}
