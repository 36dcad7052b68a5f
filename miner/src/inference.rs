//! Models, served to whoever may call.

pub mod backend;
