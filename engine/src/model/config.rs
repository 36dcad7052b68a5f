//! The shape of a decoder, from `config.json` or from GGUF metadata.

use serde_json::Value;

use super::{ModelError, gguf};

/// Shape of a decoder of the Llama family. Checked: nothing in it overflows or divides by zero.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// `llama`, `mistral`, `qwen2` or `qwen3`.
    pub architecture: String,
    /// Rows of the embedding, padding included.
    pub vocabulary: usize,
    /// Width of the residual stream.
    pub hidden: usize,
    /// Width of the feed-forward layers.
    pub intermediate: usize,
    /// For each layer how many tokens a query sees, itself included; all where there is none.
    pub windows: Vec<Option<usize>>,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; each serves `heads / key_heads` query heads.
    pub key_heads: usize,
    /// Width of a head, even.
    pub head: usize,
    /// Added to the mean square in norms.
    pub epsilon: f32,
    /// Base of the rotary wave lengths.
    pub theta: f64,
    /// What is done to the wave lengths.
    pub scaling: Scaling,
    /// Whether the LM head is the embedding.
    pub tied: bool,
    /// Biases on q, k and v.
    pub query_bias: bool,
    /// Bias on the output of the attention.
    pub output_bias: bool,
    /// Biases in the feed-forward layers.
    pub mlp_bias: bool,
    /// Norms on each head of q and k, before they are rotated.
    pub head_norm: bool,
    /// Longest sequence that the model is made for.
    pub positions: usize,
}

/// Changes of the rotary frequencies.
#[derive(Clone, Debug, PartialEq)]
pub enum Scaling {
    /// None.
    None,
    /// All frequencies divided.
    Linear(f64),
    /// Llama 3: long waves are stretched by `factor`, short ones stay, with a smooth band between.
    Llama3 {
        /// By what.
        factor: f64,
        /// Waves longer than `original / low` are stretched.
        low: f64,
        /// Waves shorter than `original / high` stay.
        high: f64,
        /// Context that the model was trained on first.
        original: f64,
    },
    /// Divisors, one for each pair of a head's dimensions (GGUF `rope_freqs.weight`).
    Factors(Vec<f32>),
}

fn refuse(file: &str, problem: impl Into<String>) -> ModelError {
    ModelError::File {
        file: file.to_owned(),
        problem: problem.into(),
        remedy: "use a decoder of the Llama, Mistral, Qwen2 or Qwen3 family".to_owned(),
    }
}

/// Typed access to the keys of a JSON object.
struct Keys<'a>(&'a Value);

const JSON: &str = "config.json";

impl Keys<'_> {
    /// A key that is there and not null.
    fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    fn optional(&self, key: &str, most: usize) -> Result<Option<usize>, ModelError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let number = value.as_u64().and_then(|number| usize::try_from(number).ok()).filter(|number| *number <= most);
        number.map(Some).ok_or_else(|| refuse(JSON, format!("`{key}` is not an integer of at most {most}")))
    }

    fn number(&self, key: &str, most: usize) -> Result<usize, ModelError> {
        self.optional(key, most)?.ok_or_else(|| refuse(JSON, format!("`{key}` is missing")))
    }

    fn real(&self, key: &str) -> Result<Option<f64>, ModelError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        value.as_f64().map(Some).ok_or_else(|| refuse(JSON, format!("`{key}` is not a number")))
    }

    fn flag(&self, key: &str, default: bool) -> Result<bool, ModelError> {
        let Some(value) = self.get(key) else { return Ok(default) };
        value.as_bool().ok_or_else(|| refuse(JSON, format!("`{key}` is not true or false")))
    }
}

