//! Recorded results of the chain's own pallet against ours, field by field and as integers.
//!
//! The records are large and live outside of the repository: in the folder that `ASSAY_ORACLE` names, or in
//! `shared/oracle` beside the checkout. Without them these tests say so and pass.

mod calls;
mod coinbase;
mod epoch;
mod format;
mod issuance;
mod mechanism;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::de::DeserializeOwned;

/// The records of a file, one per line; `None` with a printed reason when the file is not here.
pub fn records<T: DeserializeOwned>(file: &str) -> Option<Vec<T>> {
    let folder = std::env::var_os("ASSAY_ORACLE")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/oracle"), PathBuf::from);
    let path = folder.join(file);
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("skipped: no {} (set ASSAY_ORACLE to the folder of the records)", path.display());
        return None;
    };
    let parse = |(line, text): (usize, &str)| {
        serde_json::from_str(text).unwrap_or_else(|e| panic!("{file}, line {}: {e}", line + 1))
    };
    let records: Vec<T> = text.lines().enumerate().map(parse).collect();
    assert!(!records.is_empty(), "{file} holds no records");
    Some(records)
}

/// Counts what was compared, and remembers what differs.
#[derive(Default)]
pub struct Differences {
    compared: usize,
    fields: BTreeMap<&'static str, Vec<String>>,
}

impl Differences {
    /// Compares one field of the record `id`.
    pub fn compare<T: PartialEq + std::fmt::Debug>(&mut self, id: &str, field: &'static str, ours: &T, theirs: &T) {
        self.compared += 1;
        if ours != theirs {
            let mut text = format!("{id}: ours {ours:?}, the chain's {theirs:?}");
            text.truncate(text.char_indices().nth(1500).map_or(text.len(), |(at, _)| at));
            self.fields.entry(field).or_default().push(text);
        }
    }

    /// Fails when anything differed, or nothing was there to compare.
    pub fn assert_none(self) {
        assert!(self.compared > 0, "nothing was compared");
        let summary = |(field, cases): (&&str, &Vec<String>)| {
            format!("{field}: {} differ, first {}", cases.len(), cases.first().map_or("", String::as_str))
        };
        let lines: Vec<String> = self.fields.iter().map(summary).collect();
        assert!(lines.is_empty(), "of {} fields compared:\n{}", self.compared, lines.join("\n"));
        println!("{} fields equal", self.compared);
    }
}

#[test]
#[should_panic(expected = "incentive: 1 differ")]
fn a_difference_of_one_unit_is_found() {
    let mut differences = Differences::default();
    differences.compare("case", "dividends", &vec![1, 2], &vec![1, 2]);
    differences.compare("case", "incentive", &vec![1, 2], &vec![1, 3]);
    differences.assert_none();
}
