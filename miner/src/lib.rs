//! The miner: serves challenges to validators that hold a permit.

pub mod work;