impl Config {
    /// Reads the keys of a Hugging Face `config.json`.
    ///
    /// # Errors
    /// When a key is missing, absurd, or asks for something that this engine does not compute.
    pub fn from_json(json: &Value) -> Result<Self, ModelError> {
        let keys = Keys(json);
        let architecture = keys.get("model_type").and_then(Value::as_str).unwrap_or_default().to_owned();
        if !["llama", "mistral", "qwen2", "qwen3"].contains(&architecture.as_str()) {
            return Err(refuse(JSON, format!("the architecture `{}` is unknown", architecture.escape_debug())));
        }
        if let Some(activation) = keys.get("hidden_act").filter(|name| name.as_str() != Some("silu")) {
            return Err(refuse(JSON, format!("the activation {activation} is unknown")));
        }
        let hidden = keys.number("hidden_size", LARGEST.hidden)?;
        let heads = keys.number("num_attention_heads", LARGEST.heads)?;
        let layers = keys.number("num_hidden_layers", LARGEST.layers)?;
        let attention_bias = keys.flag("attention_bias", false)?;
        let (theta, scaling) = rope(&keys)?;
        Self {
            vocabulary: keys.number("vocab_size", LARGEST.vocabulary)?,
            hidden,
            intermediate: keys.number("intermediate_size", LARGEST.intermediate)?,
            windows: windows(&keys, &architecture, layers)?,
            heads,
            key_heads: keys.optional("num_key_value_heads", LARGEST.heads)?.unwrap_or(heads),
            head: keys.optional("head_dim", LARGEST.head)?.unwrap_or(hidden / heads.max(1)),
            epsilon: keys.real("rms_norm_eps")?.unwrap_or(1e-6) as f32,
            theta,
            scaling,
            tied: keys.flag("tie_word_embeddings", false)?,
            query_bias: attention_bias || architecture == "qwen2",
            output_bias: attention_bias,
            mlp_bias: keys.flag("mlp_bias", false)?,
            head_norm: architecture == "qwen3",
            positions: keys.optional("max_position_embeddings", LARGEST.positions)?.unwrap_or(2048),
            architecture,
        }
        .checked(JSON)
    }

    /// Reads GGUF metadata; `factors` is the tensor `rope_freqs.weight`, `vocabulary` the rows of the embedding.
    pub(crate) fn from_gguf(
        header: &gguf::Header,
        vocabulary: usize,
        factors: Option<Vec<f32>>,
    ) -> Result<Self, ModelError> {
        let file = "GGUF metadata";
        let architecture = header.text("general.architecture").unwrap_or_default().to_owned();
        if !["llama", "qwen2", "qwen3"].contains(&architecture.as_str()) {
            return Err(refuse(file, format!("the architecture `{}` is unknown", architecture.escape_debug())));
        }
        let key = |name: &str| format!("{architecture}.{name}");
        let optional = |name: &str, most: usize| match header.number(&key(name)) {
            None => Ok(None),
            Some(number) if number >= 0.0 && number <= most as f64 && number.fract() == 0.0 => {
                Ok(Some(number as usize))
            }
            Some(_) => Err(refuse(file, format!("`{}` is not an integer of at most {most}", key(name)))),
        };
        let number = |name: &str, most: usize| {
            optional(name, most)?.ok_or_else(|| refuse(file, format!("`{}` is missing", key(name))))
        };
        let hidden = number("embedding_length", LARGEST.hidden)?;
        let heads = number("attention.head_count", LARGEST.heads)?;
        let head = optional("attention.key_length", LARGEST.head)?.unwrap_or(hidden / heads.max(1));
        if optional("rope.dimension_count", LARGEST.head)?.is_some_and(|rotated| rotated != head) {
            return Err(refuse(file, "only a part of each head is rotated"));
        }
        let window = optional("attention.sliding_window", LARGEST.positions)?.filter(|window| *window > 0);
        let scaling = match (factors, header.text(&key("rope.scaling.type"))) {
            (Some(factors), _) => Scaling::Factors(factors),
            (None, None | Some("none")) => Scaling::None,
            (None, Some("linear")) => Scaling::Linear(header.number(&key("rope.scaling.factor")).unwrap_or(1.0)),
            (None, Some(other)) => {
                return Err(refuse(file, format!("rope scaling `{}` is unknown", other.escape_debug())));
            }
        };
        Self {
            vocabulary,
            hidden,
            intermediate: number("feed_forward_length", LARGEST.intermediate)?,
            windows: vec![window; number("block_count", LARGEST.layers)?],
            heads,
            key_heads: optional("attention.head_count_kv", LARGEST.heads)?.unwrap_or(heads),
            head,
            epsilon: header.number(&key("attention.layer_norm_rms_epsilon")).unwrap_or(1e-5) as f32,
            theta: header.number(&key("rope.freq_base")).unwrap_or(10_000.0),
            scaling,
            tied: !header.tensors.contains_key("output.weight"),
            query_bias: header.tensors.contains_key("blk.0.attn_q.bias"),
            output_bias: header.tensors.contains_key("blk.0.attn_output.bias"),
            mlp_bias: header.tensors.contains_key("blk.0.ffn_gate.bias"),
            head_norm: header.tensors.contains_key("blk.0.attn_q_norm.weight"),
            positions: optional("context_length", LARGEST.positions)?.unwrap_or(2048),
            architecture,
        }
        .checked(file)
    }

