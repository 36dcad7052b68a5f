//! Recorded results of the chain's own pallet against ours, field by field and as integers.
//!
//! A part of the records lies in `records/` beside this file. All of them, or others of the same form, are taken from the
//! folder that `ASSAY_ORACLE` names (a file that is missing there or empty is a failure), else from `shared/oracle`
//! beside the checkout where that is present.

mod coinbase;
mod epoch;
mod format;
mod issuance;
mod mechanism;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

/// Hands the records of a file to `compare`, from every folder that has some, and prints what it says of them.
pub fn each_source<T: DeserializeOwned>(file: &str, compare: impl Fn(&mut Differences, &[T]) -> String) {
    for path in sources(file, std::env::var_os("ASSAY_ORACLE").map(PathBuf::from)) {
        let records = records::<T>(&path);
        let mut differences = Differences::default();
        let count = compare(&mut differences, &records);
        println!("{}: {count}, {} fields compared", path.display(), differences.compared);
        differences.assert_none();
    }
}

/// Where a file of records is to be read from.
fn sources(file: &str, named: Option<PathBuf>) -> Vec<PathBuf> {
    // A relative path is seen from the project's root, wherever the test runs.
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let beside = root.join("../shared/oracle").join(file);
    // Who names a folder wants it read, whatever is in it.
    let other = named.map_or_else(|| beside.exists().then_some(beside), |folder| Some(root.join(folder).join(file)));
    std::iter::once(root.join("incentive/tests/oracle/records").join(file)).chain(other).collect()
}

/// The records of a file, one per line.
fn records<T: DeserializeOwned>(path: &Path) -> Vec<T> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("cannot read {shown}: {error}"));
    let parse = |(line, text): (usize, &str)| {
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{shown}, line {}: {error}", line + 1))
    };
    let records: Vec<T> = text.lines().enumerate().filter(|(_, text)| !text.is_empty()).map(parse).collect();
    assert!(!records.is_empty(), "{shown} holds no records");
    records
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

#[test]
fn a_named_folder_is_read_even_if_the_file_is_not_there() {
    let named = PathBuf::from("/nowhere");
    assert_eq!(sources("epoch.jsonl", Some(named.clone())).last(), Some(&named.join("epoch.jsonl")));
}

#[test]
#[should_panic(expected = "cannot read")]
fn a_missing_file_is_a_failure() {
    records::<serde_json::Value>(Path::new("/nowhere/epoch.jsonl"));
}

#[test]
#[should_panic(expected = "holds no records")]
fn an_empty_file_is_a_failure() {
    let file = tempfile::NamedTempFile::new().unwrap();
    records::<serde_json::Value>(file.path());
}
