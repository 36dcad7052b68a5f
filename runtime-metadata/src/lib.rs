//! What assay needs of the chain, and the check that a runtime offers it.
//!
//! The runtime is upgraded several times a month, so nothing here is generated code: calls, storage and runtime APIs are
//! resolved by name, and values are encoded against the metadata of the connected chain. [`items`] is the one table of the
//! names in use; [`check`] compares it with a runtime's metadata and names what no longer fits.

mod check;
mod fit;
pub mod items;
mod report;
mod shape;

pub use check::{check, check_items, optional_arguments};
pub use fit::Status;
pub use report::{Entry, Report};
