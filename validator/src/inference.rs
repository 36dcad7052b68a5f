//! Models, measured and checked: probes that look like any other request, streams that are timed, answers that are computed
//! again.
//!
//! - [`models`]: this validator's own copies
//! - [`traffic`]: what requests look like
//! - [`tell`]: whether it can be told from what users send
//! - [`bank`]: requests that are ready before they are needed
//! - [`stream`]: one request and its answer as it arrives
//! - [`window`]: all miners at once, and what arrived in time
//! - [`sample`]: which answers are checked
//! - [`examiner`]: the thread that computes them again
//! - [`audit`]: what they were found to be
//! - [`memory`]: what is remembered of a miner
//! - [`cases`], [`settle`]: the verdict on its answers
//! - [`part`], [`start`]: the inference part of a window, in its order
//! - [`between`], [`quiet`]: probes outside of the windows
//! - [`budget`]: whether this machine keeps up
//! - [`tables`]: what honest answers look like
//! - [`calibrate`]: how such a table is made

pub mod audit;
pub mod bank;
pub mod between;
pub mod budget;
pub mod calibrate;
pub mod cases;
pub mod examiner;
pub mod memory;
pub mod models;
pub mod part;
pub mod quiet;
pub mod sample;
pub mod settle;
pub mod start;
pub mod stream;
pub mod tables;
pub mod tell;
pub mod traffic;
pub mod window;

#[cfg(test)]
mod tests;
