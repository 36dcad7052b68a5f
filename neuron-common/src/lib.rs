//! What both neurons share: wire, authentication, chain client, keys, configuration, telemetry.

pub mod auth;
pub mod chain;
pub mod config;
pub mod exit;
pub mod keystore;
pub mod problem;
pub mod shutdown;
pub mod telemetry;
pub mod window;
pub mod wire;
