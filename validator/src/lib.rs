//! The validator: asks all miners in one common window, checks what they answer, and writes weights to the chain.
//!
//! - [`plan`]: whom a round asks (pure)
//! - [`record`]: what a round leaves behind, and when it does not count (pure)
//! - [`store`]: the database: rounds, verdicts, board, submissions
//! - [`dispatch`]: one window on the wire
//! - [`inference`]: answers of models, timed and checked
//! - [`round`]: one round, top to bottom
//! - [`submit`]: weights, once per epoch, across crashes
//! - [`metagraph`]: the subnet as the chain reports it
//! - [`api`]: what others may read
//! - [`app`]: everything bound, run and drained

pub mod api;
pub mod app;
pub mod check;
pub mod cli;
pub mod config;
pub mod dispatch;
pub mod inference;
pub mod metagraph;
pub mod metrics;
pub mod plan;
pub mod record;
pub mod round;
pub mod stake;
pub mod store;
pub mod submit;

pub use app::App;
pub use config::Config;
