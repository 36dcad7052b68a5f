//! Models, served to whoever may call.

pub mod backend;
pub mod remote;
