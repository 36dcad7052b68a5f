//! Models, measured and checked: probes that look like any other request, streams that are timed, answers that are computed
//! again.
//!
//! - [`traffic`]: what requests look like
//! - [`tell`]: whether it can be told from what users send
//! - [`stream`]: one request and its answer as it arrives
//! - [`window`]: all miners at once, and what arrived in time
//! - [`audit`]: which answers are checked, and what they were found to be
//! - [`tables`]: what honest answers look like
//! - [`calibrate`]: how such a table is made

pub mod audit;
pub mod calibrate;
pub mod stream;
pub mod tables;
pub mod tell;
pub mod traffic;
pub mod window;
