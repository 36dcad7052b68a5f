//! Ciphertexts that the real pallet revealed open here, and those that it dropped as garbage do not.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use timelock::{Signature, WeightsPayload, decrypt};

/// What the records show of one commit: the account that made it, the bytes, the pulse of its round.
struct Commit {
    record: String,
    account: [u8; 32],
    bytes: Vec<u8>,
    pulse: Option<Signature>,
}

#[test]
fn oracle_of_revealed_commits() {
    let Some(path) = records() else {
        println!("no records: set ASSAY_ORACLE to a folder with calls.jsonl");
        return;
    };
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
    let commits: Vec<Commit> = text.lines().flat_map(commits).collect();
    assert!(!commits.is_empty(), "{} holds no record of topic reveal_timelocked", path.display());
    let (mut opened, mut garbage) = (0, 0);
    for Commit { record, account, bytes, pulse } in &commits {
        let Some(pulse) = pulse else { continue };
        if bytes.len() <= 244 {
            assert!(decrypt(bytes, pulse).is_err(), "{record}");
            garbage += 1;
            continue;
        }
        let message = decrypt(bytes, pulse).unwrap_or_else(|error| panic!("{record}: {error}"));
        let payload = WeightsPayload::open(&message, account).unwrap_or_else(|error| panic!("{record}: {error}"));
        assert_eq!(payload.hotkey, account, "{record}");
        opened += 1;
    }
    println!("{}: {opened} commits opened, {garbage} refused", path.display());
    assert!(opened > 0 && garbage > 0, "{opened} opened, {garbage} refused");
}

/// The named folder, else the one beside the checkout where it is present.
fn records() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let named = std::env::var_os("ASSAY_ORACLE").map(|folder| root.join(folder).join("calls.jsonl"));
    named.or_else(|| Some(root.join("../shared/oracle/calls.jsonl")).filter(|path| path.exists()))
}

fn commits(line: &str) -> Vec<Commit> {
    let record: Value = serde_json::from_str(line).unwrap();
    if record["topic"] != "reveal_timelocked" {
        return Vec::new();
    }
    let pulses = pulses(&record);
    let steps = record["steps"].as_array().unwrap();
    steps.iter().filter_map(|step| commit(record["id"].as_str().unwrap(), step, &pulses)).collect()
}

fn commit(record: &str, step: &Value, pulses: &BTreeMap<u64, Signature>) -> Option<Commit> {
    let args = &step["call"]["args"];
    let bytes = unhex(args["commit"].as_str()?);
    let mut account = [0; 32];
    account[..8].copy_from_slice(&step["origin"].as_u64()?.to_le_bytes());
    let pulse = pulses.get(&args["reveal_round"].as_u64()?).copied();
    Some(Commit { record: record.to_owned(), account, bytes, pulse })
}

/// All pulses that the record writes, before or between its steps.
fn pulses(record: &Value) -> BTreeMap<u64, Signature> {
    let written = ["setup", "steps"].iter().flat_map(|part| record[part].as_array().unwrap());
    written
        .filter(|step| step["storage"] == "Drand.Pulses")
        .map(|step| {
            let signature = unhex(step["value"]["signature"].as_str().unwrap());
            let signature = Signature::from_bytes(&signature.try_into().unwrap()).unwrap();
            (step["value"]["round"].as_u64().unwrap(), signature)
        })
        .collect()
}

fn unhex(text: &str) -> Vec<u8> {
    hex::decode(text.trim_start_matches("0x")).unwrap()
}
