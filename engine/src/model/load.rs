//! A model from its files: what it needs is computed before anything large is read.

use std::num::NonZeroUsize;
use std::path::Path;

use blake3::Hasher;

use super::arithmetic::Arithmetic;
use super::cache::Cache;
use super::config::Config;
use super::matrix::Matrix;
use super::precision::{Precision, Stored};
use super::tensors::{Files, Tensors, read_small};
use super::transformer::{CHUNK, Layer, Linear, Transformer};
use super::{Decoder, ModelError, ModelInfo, gguf};
use crate::compute::{self, simd::wide::Unit};

const JSON_MAX: u64 = 4 << 20;
const TOKENIZER_MAX: u64 = 256 << 20;

/// How a model is loaded.
pub struct LoadOptions<'a> {
    /// How matrices are held; as the file stores each of them where none is given.
    pub precision: Option<Precision>,
    /// Sequences at once.
    pub slots: usize,
    /// Longest sequence of a slot; that of the model, at most 4096, where none is given.
    pub context: Option<usize>,
    /// Most bytes for weights, caches and working space; what the system says is available where none is given.
    pub memory_limit: Option<u64>,
    /// How numbers are kept between the steps of the computation.
    pub arithmetic: Arithmetic,
    /// Instructions that compute; the widest of this machine where none is given. Results differ in the last bits.
    pub path: Option<compute::Path>,
    /// Threads that compute; as many as the processor has cores where none is given.
    pub threads: Option<NonZeroUsize>,
    /// Called with the tensors that are loaded and their number.
    pub progress: Option<&'a (dyn Fn(usize, usize) + Sync)>,
}

impl Default for LoadOptions<'_> {
    fn default() -> Self {
        Self {
            precision: None,
            slots: 1,
            context: None,
            memory_limit: None,
            arithmetic: Arithmetic::F32,
            path: None,
            threads: None,
            progress: None,
        }
    }
}

/// A model that can run.
pub struct Loaded {
    /// The decoder with empty slots.
    pub decoder: Box<dyn Decoder>,
    /// Shape of the model.
    pub config: Config,
    /// Metadata of a GGUF file: its tokenizer and chat template are there.
    pub gguf: Option<gguf::Header>,
}

/// Loads a folder in the Hugging Face layout, or a GGUF file.
///
/// # Errors
/// When a file is missing, damaged or of an unknown kind, or the model does not fit the memory.
pub fn load(path: &Path, options: &LoadOptions<'_>) -> Result<Loaded, ModelError> {
    if path.extension().is_some_and(|extension| extension == "gguf") {
        return load_gguf(path, options);
    }
    let json = path.join("config.json");
    let config = serde_json::from_slice(&read_small(&json, JSON_MAX)?)
        .map_err(|error| super::tensors::damaged(&json, format!("it is no JSON: {error}")))?;
    let config = Config::from_json(&config)?;
    let tokenizer = path.join("tokenizer.json");
    let tokenizer = if tokenizer.is_file() { read_small(&tokenizer, TOKENIZER_MAX)? } else { Vec::new() };
    let files = Files::folder(path)?;
    let decoder = Box::new(build(&files, files.largest(), config.clone(), &tokenizer, options)?);
    Ok(Loaded { decoder, config, gguf: None })
}

fn load_gguf(path: &Path, options: &LoadOptions<'_>) -> Result<Loaded, ModelError> {
    let header = gguf::Header::read(path)?;
    let files = Files::gguf(path, &header)?;
    let vocabulary = files.shape("model.embed_tokens.weight").and_then(|shape| shape.first().copied()).unwrap_or(0);
    let factors = match files.shape("rope_freqs.weight") {
        Some([length]) => Some(files.vector("rope_freqs.weight", *length as usize)?),
        _ => None,
    };
    let config = Config::from_gguf(&header, usize::try_from(vocabulary).unwrap_or(usize::MAX), factors)?;
    let tokenizer: Vec<_> = header.metadata.iter().filter(|(key, _)| key.starts_with("tokenizer.")).collect();
    let tokenizer = format!("{tokenizer:?}").into_bytes();
    let decoder = Box::new(build(&files, files.largest(), config.clone(), &tokenizer, options)?);
    Ok(Loaded { decoder, config, gguf: Some(header) })
}

