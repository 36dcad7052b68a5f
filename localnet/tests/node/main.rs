//! A node as its clients see it.

mod backends;
mod beacon;
mod chain;
mod client;
mod extrinsic;
mod hostile;
mod restart;
mod upgrade;
