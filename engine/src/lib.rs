//! Where numbers are crunched, behind traits that know neither network nor chain.
//!
//! - [`compute`]: the compute proof's exact integer kernels on the processor.
//! - `cuda`: the same on NVIDIA devices (feature `cuda`).
//! - [`model`]: decoders; [`generation`]: what is asked of them.
//! - [`check`]: whether an answer is what the model would have said.
//! - [`sampler`]: which token comes next; [`scheduler`]: many generations on one decoder.
//! - [`embedding`]: encoders, texts to vectors.
//! - [`synthetic`]: small and large models for tests and measurements.
//! - [`text`]: tokenizers, chat templates, stop texts.

pub mod check;
pub mod compute;
#[cfg(feature = "cuda")]
pub mod cuda;
pub mod embedding;
pub mod generation;
pub mod model;
pub mod sampler;
pub mod scheduler;
pub mod synthetic;
pub mod text;

pub use compute::{Case, Kernel, Path};
pub use model::{LoadOptions, Loaded, load};
