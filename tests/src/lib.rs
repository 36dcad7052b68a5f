//! What the black-box tests share, and the dishonest miners that they need.
//!
//! - [`cheats`]: dishonest solvers behind the miner's own seam; the binary `cheat` runs them

pub mod cheats;
