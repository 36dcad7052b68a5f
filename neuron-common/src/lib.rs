//! What both neurons share: wire, authentication, chain client, keys, configuration, telemetry.

pub mod chain;
pub mod keystore;
pub mod window;
