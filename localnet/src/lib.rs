//! localnet

pub mod preset;
pub mod runtime;
pub mod subtensor;
