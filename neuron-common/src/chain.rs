//! The chain as a neuron sees it: blocks, a subnet's metagraph, and the few extrinsics a neuron sends.

mod error;
mod metagraph;

pub use error::ChainError;
pub use metagraph::{BlockRef, Neuron, Snapshot};
