//! Decoders behind a narrow trait, and what they are loaded from.
//!
//! [`load`] reads a folder in the Hugging Face layout or a GGUF file; [`random`] makes a model of any shape. Files, from
//! the outside in: `load` (memory, identity), `tensors` and `gguf` (files), `config` (shapes), `precision` (forms of
//! weights), `arithmetic` (forms of what is computed), `transformer` (the layers), `attention`, `cache`, `product` (rows times matrices), `rows` and `matrix`
//! (their layouts). Instructions are the business of [`crate::compute`].

mod arithmetic;
mod attention;
mod cache;
mod config;
pub mod gguf;
mod load;
mod matrix;
mod precision;
mod product;
mod random;
mod rows;
mod tensors;
mod transformer;

pub use arithmetic::Arithmetic;
pub use config::{Config, Scaling};
pub use load::{LoadOptions, Loaded, load};
pub use precision::Precision;
pub use random::{random, write_random};

/// A decoder that holds the key-value caches of a fixed number of sequences ("slots").
///
/// One value belongs to one thread. Positions are counted per slot, from the first token that was given to it.
pub trait Decoder: Send {
    /// What was loaded.
    fn info(&self) -> &ModelInfo;

    /// Slots that it holds at once.
    fn slots(&self) -> usize;

    /// Tokens in the cache of a slot.
    fn length(&self, slot: usize) -> usize;

    /// Appends the tokens of each segment to its slot and computes what is asked for, in one pass over the weights.
    /// Prefill and decode may stand side by side in a batch; a slot stands at most once in it.
    ///
    /// # Errors
    /// When a segment does not fit its slot, or the device fails. Then no cache has changed.
    fn forward(&mut self, batch: &[Segment<'_>]) -> Result<Vec<Output>, ModelError>;

    /// Shortens a slot to its first `length` tokens; 0 empties it.
    fn truncate(&mut self, slot: usize, length: usize);

    /// Makes the first `length` tokens of `to` those of `from`, without computing them again.
    ///
    /// # Errors
    /// When `from` is shorter, or the device fails.
    fn share_prefix(&mut self, from: usize, to: usize, length: usize) -> Result<(), ModelError>;
}

/// Tokens for one slot.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// Which sequence.
    pub slot: usize,
    /// What is appended to it, at least one token.
    pub ids: &'a [u32],
    /// What is computed from it.
    pub want: Want,
}

/// For which of a segment's tokens logits and hidden states are returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// None: the cache is filled.
    Nothing,
    /// The last one: what follows is sampled.
    Last,
    /// All: a continuation is scored.
    All,
}

/// What came of a segment; empty for [`Want::Nothing`].
#[derive(Clone, Debug, Default)]
pub struct Output {
    /// `rows × vocabulary` (padded, as in the configuration), f32, row-major.
    pub logits: Vec<f32>,
    /// `rows × hidden`, after the final norm.
    pub hidden: Vec<f32>,
}

/// What a model is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ModelInfo {
    /// Architecture, as `config.json` or the GGUF metadata names it, such as `llama` or `qwen3`.
    pub architecture: String,
    /// How weights are held: `f32`, `bf16`, `f16`, `q8_0`, `q4_k`.
    pub precision: String,
    /// Digest over canonical tensors, tokenizer, precision and quantisation.
    pub digest: [u8; 32],
    /// Rows of the logits: the vocabulary with its padding.
    pub vocabulary: usize,
    /// Width of the hidden state.
    pub hidden: usize,
    /// Longest sequence, prompt and answer, that a slot holds.
    pub context: usize,
    /// Number of weights.
    pub parameters: u64,
}

/// Why a model cannot be loaded or run.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file of the model is missing, damaged, or of an unsupported kind.
    #[error("{file}: {problem}; {remedy}")]
    File {
        /// Which.
        file: String,
        /// What is wrong with it.
        problem: String,
        /// What to do.
        remedy: String,
    },
    /// A sequence is longer than its slot.
    #[error("the sequence has {tokens} tokens and the context {context}")]
    Context {
        /// Its length.
        tokens: usize,
        /// The longest.
        context: usize,
    },
    /// There is not enough memory for what is asked.
    #[error("{needed} bytes of memory are needed and {available} are available; {remedy}")]
    Memory {
        /// For weights and caches.
        needed: u64,
        /// On the device.
        available: u64,
        /// What to do.
        remedy: String,
    },
    /// The numeric library or the device failed.
    #[error("the model cannot be run: {0}")]
    Compute(#[from] candle_core::Error),
}
