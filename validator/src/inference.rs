//! Models, measured and checked: probes that look like any other request, streams that are timed, answers that are computed
//! again.
//!
//! - [`traffic`]: what requests look like
//! - [`stream`]: one request and its answer as it arrives
//! - [`window`]: all miners at once, and what arrived in time
//! - [`audit`]: which answers are checked, and what they were found to be
//! - [`tables`]: what honest answers look like
//! - [`calibrate`]: how such a table is made

pub mod audit;
pub mod calibrate;
pub mod sample;
pub mod stream;
pub mod tables;
pub mod traffic;
pub mod window;