/// Reads every tensor that the shape asks for; `largest` is what the reading of one takes beside the result.
pub(crate) fn build(
    tensors: &dyn Tensors,
    largest: u64,
    config: Config,
    tokenizer: &[u8],
    options: &LoadOptions<'_>,
) -> Result<Transformer, ModelError> {
    let unit = match options.path {
        Some(path) => Unit::detect(path).ok_or_else(|| {
            ModelError::Compute(candle_core::Error::Msg(format!("this processor has no {path}; name no path")))
        })?,
        None => Unit::best(),
    };
    let arithmetic = options.arithmetic;
    let context = options.context.unwrap_or(4096).min(config.positions).max(1);
    let available = options.memory_limit.or_else(available).unwrap_or(1 << 46);
    let needed = needed(tensors, &config, context, options).saturating_add(largest);
    if needed > available {
        let remedy = "lower the context, the slots or the precision".to_owned();
        return Err(ModelError::Memory { needed, available, remedy });
    }
    let threads = options.threads.map_or(0, NonZeroUsize::get);
    let threads = rayon::ThreadPoolBuilder::new().num_threads(threads).thread_name(|index| format!("model-{index}"));
    let threads = threads.build().map_err(|error| ModelError::Compute(candle_core::Error::Msg(error.to_string())))?;
    let mut loader =
        Loader { tensors, config: &config, options, threads: &threads, digests: Vec::new(), parameters: 0 };
    let embedding = loader.matrix("model.embed_tokens", config.vocabulary, config.hidden)?;
    let layers = (0..config.layers()).map(|index| loader.layer(index)).collect::<Result<_, _>>()?;
    let norm = loader.vector("model.norm.weight", config.hidden)?;
    let output = (!config.tied).then(|| loader.matrix("lm_head", config.vocabulary, config.hidden)).transpose()?;
    let info = ModelInfo {
        architecture: config.architecture.clone(),
        precision: held(tensors, &config, options).to_string(),
        digest: loader.digest(tokenizer),
        vocabulary: config.vocabulary,
        hidden: config.hidden,
        context,
        parameters: loader.parameters,
    };
    let slots = (0..options.slots.max(1)).map(|_| Cache::new(&config)).collect();
    let frequencies = config.frequencies();
    Ok(Transformer { unit, arithmetic, info, embedding, layers, norm, output, frequencies, slots, threads, config })
}

/// What most matrices are held in.
fn held(tensors: &dyn Tensors, config: &Config, options: &LoadOptions<'_>) -> Precision {
    let first = tensors.stored("model.layers.0.mlp.gate_proj.weight").map_or(Precision::F32, Stored::natural);
    options.precision.unwrap_or(first).for_rows(config.hidden)
}

/// Bytes for weights, caches and working space.
fn needed(tensors: &dyn Tensors, config: &Config, context: usize, options: &LoadOptions<'_>) -> u64 {
    let weights = config.tensors().into_iter().map(|(name, shape)| match shape[..] {
        [outputs, inputs] => {
            let stored = tensors.stored(&name).map_or(Precision::F32, Stored::natural);
            let held = options.precision.unwrap_or(stored).for_rows(inputs);
            Matrix::bytes(outputs as u64, inputs as u64, held)
        }
        _ => shape.iter().product::<usize>() as u64 * 4,
    });
    let caches = Cache::bytes(config, context).saturating_mul(options.slots.max(1) as u64);
    let heads = (config.heads + 2 * config.key_heads) * config.head;
    let widths = 4 * config.hidden + 3 * heads + 6 * config.intermediate + config.vocabulary;
    let working = (widths * CHUNK * 4 + context * config.heads * 16) as u64;
    weights.fold(caches.saturating_add(working), u64::saturating_add)
}

/// Memory that the system would give, where it says so.
fn available() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().trim_end_matches(" kB").parse::<u64>().ok()?.checked_mul(1024)
}

