//! A node as its clients see it.

mod backends;
mod client;
