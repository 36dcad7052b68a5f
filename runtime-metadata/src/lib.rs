//! What assay needs of the chain, and the check that a runtime offers it.
//!
//! The runtime is upgraded several times a month, so nothing here is generated code: calls, storage and runtime APIs are
//! resolved by name, and values are encoded against the metadata of the connected chain. [`items`] is the one list of the
//! names in use; [`check`] compares it with a runtime's metadata and names what no longer fits.

mod check;
pub mod items;
mod shape;

pub use check::{Entry, Report, Status, check, check_items};
