//! Where numbers are crunched, behind traits that know neither network nor chain.
//!
//! - [`compute`]: the compute proof's exact integer kernels on the processor.
//! - `cuda`: the same on NVIDIA devices (feature `cuda`).
//! - [`model`]: decoders; [`generation`]: what is asked of them.

pub mod compute;
#[cfg(feature = "cuda")]
pub mod cuda;
pub mod generation;
pub mod model;

pub use compute::{Case, Kernel, Path};