    /// Number of layers.
    #[must_use]
    pub fn layers(&self) -> usize {
        self.windows.len()
    }

    /// Names and shapes of all tensors.
    pub(crate) fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let (hidden, wide) = (self.hidden, self.intermediate);
        let (queries, keys) = (self.heads * self.head, self.key_heads * self.head);
        let mut shapes = vec![
            ("model.embed_tokens.weight".to_owned(), vec![self.vocabulary, hidden]),
            ("model.norm.weight".to_owned(), vec![hidden]),
        ];
        if !self.tied {
            shapes.push(("lm_head.weight".to_owned(), vec![self.vocabulary, hidden]));
        }
        for layer in 0..self.layers() {
            let mut push = |part: &str, shape: Vec<usize>| shapes.push((format!("model.layers.{layer}.{part}"), shape));
            for norm in ["input_layernorm.weight", "post_attention_layernorm.weight"] {
                push(norm, vec![hidden]);
            }
            if self.head_norm {
                push("self_attn.q_norm.weight", vec![self.head]);
                push("self_attn.k_norm.weight", vec![self.head]);
            }
            let linears = [
                ("self_attn.q_proj", queries, hidden, self.query_bias),
                ("self_attn.k_proj", keys, hidden, self.query_bias),
                ("self_attn.v_proj", keys, hidden, self.query_bias),
                ("self_attn.o_proj", hidden, queries, self.output_bias),
                ("mlp.gate_proj", wide, hidden, self.mlp_bias),
                ("mlp.up_proj", wide, hidden, self.mlp_bias),
                ("mlp.down_proj", hidden, wide, self.mlp_bias),
            ];
            for (name, outputs, inputs, biased) in linears {
                push(&format!("{name}.weight"), vec![outputs, inputs]);
                if biased {
                    push(&format!("{name}.bias"), vec![outputs]);
                }
            }
        }
        shapes
    }

    fn checked(self, file: &str) -> Result<Self, ModelError> {
        let zero =
            [self.vocabulary, self.hidden, self.intermediate, self.layers(), self.heads, self.key_heads, self.head]
                .contains(&0);
        let problem = if zero || self.positions == 0 {
            "a size is zero"
        } else if !self.heads.is_multiple_of(self.key_heads) {
            "the query heads are no multiple of the key heads"
        } else if !self.head.is_multiple_of(2) {
            "the width of a head is odd"
        } else if self.windows.contains(&Some(0)) {
            "the attention window is empty"
        } else if !(self.epsilon.is_finite() && self.epsilon >= 0.0) {
            "the epsilon of the norms is no positive number"
        } else if !(self.theta.is_finite() && self.theta > 0.0) {
            "the base of the rotary frequencies is no positive number"
        } else if !self.scaling.is_sane(self.head) {
            "the scaling of the rotary frequencies is no positive number"
        } else {
            return Ok(self);
        };
        Err(refuse(file, problem))
    }

    /// The frequency of each pair of a head's dimensions, rounded to f32 as the reference implementations do.
    pub(crate) fn frequencies(&self) -> Vec<f32> {
        let base = (0..self.head / 2).map(|pair| {
            let exponent = (2 * pair) as f32 / self.head as f32;
            1.0 / self.theta.powf(f64::from(exponent)) as f32
        });
        match &self.scaling {
            Scaling::None => base.collect(),
            Scaling::Linear(factor) => base.map(|frequency| frequency / *factor as f32).collect(),
            Scaling::Factors(factors) => base.zip(factors).map(|(frequency, factor)| frequency / factor).collect(),
            Scaling::Llama3 { factor, low, high, original } => {
                base.map(|frequency| stretch(frequency, [*factor, *low, *high, *original])).collect()
            }
        }
    }
}

