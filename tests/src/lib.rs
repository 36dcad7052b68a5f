//! What the black-box tests share, and the dishonest miners that they need.
//!
//! - [`cheats`]: dishonest solvers and answers behind the miner's own seams; the binary `cheat` runs them
//! - [`faults`]: what may go wrong with a submission, and what is then lost or doubled; the binary `faults` tells
//! - [`proxy`]: a network that a test can cut, stall and slow down
//! - [`net`]: a subnet on a chain of its own
//! - [`process`]: the real binaries
//! - [`caller`]: a validator in the hands of a test; [`examiner`]: one of answers
//! - [`host`]: the inference half of a miner, without a chain
//! - [`deadline`]: waiting for conditions

pub mod caller;
pub mod cheats;
pub mod deadline;
pub mod examiner;
pub mod faults;
pub mod host;
pub mod net;
pub mod process;
pub mod proxy;
