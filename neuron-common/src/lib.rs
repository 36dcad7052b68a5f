//! What both neurons share: wire, authentication, chain client, keys, configuration, telemetry.

pub mod chain;
<<<<<<< HEAD
=======
pub mod check;
pub mod config;
pub mod exit;
>>>>>>> e1cc18b (Miner: axon, admission, one run per window, check)
pub mod keystore;
pub mod window;
