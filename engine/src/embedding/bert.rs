//! The layers: post-LN, GELU by the error function, attention to all tokens of the same sequence.

use candle_core::{Device, Result, Tensor};
use candle_nn::ops::{layer_norm, softmax_last_dim};

use super::Input;
use super::config::Config;
use super::weights::Weights;
use crate::model::ModelError;

/// The sequences of a batch lie one behind the other, so that every product but those of the attention is one.
pub(super) struct Bert {
    words: Tensor,
    positions: Tensor,
    types: Tensor,
    norm: Norm,
    layers: Vec<Layer>,
}

struct Layer {
    query: Linear,
    key: Linear,
    value: Linear,
    attended: Linear,
    attended_norm: Norm,
    widen: Linear,
    narrow: Linear,
    norm: Norm,
    heads: usize,
}

/// `x · wᵀ + b`, the weight transposed once.
struct Linear {
    transposed: Tensor,
    bias: Tensor,
}

struct Norm {
    weight: Tensor,
    bias: Tensor,
    epsilon: f32,
}

impl Bert {
    pub(super) fn new(config: &Config, weights: &mut Weights) -> std::result::Result<Self, ModelError> {
        let width = config.hidden_size;
        let mut table =
            |name: &str, rows: usize| weights.take(&format!("embeddings.{name}_embeddings.weight"), &[rows, width]);
        let words = table("word", config.vocab_size)?;
        let positions = table("position", config.max_position_embeddings)?;
        let types = table("token_type", config.type_vocab_size)?;
        let norm = Norm::new(config, weights, "embeddings.LayerNorm")?;
        let layers = (0..config.num_hidden_layers).map(|index| Layer::new(config, weights, index));
        Ok(Self { words, positions, types, norm, layers: layers.collect::<std::result::Result<_, _>>()? })
    }

    /// The last state of every sequence.
    pub(super) fn forward(&self, inputs: &[Input<'_>]) -> Result<Vec<Tensor>> {
        let rows = |ids: Vec<u32>| Tensor::new(ids, &Device::Cpu);
        let ids = rows(inputs.iter().flat_map(|input| input.ids.iter().copied()).collect())?;
        let positions = rows(inputs.iter().flat_map(|input| 0..input.ids.len() as u32).collect())?;
        let kind =
            |input: &Input<'_>| if input.types.is_empty() { vec![0; input.ids.len()] } else { input.types.to_vec() };
        let types = rows(inputs.iter().flat_map(kind).collect())?;
        let words = self.words.index_select(&ids, 0)?;
        let sum = words.add(&self.types.index_select(&types, 0)?)?.add(&self.positions.index_select(&positions, 0)?)?;
        let lengths: Vec<_> = inputs.iter().map(|input| input.ids.len()).collect();
        let mut states = self.norm.forward(&sum)?;
        for layer in &self.layers {
            states = layer.forward(&states, &lengths)?;
        }
        split(&states, &lengths)
    }
}

impl Layer {
    fn new(config: &Config, weights: &mut Weights, index: usize) -> std::result::Result<Self, ModelError> {
        let (width, inner) = (config.hidden_size, config.intermediate_size);
        let mut linear = |name: &str, outputs: usize, inputs: usize| {
            Linear::new(weights, &format!("encoder.layer.{index}.{name}"), outputs, inputs)
        };
        let query = linear("attention.self.query", width, width)?;
        let key = linear("attention.self.key", width, width)?;
        let value = linear("attention.self.value", width, width)?;
        let attended = linear("attention.output.dense", width, width)?;
        let widen = linear("intermediate.dense", inner, width)?;
        let narrow = linear("output.dense", width, inner)?;
        let mut norm = |name: &str| Norm::new(config, weights, &format!("encoder.layer.{index}.{name}.LayerNorm"));
        let (attended_norm, norm) = (norm("attention.output")?, norm("output")?);
        let heads = config.num_attention_heads;
        Ok(Self { query, key, value, attended, attended_norm, widen, narrow, norm, heads })
    }

    fn forward(&self, states: &Tensor, lengths: &[usize]) -> Result<Tensor> {
        let of_sequence = |linear: &Linear| split(&linear.forward(states)?, lengths);
        let (query, key, value) = (of_sequence(&self.query)?, of_sequence(&self.key)?, of_sequence(&self.value)?);
        let attended: Vec<_> =
            query.iter().zip(&key).zip(&value).map(|((q, k), v)| self.attend(q, k, v)).collect::<Result<_>>()?;
        let attended = self.attended.forward(&Tensor::cat(&attended, 0)?)?;
        let states = self.attended_norm.forward(&attended.add(states)?)?;
        let fed = self.narrow.forward(&self.widen.forward(&states)?.gelu_erf()?)?;
        self.norm.forward(&fed.add(&states)?)
    }

    /// One sequence, all heads.
    fn attend(&self, query: &Tensor, key: &Tensor, value: &Tensor) -> Result<Tensor> {
        let (tokens, width) = query.dims2()?;
        let depth = width / self.heads;
        let by_head = |rows: &Tensor| rows.reshape((tokens, self.heads, depth))?.transpose(0, 1)?.contiguous();
        let scores = by_head(query)?.matmul(&by_head(key)?.transpose(1, 2)?)?;
        let shares = softmax_last_dim(&(scores / (depth as f64).sqrt())?)?;
        shares.matmul(&by_head(value)?)?.transpose(0, 1)?.reshape((tokens, width))
    }
}

impl Linear {
    fn new(weights: &mut Weights, name: &str, outputs: usize, inputs: usize) -> std::result::Result<Self, ModelError> {
        let transposed = weights.take(&format!("{name}.weight"), &[outputs, inputs])?.t()?.contiguous()?;
        Ok(Self { transposed, bias: weights.take(&format!("{name}.bias"), &[outputs])? })
    }

    fn forward(&self, rows: &Tensor) -> Result<Tensor> {
        rows.matmul(&self.transposed)?.broadcast_add(&self.bias)
    }
}

impl Norm {
    fn new(config: &Config, weights: &mut Weights, name: &str) -> std::result::Result<Self, ModelError> {
        let mut part = |part: &str| weights.take(&format!("{name}.{part}"), &[config.hidden_size]);
        Ok(Self { weight: part("weight")?, bias: part("bias")?, epsilon: config.layer_norm_eps as f32 })
    }

    fn forward(&self, rows: &Tensor) -> Result<Tensor> {
        layer_norm(rows, &self.weight, &self.bias, self.epsilon)
    }
}

/// The rows of each sequence.
fn split(rows: &Tensor, lengths: &[usize]) -> Result<Vec<Tensor>> {
    let mut begin = 0;
    let part = |&length: &usize| {
        let part = rows.narrow(0, begin, length);
        begin += length;
        part
    };
    lengths.iter().map(part).collect()
}
