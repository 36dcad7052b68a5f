//! The forward pass of a Llama decoder in operations that can be differentiated. It trains; it does not serve.

use candle_core::{D, Device, Error, Result, Tensor};
use candle_nn::loss::cross_entropy;
use candle_nn::ops::{rms_norm_slow, softmax};
use candle_nn::rotary_emb::rope_slow;

use super::super::shape::Shape;

/// Tensors under the names of the file.
pub(super) struct Network {
    shape: Shape,
    embedding: Tensor,
    layers: Vec<Layer>,
    norm: Tensor,
    head: Tensor,
    cos: Tensor,
    sin: Tensor,
    /// Zero where a token may look, minus infinity where not.
    mask: Tensor,
}

struct Layer {
    attention_norm: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    output: Tensor,
    mlp_norm: Tensor,
    gate: Tensor,
    up: Tensor,
    down: Tensor,
}

impl Network {
    /// For sequences of `length` tokens.
    pub(super) fn new(shape: &Shape, length: usize, tensor: impl Fn(&str) -> Option<Tensor>) -> Result<Self> {
        let tensor = |name: &str| tensor(name).ok_or_else(|| Error::msg(format!("tensor {name} is missing")));
        let layer = |layer: usize| {
            let part = |part: &str| tensor(&format!("model.layers.{layer}.{part}.weight"));
            Ok(Layer {
                attention_norm: part("input_layernorm")?,
                query: part("self_attn.q_proj")?,
                key: part("self_attn.k_proj")?,
                value: part("self_attn.v_proj")?,
                output: part("self_attn.o_proj")?,
                mlp_norm: part("post_attention_layernorm")?,
                gate: part("mlp.gate_proj")?,
                up: part("mlp.up_proj")?,
                down: part("mlp.down_proj")?,
            })
        };
        let half = shape.head() / 2;
        let frequency = |i: usize| Shape::THETA.powf(-(i as f32) / half as f32);
        let angles: Vec<f32> =
            (0..length).flat_map(|position| (0..half).map(move |i| position as f32 * frequency(i))).collect();
        let angles = Tensor::from_vec(angles, (length, half), &Device::Cpu)?;
        let mask = (0..length * length).map(|i| if i % length > i / length { f32::NEG_INFINITY } else { 0.0 });
        Ok(Self {
            shape: shape.clone(),
            embedding: tensor("model.embed_tokens.weight")?,
            layers: (0..shape.layers).map(layer).collect::<Result<_>>()?,
            norm: tensor("model.norm.weight")?,
            head: tensor("lm_head.weight")?,
            cos: angles.cos()?,
            sin: angles.sin()?,
            mask: Tensor::from_vec(mask.collect(), (length, length), &Device::Cpu)?,
        })
    }

    /// Logits after every token, `batch · length × vocabulary`.
    pub(super) fn logits(&self, ids: &Tensor) -> Result<Tensor> {
        let (batch, length) = ids.dims2()?;
        let mut states = self.embedding.index_select(&ids.flatten_all()?, 0)?;
        for layer in &self.layers {
            let attended = self.attend(layer, &norm(&states, &layer.attention_norm)?, batch, length)?;
            states = (states + attended)?;
            let rows = norm(&states, &layer.mlp_norm)?;
            let inner = (rows.matmul(&layer.gate.t()?)?.silu()? * rows.matmul(&layer.up.t()?)?)?;
            states = (states + inner.matmul(&layer.down.t()?)?)?;
        }
        norm(&states, &self.norm)?.matmul(&self.head.t()?)
    }

    /// Mean of minus the log probability of what follows.
    pub(super) fn loss(&self, ids: &Tensor, next: &Tensor) -> Result<Tensor> {
        cross_entropy(&self.logits(ids)?, &next.flatten_all()?)
    }

    fn attend(&self, layer: &Layer, rows: &Tensor, batch: usize, length: usize) -> Result<Tensor> {
        let Shape { heads, kv_heads, hidden, .. } = self.shape;
        let depth = self.shape.head();
        let by_head = |weight: &Tensor, heads: usize| {
            rows.matmul(&weight.t()?)?.reshape((batch, length, heads, depth))?.transpose(1, 2)?.contiguous()
        };
        let shared = |rows: Tensor| {
            let rows = rows.unsqueeze(2)?.broadcast_as((batch, kv_heads, heads / kv_heads, length, depth))?;
            rows.reshape((batch, heads, length, depth))
        };
        let query = rope_slow(&by_head(&layer.query, heads)?, &self.cos, &self.sin)?;
        let key = shared(rope_slow(&by_head(&layer.key, kv_heads)?, &self.cos, &self.sin)?)?;
        let value = shared(by_head(&layer.value, kv_heads)?)?;
        let scores = (query.matmul(&key.t()?)? / (depth as f64).sqrt())?;
        let shares = softmax(&scores.broadcast_add(&self.mask)?, D::Minus1)?;
        shares.matmul(&value)?.transpose(1, 2)?.reshape((batch * length, hidden))?.matmul(&layer.output.t()?)
    }
}

fn norm(rows: &Tensor, weight: &Tensor) -> Result<Tensor> {
    rms_norm_slow(rows, weight, Shape::EPSILON)
}
