//! The validator: challenges miners, verifies, scores and sets weights.

pub mod dispatch;
