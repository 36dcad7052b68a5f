//! Tensors of a model by their Hugging Face names, whatever file they lie in. Shapes and lengths are checked against the
//! file before anything is allocated.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::matrix::Raw;
use super::precision::{Precision, Stored};
use super::{ModelError, gguf};

/// Where tensors come from.
pub(crate) trait Tensors: Sync {
    /// How a tensor is stored, if it is there.
    fn stored(&self, name: &str) -> Option<Stored>;

    /// Reads a tensor that must have this shape.
    fn read(&self, name: &str, shape: &[usize]) -> Result<Raw, ModelError>;

    /// Reads a tensor of one dimension as f32.
    fn vector(&self, name: &str, length: usize) -> Result<Vec<f32>, ModelError> {
        let raw = self.read(name, &[length])?;
        let values = raw.stored.widen(&raw.bytes)?;
        Ok(raw.order.map_or_else(|| values.clone(), |order| order.iter().map(|row| values[*row as usize]).collect()))
    }
}

/// Tensors in files.
pub(crate) struct Files {
    paths: Vec<PathBuf>,
    entries: BTreeMap<String, Entry>,
}

struct Entry {
    file: usize,
    offset: u64,
    bytes: u64,
    shape: Vec<u64>,
    stored: Stored,
    /// Width of a head whose halves are interleaved.
    interleaved: Option<usize>,
}

const HEADER_MAX: u64 = 32 << 20;
const INDEX_MAX: u64 = 32 << 20;
const SHARDS_MAX: usize = 4096;

pub(crate) fn damaged(file: &Path, problem: impl Into<String>) -> ModelError {
    let remedy = "fetch the file again".to_owned();
    ModelError::File { file: file.display().to_string(), problem: problem.into(), remedy }
}

/// A whole small file.
pub(crate) fn read_small(path: &Path, most: u64) -> Result<Vec<u8>, ModelError> {
    let failed = |error: std::io::Error| damaged(path, error.to_string());
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > most {
        return Err(damaged(path, format!("it is larger than {most} bytes")));
    }
    Ok(bytes)
}

impl Files {
    /// The safetensors of a folder: `model.safetensors`, or what `model.safetensors.index.json` lists.
    pub(crate) fn folder(folder: &Path) -> Result<Self, ModelError> {
        let index = folder.join("model.safetensors.index.json");
        let names = if index.is_file() { shards(&index)? } else { vec!["model.safetensors".to_owned()] };
        let mut files = Self { paths: Vec::new(), entries: BTreeMap::new() };
        for name in names {
            files.add(folder.join(name))?;
        }
        Ok(files)
    }

    fn add(&mut self, path: PathBuf) -> Result<(), ModelError> {
        let failed = |error: std::io::Error| damaged(&path, error.to_string());
        let mut file = File::open(&path).map_err(failed)?;
        let whole = file.metadata().map_err(failed)?.len();
        let mut length = [0; 8];
        file.read_exact(&mut length).map_err(failed)?;
        let length = u64::from_le_bytes(length);
        if length > HEADER_MAX || length + 8 > whole {
            return Err(damaged(&path, format!("its header claims {length} bytes")));
        }
        let mut header = vec![0; length as usize];
        file.read_exact(&mut header).map_err(failed)?;
        let header: safetensors::tensor::Metadata = serde_json::from_slice(&header)
            .map_err(|error| damaged(&path, format!("the header is damaged: {error}")))?;
        for (name, info) in header.tensors() {
            // Other types may stand in the file as long as nobody asks for them.
            let stored = match info.dtype {
                safetensors::Dtype::F32 => Precision::F32,
                safetensors::Dtype::BF16 => Precision::Bf16,
                safetensors::Dtype::F16 => Precision::F16,
                _ => continue,
            };
            let (begin, end) = (info.data_offsets.0 as u64, info.data_offsets.1 as u64);
            let shape: Vec<u64> = info.shape.iter().map(|size| *size as u64).collect();
            let entry = Entry {
                file: self.paths.len(),
                offset: begin.saturating_add(length + 8),
                bytes: end.saturating_sub(begin),
                shape,
                stored: Stored::As(stored),
                interleaved: None,
            };
            entry.check(&path, &name, whole)?;
            self.entries.insert(name, entry);
        }
        self.paths.push(path);
        Ok(())
    }

