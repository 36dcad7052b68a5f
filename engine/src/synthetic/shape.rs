//! How large a decoder is, and what its tensors are called.

use serde_json::{Value, json};

use super::Precision;
use super::tokenizer::{END_OF_TEXT, END_OF_TURN};

/// Standard deviation of a logit of a random model. 1024 normal logits of this width have an entropy of 2 nats.
const LOGIT: f64 = 4.5;

/// A decoder of the Llama family.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub(super) vocabulary: usize,
    pub(super) hidden: usize,
    pub(super) layers: usize,
    pub(super) heads: usize,
    pub(super) kv_heads: usize,
    pub(super) inner: usize,
    pub(super) context: usize,
}

/// A tensor of the model.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    /// Standard deviation of its weights when they are random; none are ones.
    pub(super) deviation: Option<f64>,
}

impl Shape {
    pub(super) const EPSILON: f32 = 1e-5;
    pub(super) const THETA: f32 = 1e4;

    pub(super) fn tiny() -> Self {
        Self { vocabulary: 1024, hidden: 64, layers: 2, heads: 4, kv_heads: 2, inner: 192, context: 4096 }
    }

    pub(super) fn trained() -> Self {
        Self { vocabulary: 1024, hidden: 192, layers: 4, heads: 6, kv_heads: 3, inner: 512, context: 1024 }
    }

    /// As many layers as are needed.
    pub(super) fn large(bytes: u64, precision: Precision) -> Self {
        let mut shape =
            Self { vocabulary: 1024, hidden: 2048, layers: 0, heads: 16, kv_heads: 8, inner: 5632, context: 8192 };
        let size = |shape: &Self| shape.plans().iter().map(|plan| plan.bytes(precision)).sum::<u64>();
        let outside = size(&shape);
        shape.layers = 1;
        let layer = size(&shape) - outside;
        shape.layers = bytes.saturating_sub(outside).div_ceil(layer).max(1) as usize;
        shape
    }

    pub(super) fn head(&self) -> usize {
        self.hidden / self.heads
    }

    /// All tensors, in the order in which they are used.
    pub(super) fn plans(&self) -> Vec<Plan> {
        let (width, kv) = (self.hidden, self.kv_heads * self.head());
        let ones = |name: String| Plan { name, shape: vec![width], deviation: None };
        let matrix = |name: String, outputs: usize, inputs: usize, gain: f64| Plan {
            name,
            shape: vec![outputs, inputs],
            deviation: Some(gain / (inputs as f64).sqrt()),
        };
        let embedding =
            Plan { deviation: Some(1.0), ..matrix("model.embed_tokens.weight".into(), self.vocabulary, width, 1.0) };
        let mut plans = vec![embedding];
        for layer in 0..self.layers {
            let name = |part: &str| format!("model.layers.{layer}.{part}.weight");
            plans.extend([
                ones(name("input_layernorm")),
                matrix(name("self_attn.q_proj"), width, width, 1.0),
                matrix(name("self_attn.k_proj"), kv, width, 1.0),
                matrix(name("self_attn.v_proj"), kv, width, 1.0),
                matrix(name("self_attn.o_proj"), width, width, 1.0),
                ones(name("post_attention_layernorm")),
                matrix(name("mlp.gate_proj"), self.inner, width, 1.0),
                matrix(name("mlp.up_proj"), self.inner, width, 1.0),
                matrix(name("mlp.down_proj"), width, self.inner, 1.0),
            ]);
        }
        plans.push(ones("model.norm.weight".into()));
        plans.push(matrix("lm_head.weight".into(), self.vocabulary, width, LOGIT));
        plans
    }

    /// `config.json`.
    pub(super) fn config(&self, precision: Precision) -> Value {
        let specials = |token: &str| self.special(token);
        json!({
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "vocab_size": self.vocabulary,
            "hidden_size": self.hidden,
            "intermediate_size": self.inner,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads,
            "head_dim": self.head(),
            "hidden_act": "silu",
            "max_position_embeddings": self.context,
            "rms_norm_eps": 1e-5,
            "rope_theta": 1e4,
            "rope_scaling": null,
            "attention_bias": false,
            "mlp_bias": false,
            "tie_word_embeddings": false,
            "bos_token_id": null,
            "eos_token_id": [specials(END_OF_TURN), specials(END_OF_TEXT)],
            "pad_token_id": specials(END_OF_TEXT),
            "torch_dtype": match precision {
                Precision::F32 => "float32",
                Precision::Bf16 => "bfloat16",
            },
        })
    }

    /// The id of a special token: they are the last ones.
    pub(super) fn special(&self, token: &str) -> usize {
        let all = super::tokenizer::SPECIALS;
        let position = all.iter().position(|special| *special == token).unwrap_or_default();
        self.vocabulary - all.len() + position
    }
}

impl Plan {
    pub(super) fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    pub(super) fn bytes(&self, precision: Precision) -> u64 {
        self.elements() as u64 * precision.bytes() as u64
    }
}
