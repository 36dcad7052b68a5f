//! The fault matrix of submissions: one validator's submitter against a real chain, with something going wrong.
//!
//! The chain runs through a few epochs, block by block, while a [`Fault`] strikes at moments drawn from a seed; afterwards the
//! events of every block say how many weight sets each epoch got. None is *lost*, more than one is *doubled*. That the count
//! can see both is shown by submitters that do it wrong on purpose: [`Who::Blind`] and [`Who::Once`].
//!
//! - [`fault`]: what goes wrong, and when
//! - [`world`]: the chain, its template and its proxies
//! - [`life`]: one process that submits, and its death
//! - [`drive`]: a run from the first block to the last

pub mod drive;
pub mod fault;
pub mod life;
pub mod world;

pub use drive::{Tally, run};
pub use fault::Fault;
pub use life::Who;
pub use world::Template;
