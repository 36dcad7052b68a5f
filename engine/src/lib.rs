//! Where numbers are crunched, behind traits that know neither network nor chain.
//!
//! - [`compute`]: the compute proof's exact integer kernels on the processor.
//! - [`model`]: decoders; [`generation`]: what is asked of them.

pub mod compute;
pub mod generation;
pub mod model;

pub use compute::{Case, Kernel, Path};
pub use model::{LoadOptions, Loaded, load};
