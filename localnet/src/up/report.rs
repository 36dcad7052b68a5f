//! What a run comes to.

use super::chat::Line;
use super::judge::Finding;
use super::table::{Row, render};

/// The end of a run, for people and as JSON.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Report {
    /// Whether every finding is as it should be.
    pub ok: bool,
    /// The version of the chain's runtime whose arithmetic paid.
    pub runtime: u32,
    /// The subnet.
    pub netuid: u16,
    /// Epochs that were counted.
    pub epochs: u32,
    /// Seconds from the start of the chain to this report.
    pub seconds: u64,
    /// The table at the end.
    pub neurons: Vec<Row>,
    /// What the honest miners answered.
    pub chats: Vec<Line>,
    /// What the judge says of each neuron.
    pub findings: Vec<Finding>,
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}\n", render(&self.neurons))?;
        for Finding { ok, name, text } in &self.findings {
            writeln!(f, "{} {name}: {text}", if *ok { "ok    " } else { "FAILED" })?;
        }
        let verdict = if self.ok { "as it should be" } else { "NOT as it should be" };
        let Self { epochs, seconds, runtime, .. } = self;
        writeln!(f, "\n{verdict} after {epochs} paid epochs of runtime {runtime}, {seconds} s")
    }
}
