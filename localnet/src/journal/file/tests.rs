use std::{fs, io::Write as _, path::Path};

use sp_core::H256;

use super::Journal;
use crate::journal::{JournalError, Record};

const GENESIS: H256 = H256([7; 32]);

fn block(number: u8) -> Record {
    let hash = |number| H256([number; 32]);
    Record::Block {
        parent: hash(number - 1),
        timestamp: 5,
        extrinsics: vec![vec![number; 9]],
        hash: hash(number),
        upgrade: None,
    }
}

fn write(path: &Path, records: &[Record]) {
    let mut journal = Journal::open(path, GENESIS, false).expect("opens").journal;
    for record in records {
        journal.append(record).expect("appends");
    }
    journal.sync().expect("syncs");
}

#[test]
fn what_is_appended_is_read_back() {
    let dir = tempfile::tempdir().expect("directory");
    let records = [block(1), block(2), Record::Revert { number: 1 }];
    write(dir.path(), &records);
    let opened = Journal::open(dir.path(), GENESIS, false).expect("opens");
    assert_eq!(opened.records, records);
    assert_eq!(opened.torn, 0);
}

#[test]
fn a_record_cut_off_at_any_byte_is_dropped_and_appending_goes_on() {
    let dir = tempfile::tempdir().expect("directory");
    write(dir.path(), &[block(1), block(2)]);
    let file = dir.path().join("journal");
    let whole = fs::read(&file).expect("reads");
    let first_ends = whole.len() - (whole.len() - 40) / 2;
    for cut in first_ends + 1..whole.len() {
        fs::write(&file, &whole[..cut]).expect("writes");
        let opened = Journal::open(dir.path(), GENESIS, false).expect("opens");
        assert_eq!(opened.records, [block(1)], "cut at {cut}");
        assert_eq!(opened.torn, (cut - first_ends) as u64);
        drop(opened);
        write(dir.path(), &[block(3)]);
        assert_eq!(Journal::open(dir.path(), GENESIS, false).expect("opens").records, [block(1), block(3)]);
    }
}

#[test]
fn zeros_at_the_end_are_dropped() {
    let dir = tempfile::tempdir().expect("directory");
    write(dir.path(), &[block(1)]);
    let mut file = fs::OpenOptions::new().append(true).open(dir.path().join("journal")).expect("opens");
    file.write_all(&[0; 4096]).expect("writes");
    let opened = Journal::open(dir.path(), GENESIS, false).expect("opens");
    assert_eq!((opened.records.len(), opened.torn), (1, 4096));
}

#[test]
fn damage_in_the_middle_is_refused() {
    let dir = tempfile::tempdir().expect("directory");
    write(dir.path(), &[block(1), block(2)]);
    let file = dir.path().join("journal");
    let mut bytes = fs::read(&file).expect("reads");
    bytes[60] ^= 1;
    fs::write(&file, bytes).expect("writes");
    let error = Journal::open(dir.path(), GENESIS, false).err().expect("refuses");
    assert!(matches!(error, JournalError::Damaged { offset: 40, records: 0, .. }), "{error}");
}

#[test]
fn another_genesis_is_refused_unless_reset() {
    let dir = tempfile::tempdir().expect("directory");
    write(dir.path(), &[block(1)]);
    let other = H256([8; 32]);
    let error = Journal::open(dir.path(), other, false).err().expect("refuses").to_string();
    assert!(error.contains("--reset"), "{error}");
    assert!(Journal::open(dir.path(), other, true).expect("opens").records.is_empty());
    assert!(Journal::open(dir.path(), other, false).expect("stays").records.is_empty());
}

#[test]
fn one_node_at_a_time() {
    let dir = tempfile::tempdir().expect("directory");
    let first = Journal::open(dir.path(), GENESIS, false).expect("opens");
    let error = Journal::open(dir.path(), GENESIS, true).err().expect("refuses");
    assert!(matches!(error, JournalError::Locked { .. }), "{error}");
    drop(first);
    Journal::open(dir.path(), GENESIS, false).expect("opens again");
}

#[test]
fn another_file_is_left_alone() {
    let dir = tempfile::tempdir().expect("directory");
    let file = dir.path().join("journal");
    fs::write(&file, [b'x'; 100]).expect("writes");
    assert!(matches!(Journal::open(dir.path(), GENESIS, false), Err(JournalError::Foreign { .. })));
    assert_eq!(fs::read(&file).expect("reads"), [b'x'; 100]);
}