/// The rule of the Llama 3.1 release.
fn stretch(frequency: f32, [factor, low, high, original]: [f64; 4]) -> f32 {
    let wave = std::f64::consts::TAU / f64::from(frequency);
    if wave > original / low {
        frequency / factor as f32
    } else if wave < original / high {
        frequency
    } else {
        let smooth = (original / wave - low) / (high - low);
        ((1.0 - smooth) * f64::from(frequency) / factor + smooth * f64::from(frequency)) as f32
    }
}

impl Scaling {
    fn is_sane(&self, head: usize) -> bool {
        let positive = |number: f64| number.is_finite() && number > 0.0;
        match self {
            Self::None => true,
            Self::Linear(factor) => positive(*factor),
            Self::Llama3 { factor, low, high, original } => {
                [factor, low, high, original].into_iter().all(|number| positive(*number)) && high > low
            }
            Self::Factors(factors) => factors.len() == head / 2 && factors.iter().all(|f| positive(f64::from(*f))),
        }
    }
}

/// `rope_theta` and `rope_scaling`, or both in the newer `rope_parameters`.
fn rope(keys: &Keys<'_>) -> Result<(f64, Scaling), ModelError> {
    let object = keys.get("rope_parameters").or_else(|| keys.get("rope_scaling"));
    let empty = Value::Object(serde_json::Map::new());
    let inner = Keys(object.unwrap_or(&empty));
    if !inner.0.is_object() {
        return Err(refuse(JSON, "the rope parameters are no object"));
    }
    let theta = inner.real("rope_theta")?.or(keys.real("rope_theta")?).unwrap_or(10_000.0);
    let need =
        |key: &str| inner.real(key)?.ok_or_else(|| refuse(JSON, format!("`{key}` of the rope parameters is missing")));
    let kind = inner.get("rope_type").or_else(|| inner.get("type"));
    let scaling = match kind.map(|kind| kind.as_str().unwrap_or_default()) {
        None if inner.0.as_object().is_some_and(|object| object.values().any(Value::is_object)) => {
            return Err(refuse(JSON, "the rope parameters differ between layers"));
        }
        None | Some("default") => Scaling::None,
        Some("linear") => Scaling::Linear(need("factor")?),
        Some("llama3") => Scaling::Llama3 {
            factor: need("factor")?,
            low: need("low_freq_factor")?,
            high: need("high_freq_factor")?,
            original: need("original_max_position_embeddings")?,
        },
        Some(other) => return Err(refuse(JSON, format!("the rope type `{}` is unknown", other.escape_debug()))),
    };
    Ok((theta, scaling))
}

/// Mistral has its window in every layer; Qwen2 and Qwen3 only when `use_sliding_window` says so, and from
/// `max_window_layers` on.
fn windows(keys: &Keys<'_>, architecture: &str, layers: usize) -> Result<Vec<Option<usize>>, ModelError> {
    let window = keys.optional("sliding_window", usize::MAX >> 1)?;
    let on = match architecture {
        "mistral" => true,
        "llama" => false,
        _ => keys.flag("use_sliding_window", false)?,
    };
    let Some(window) = window.filter(|_| on) else { return Ok(vec![None; layers]) };
    if let Some(types) = keys.get("layer_types").and_then(Value::as_array) {
        if types.len() != layers {
            return Err(refuse(JSON, "`layer_types` has another length than there are layers"));
        }
        return Ok(types.iter().map(|kind| (kind.as_str() == Some("sliding_attention")).then_some(window)).collect());
    }
    let first =
        if architecture == "mistral" { 0 } else { keys.optional("max_window_layers", LARGEST.layers)?.unwrap_or(28) };
    Ok((0..layers).map(|layer| (layer >= first).then_some(window)).collect())
}

/// Beyond every model of these families; below every overflow.
struct Largest {
    vocabulary: usize,
    hidden: usize,
    intermediate: usize,
    layers: usize,
    heads: usize,
    head: usize,
    positions: usize,
}

const LARGEST: Largest = Largest {
    vocabulary: 1 << 22,
    hidden: 1 << 16,
    intermediate: 1 << 20,
    layers: 1 << 10,
    heads: 1 << 10,
    head: 1 << 10,
    positions: 1 << 24,
};
