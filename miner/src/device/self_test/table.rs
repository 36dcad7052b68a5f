//! The table that a self-test prints.

use std::process::ExitCode;

use anyhow::Result;
use comfy_table::{ContentArrangement, presets};
use neuron_common::exit;
use serde::Serialize;

/// All checks so far.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Table(Vec<Row>);

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Row {
    pub(super) outcome: Outcome,
    pub(super) device: String,
    pub(super) check: String,
    pub(super) result: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) target: String,
}

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Outcome {
    Ok,
    Failed,
    /// Not as it should be, and no fault of the device.
    Warning,
    Skipped,
}

impl Table {
    pub(super) fn add(&mut self, device: &str, check: &str, result: String, target: &str, outcome: Outcome) {
        self.0.push(Row {
            outcome,
            device: device.to_owned(),
            check: check.to_owned(),
            result,
            target: target.to_owned(),
        });
    }

    #[cfg(test)]
    pub(super) fn rows(&self) -> &[Row] {
        &self.0
    }

    /// Prints it; the exit code is 0 only if nothing has failed.
    pub(super) fn print(&self, json: bool) -> Result<ExitCode> {
        let text = if json { serde_json::to_string_pretty(&self.0)? + "\n" } else { self.text() };
        exit::print(&text);
        let failed = self.0.iter().any(|row| row.outcome == Outcome::Failed);
        Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    fn text(&self) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING);
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(100);
        table.set_header(["", "device", "check", "result", "target"]);
        for Row { outcome, device, check, result, target } in &self.0 {
            let mark = match outcome {
                Outcome::Ok => "ok",
                Outcome::Failed => "FAILED",
                Outcome::Warning => "warn",
                Outcome::Skipped => "-",
            };
            table.add_row([mark, device, check, result, target]);
        }
        table.column_iter_mut().for_each(|column| {
            column.set_padding((0, 2));
        });
        table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_is_marked_and_decides_the_exit_code() {
        let mut table = Table::default();
        table.add("cuda:0", "rate of rounds over products", "0.91".to_owned(), "at least 0.85", Outcome::Ok);
        table.add("cuda:0", "neon", "this machine does not have it".to_owned(), "", Outcome::Skipped);
        table.add("cpu", "two hotkeys", "1.4".to_owned(), "at most 1.02", Outcome::Warning);
        assert_eq!(table.print(false).unwrap(), ExitCode::SUCCESS);
        table.add("cuda:1", "bits", "wrong ".repeat(40), "equal", Outcome::Failed);
        assert_eq!(table.print(true).unwrap(), ExitCode::FAILURE);
        let text = table.text();
        assert!(text.lines().any(|line| line.starts_with("FAILED") && line.contains("cuda:1")), "{text}");
        assert!(text.lines().all(|line| line.trim_end().chars().count() <= 100), "{text}");
    }
}
