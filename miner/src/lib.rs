//! The miner: serves challenges to validators that hold a permit.
//!
//! - [`config`]: what a miner is told
//! - [`work`]: the seam between serving and solving
//! - [`run`]: one window, solved once for all validators
//! - [`view`]: what the chain says, kept fresh
//! - [`admission`]: may this caller be served now?
//! - [`http`]: the axon
//! - [`serve`]: connections within limits
//! - [`announce`]: tells the chain where the axon is
//! - [`app`]: binds, serves, drains
//! - [`check`]: would it work?
//! - [`device`]: what can compute here, is it right, how fast is it
//! - [`inference`]: models, served to whoever may call
//! - [`models`]: which models there are, and test models
//! - [`cli`]: what a person types

pub mod admission;
pub mod announce;
pub mod app;
pub mod check;
pub mod cli;
pub mod config;
pub mod device;
pub mod http;
pub mod inference;
pub mod metrics;
pub mod models;
pub mod run;
pub mod serve;
pub mod view;
pub mod work;

pub use app::App;
pub use config::Config;
