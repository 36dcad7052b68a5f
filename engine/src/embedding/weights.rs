//! The tensors of an encoder, by name.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{DType, Device, Tensor};

use crate::model::ModelError;
use crate::text::folder::{damaged, read};

/// Largest file of weights.
const LARGEST: u64 = 8 << 30;

/// What is taken from the file is digested, in the order in which it is taken.
pub(super) struct Weights {
    file: String,
    tensors: HashMap<String, Tensor>,
    hasher: blake3::Hasher,
    parameters: u64,
}

impl Weights {
    pub(super) fn load(folder: &Path) -> Result<Self, ModelError> {
        let path = folder.join("model.safetensors");
        let file = path.display().to_string();
        let bytes = read(&path, LARGEST)?.ok_or_else(|| damaged(&file, "is missing"))?;
        let tensors = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu);
        let tensors = tensors.map_err(|e| damaged(&file, &e.to_string()))?;
        let mut hasher = blake3::Hasher::new_derive_key("assay encoder: tokenizer, then tensors as f32");
        let tokenizer = read(&folder.join("tokenizer.json"), LARGEST)?.unwrap_or_default();
        hasher.update(blake3::hash(&tokenizer).as_bytes());
        Ok(Self { file, tensors, hasher, parameters: 0 })
    }

    /// A tensor of this shape, as f32. Some files put `bert.` before the names.
    pub(super) fn take(&mut self, name: &str, shape: &[usize]) -> Result<Tensor, ModelError> {
        let tensor = self.tensors.remove(name).or_else(|| self.tensors.remove(&format!("bert.{name}")));
        let tensor = tensor.ok_or_else(|| damaged(&self.file, &format!("tensor {name} is missing")))?;
        if tensor.dims() != shape {
            let problem = format!("tensor {name} has shape {:?} for {shape:?}", tensor.dims());
            return Err(damaged(&self.file, &problem));
        }
        let tensor = tensor.to_dtype(DType::F32)?;
        let numbers = tensor.flatten_all()?.to_vec1::<f32>()?;
        self.hasher.update(&numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>());
        self.parameters += tensor.elem_count() as u64;
        Ok(tensor)
    }

    pub(super) fn digest(&self) -> [u8; 32] {
        self.hasher.finalize().into()
    }

    pub(super) fn parameters(&self) -> u64 {
        self.parameters
    }
}
