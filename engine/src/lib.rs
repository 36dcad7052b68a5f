//! Where numbers are crunched, behind traits that know neither network nor chain.
//!
//! - [`compute`]: the compute proof's exact integer kernels on the processor.
//! - [`model`]: decoders; [`generation`]: what is asked of them.
//! - [`sampler`]: which token comes next; [`scheduler`]: many generations on one decoder.

pub mod compute;
pub mod generation;
pub mod model;
pub mod sampler;
pub mod scheduler;

pub use compute::{Case, Kernel, Path};