    /// The tensors of a GGUF file under their Hugging Face names. The Llama converter interleaves the halves of each head
    /// of q and k; here they are put back, so that one rotation serves all families.
    pub(crate) fn gguf(path: &Path, header: &gguf::Header) -> Result<Self, ModelError> {
        let whole = std::fs::metadata(path).map_err(|error| damaged(path, error.to_string()))?.len();
        let llama = header.text("general.architecture") == Some("llama");
        let mut entries = BTreeMap::new();
        for (name, info) in &header.tensors {
            let Some(stored) = Stored::from_ggml(info.kind) else {
                return Err(damaged(path, format!("`{}` has the unknown type {}", name.escape_debug(), info.kind)));
            };
            let Some(canonical) = canonical(name) else { continue };
            let columns = info.shape.last().copied().unwrap_or(1);
            if !columns.is_multiple_of(stored.block() as u64) || columns > 1 << 32 {
                return Err(damaged(path, format!("the rows of `{}` are no whole blocks", name.escape_debug())));
            }
            let rows = info.shape.iter().rev().skip(1).fold(1_u64, |rows, size| rows.saturating_mul(*size));
            let bytes = rows.saturating_mul(stored.row_bytes(columns as usize) as u64);
            let heads = match canonical.contains("self_attn.q_proj") {
                true => header.number("llama.attention.head_count"),
                false => header.number("llama.attention.head_count_kv").or(header.number("llama.attention.head_count")),
            };
            let rotated = llama && (canonical.contains(".q_proj.") || canonical.contains(".k_proj."));
            let interleaved = heads
                .filter(|heads| rotated && *heads >= 1.0)
                .map(|heads| (info.shape.first().copied().unwrap_or(0) / heads as u64) as usize);
            let shape = info.shape.clone();
            let entry = Entry { file: 0, offset: info.offset, bytes, shape, stored, interleaved };
            entry.check(path, name, whole)?;
            entries.insert(canonical, entry);
        }
        Ok(Self { paths: vec![path.to_owned()], entries })
    }

    /// The shape of a tensor.
    pub(crate) fn shape(&self, name: &str) -> Option<&[u64]> {
        self.entries.get(name).map(|entry| &entry.shape[..])
    }

    /// Bytes of the largest tensor.
    pub(crate) fn largest(&self) -> u64 {
        self.entries.values().map(|entry| entry.bytes).max().unwrap_or(0)
    }
}

impl Entry {
    fn check(&self, path: &Path, name: &str, whole: u64) -> Result<(), ModelError> {
        let elements = self.shape.iter().try_fold(1_u64, |product, size| product.checked_mul(*size));
        let inside = self.offset.checked_add(self.bytes).is_some_and(|end| end <= whole);
        let right = match self.stored {
            Stored::As(precision @ (Precision::F32 | Precision::Bf16 | Precision::F16)) => {
                elements.is_some_and(|elements| elements.checked_mul(precision.row_bytes(1) as u64) == Some(self.bytes))
            }
            _ => elements.is_some(),
        };
        if inside && right {
            return Ok(());
        }
        Err(damaged(
            path,
            format!("the tensor `{}` does not lie within the file as its shape says", name.escape_debug()),
        ))
    }
}

impl Tensors for Files {
    fn stored(&self, name: &str) -> Option<Stored> {
        self.entries.get(name).map(|entry| entry.stored)
    }

