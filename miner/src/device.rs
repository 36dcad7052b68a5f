//! What computes on this machine: which devices there are, their worker processes, whether they are right, how fast they are.
//!
//! Names are for people: nothing that is paid, and nothing that is sized, depends on them. Chains and rounds have no number
//! that a device would have to be known for; a card that nobody has heard of computes as many rounds as it can.
//!
//! - [`name`]: what devices are called
//! - [`inventory`]: `miner devices`; `nvml` reads the driver's labels
//! - [`plan`]: which chain works on which device
//! - [`fleet`]: all devices as one [`crate::work::Work`]; [`remote`] is the part that worker processes do
//! - [`supervisor`]: keeps a worker process alive; [`launch`] starts one, [`link`] is one of its lives, [`ending`] why it ended,
//!   [`message`] what is said over the pipes
//! - [`worker`]: the worker process
//! - [`open`]: a device in this process; [`cuda`] knows whether this build has CUDA
//! - [`self_test`], [`mod@bench`]: is it right, how fast is it

pub mod bench;
pub mod cuda;
pub mod ending;
pub mod fleet;
pub mod inventory;
pub mod launch;
pub mod link;
pub mod message;
pub mod metrics;
pub mod name;
mod nvml;
pub mod open;
pub mod plan;
pub mod remote;
pub mod self_test;
pub mod supervisor;
pub mod worker;

pub use name::{DeviceName, Selector};
