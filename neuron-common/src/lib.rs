//! What both neurons share: wire, authentication, chain client, keys, configuration, telemetry.
//!
//! Admission rule: what is here is used by both binaries today.

pub mod auth;
pub mod chain;
pub mod check;
pub mod config;
pub mod exit;
pub mod keystore;
pub mod problem;
pub mod register;
pub mod runtime;
pub mod shutdown;
pub mod spend;
pub mod sse;
pub mod tao;
pub mod telemetry;
pub mod window;
pub mod wire;