    fn read(&self, name: &str, shape: &[usize]) -> Result<Raw, ModelError> {
        let folder = self.paths[0].parent().unwrap_or(Path::new("."));
        let Some(entry) = self.entries.get(name) else {
            return Err(damaged(folder, format!("the tensor `{name}` is missing or no float")));
        };
        let path = &self.paths[entry.file];
        if !entry.shape.iter().copied().eq(shape.iter().map(|size| *size as u64)) {
            return Err(damaged(path, format!("`{name}` has shape {:?} where {shape:?} is needed", entry.shape)));
        }
        let failed = |error: std::io::Error| damaged(path, error.to_string());
        let mut file = File::open(path).map_err(failed)?;
        file.seek(SeekFrom::Start(entry.offset)).map_err(failed)?;
        let mut bytes = vec![0; entry.bytes as usize];
        file.read_exact(&mut bytes).map_err(failed)?;
        let order = entry.interleaved.map(|head| interleaved(shape[0], head)).transpose();
        let order = order.map_err(|()| damaged(path, format!("the heads of `{name}` have no whole width")))?;
        Ok(Raw { bytes, stored: entry.stored, order })
    }
}

/// The stored row of each row, where the halves of each head are interleaved.
fn interleaved(rows: usize, head: usize) -> Result<Vec<u32>, ()> {
    if head < 2 || !head.is_multiple_of(2) || !rows.is_multiple_of(head) {
        return Err(());
    }
    let half = head / 2;
    Ok((0..rows).map(|row| (row / head * head + row % half * 2 + row % head / half) as u32).collect())
}

/// The shards that an index lists: plain names beside it.
fn shards(index: &Path) -> Result<Vec<String>, ModelError> {
    let json: serde_json::Value = serde_json::from_slice(&read_small(index, INDEX_MAX)?)
        .map_err(|error| damaged(index, format!("it is no JSON: {error}")))?;
    let map = json.get("weight_map").and_then(|map| map.as_object());
    let map = map.ok_or_else(|| damaged(index, "`weight_map` is missing"))?;
    let mut names: Vec<String> = map.values().filter_map(|name| name.as_str().map(str::to_owned)).collect();
    names.sort_unstable();
    names.dedup();
    if let Some(name) = names.iter().find(|name| !name.ends_with(".safetensors") || name.contains(['/', '\\', ':'])) {
        return Err(damaged(index, format!("`{}` is no name of a shard beside it", name.escape_debug())));
    }
    if names.is_empty() || names.len() > SHARDS_MAX {
        return Err(damaged(index, format!("it lists {} shards", names.len())));
    }
    Ok(names)
}

/// The Hugging Face name of a GGUF tensor; none for those that no decoder reads.
fn canonical(name: &str) -> Option<String> {
    let whole = [
        ("token_embd.weight", "model.embed_tokens.weight"),
        ("output_norm.weight", "model.norm.weight"),
        ("output.weight", "lm_head.weight"),
        ("rope_freqs.weight", "rope_freqs.weight"),
    ];
    if let Some((_, canonical)) = whole.into_iter().find(|(gguf, _)| *gguf == name) {
        return Some(canonical.to_owned());
    }
    let (layer, part) = name.strip_prefix("blk.")?.split_once('.')?;
    let (part, kind) = part.rsplit_once('.')?;
    let part = match part {
        "attn_norm" => "input_layernorm",
        "ffn_norm" => "post_attention_layernorm",
        "attn_q" => "self_attn.q_proj",
        "attn_k" => "self_attn.k_proj",
        "attn_v" => "self_attn.v_proj",
        "attn_output" => "self_attn.o_proj",
        "attn_q_norm" => "self_attn.q_norm",
        "attn_k_norm" => "self_attn.k_norm",
        "ffn_gate" => "mlp.gate_proj",
        "ffn_up" => "mlp.up_proj",
        "ffn_down" => "mlp.down_proj",
        _ => return None,
    };
    Some(format!("model.layers.{layer}.{part}.{kind}"))
}