struct Loader<'a> {
    tensors: &'a dyn Tensors,
    config: &'a Config,
    options: &'a LoadOptions<'a>,
    threads: &'a rayon::ThreadPool,
    /// Name, form, shape and digest of each tensor.
    digests: Vec<(String, String, [u8; 32])>,
    parameters: u64,
}

impl Loader<'_> {
    fn matrix(&mut self, name: &str, outputs: usize, inputs: usize) -> Result<Matrix, ModelError> {
        let name = format!("{name}.weight");
        let raw = self.tensors.read(&name, &[outputs, inputs])?;
        let held = self.options.precision.unwrap_or(raw.stored.natural()).for_rows(inputs);
        let (matrix, digest) = self.threads.install(|| Matrix::pack(outputs, inputs, &raw, held))?;
        self.note(name, format!("{held} {outputs}x{inputs}"), digest, outputs * inputs);
        Ok(matrix)
    }

    fn vector(&mut self, name: &str, length: usize) -> Result<Vec<f32>, ModelError> {
        let values = self.tensors.vector(name, length)?;
        let mut hasher = Hasher::new();
        for value in &values {
            hasher.update(&value.to_le_bytes());
        }
        self.note(name.to_owned(), format!("f32 {length}"), *hasher.finalize().as_bytes(), length);
        Ok(values)
    }

    fn note(&mut self, name: String, form: String, digest: [u8; 32], parameters: usize) {
        self.digests.push((name, form, digest));
        self.parameters += parameters as u64;
        if let Some(progress) = self.options.progress {
            progress(self.digests.len(), self.config.tensors().len());
        }
    }

    fn linear(&mut self, name: &str, outputs: usize, inputs: usize, biased: bool) -> Result<Linear, ModelError> {
        let matrix = self.matrix(name, outputs, inputs)?;
        let bias = biased.then(|| self.vector(&format!("{name}.bias"), outputs)).transpose()?;
        Ok(Linear { matrix, bias })
    }

    fn layer(&mut self, index: usize) -> Result<Layer, ModelError> {
        let config = self.config;
        let (hidden, wide) = (config.hidden, config.intermediate);
        let (queries, keys) = (config.heads * config.head, config.key_heads * config.head);
        let name = |part: &str| format!("model.layers.{index}.{part}");
        let head_norms = if config.head_norm {
            let mut norm = |part: &str| self.vector(&name(part), config.head);
            Some([norm("self_attn.q_norm.weight")?, norm("self_attn.k_norm.weight")?])
        } else {
            None
        };
        Ok(Layer {
            window: config.windows[index],
            attention_norm: self.vector(&name("input_layernorm.weight"), hidden)?,
            queries: self.linear(&name("self_attn.q_proj"), queries, hidden, config.query_bias)?,
            keys: self.linear(&name("self_attn.k_proj"), keys, hidden, config.query_bias)?,
            values: self.linear(&name("self_attn.v_proj"), keys, hidden, config.query_bias)?,
            head_norms,
            output: self.linear(&name("self_attn.o_proj"), hidden, queries, config.output_bias)?,
            mlp_norm: self.vector(&name("post_attention_layernorm.weight"), hidden)?,
            gate: self.linear(&name("mlp.gate_proj"), wide, hidden, config.mlp_bias)?,
            up: self.linear(&name("mlp.up_proj"), wide, hidden, config.mlp_bias)?,
            down: self.linear(&name("mlp.down_proj"), hidden, wide, config.mlp_bias)?,
        })
    }

    /// Who the model is: every tensor by name, form and held bits, the shape's numbers, and the tokenizer.
    fn digest(&mut self, tokenizer: &[u8]) -> [u8; 32] {
        self.digests.sort_unstable();
        let mut hasher = Hasher::new_derive_key("assay model identity v1");
        let mut part = |bytes: &[u8]| {
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        for (name, form, digest) in &self.digests {
            part(name.as_bytes());
            part(form.as_bytes());
            part(digest);
        }
        part(format!("{:?}", self.config).as_bytes());
        part(blake3::hash(tokenizer).as_bytes());
        *hasher.finalize().as_bytes()
    }
}
