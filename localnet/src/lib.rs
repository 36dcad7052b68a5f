//! A real Substrate chain in the box.
//!
//! - [`runtime`], [`subtensor`], [`admin`], [`commitments`], [`drand`], [`preset`]: the chain's rules, compiled natively
//! - [`state`], [`engine`], [`pool`], [`journal`]: what runs them and keeps the blocks
//! - [`rpc`], [`node`]: what clients speak to
//! - [`up`]: a whole subnet of real processes
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use localnet::{LocalNet, engine::Seal};
//!
//! let net = LocalNet::builder().seal(Seal::Instant).start().await?;
//! println!("connect to {}", net.url());
//! net.advance_to(100).await?;
//! net.shutdown().await;
//! # Ok(())
//! # }
//! ```

pub mod admin;
pub mod cli;
pub mod commitments;
pub mod drand;
pub mod engine;
pub mod journal;
pub mod node;
pub mod pool;
pub mod preset;
pub mod rpc;
pub mod runtime;
pub mod state;
pub mod subtensor;
pub mod up;

pub use engine::{Clock, Head, Seal};
pub use node::LocalNet;
pub use preset::Preset;
