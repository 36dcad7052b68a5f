//! The calls against records of the chain's own pallets.
//!
//! A part of the records lies in `conformance/records`. All of them, or others of the same form, are taken from the folder that
//! `ASSAY_ORACLE` names (a file that is missing there or empty is a failure), else from `shared/oracle` beside the checkout where
//! that is present. Calls and storage are found by name in the runtime's metadata, so a record needs no code of its own.

mod codec;
mod constants;
mod interface;
mod scenario;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::records;
use interface::{Interface, Recorded};

/// What this chain does not do, by record, topic or call, and why.
const OUT_OF_SCOPE: [(&str, &str); 4] = [
    ("commit_weights", "no current client submits hash commits"),
    ("reveal_weights", "no current client submits hash commits"),
    ("batch_commit_weights", "no current client submits hash commits"),
    ("batch_reveal_weights", "no current client submits hash commits"),
];

#[test]
fn records_of_the_real_pallets_are_played_back() {
    let interface = Interface::of_runtime();
    for (source, text) in records("calls.jsonl", "localnet/src/subtensor/tests/conformance/records") {
        let tally = Tally::of(&interface, &text);
        println!("{source}:\n{tally}");
        assert!(tally.wrong.is_empty(), "{source}: {} differences:\n{}", tally.wrong.len(), tally.wrong.join("\n"));
        assert!(tally.equal() > 0, "{source} holds no record of a call that this chain has");
    }
}

/// What became of the records of a file.
#[derive(Default)]
struct Tally {
    /// How many records of a topic are equal, and how many are out of scope for a reason.
    topics: BTreeMap<String, (usize, BTreeMap<String, usize>)>,
    wrong: Vec<String>,
}

impl Tally {
    fn of(interface: &Interface, text: &str) -> Self {
        let mut tally = Self::default();
        for line in text.lines().filter(|line| !line.is_empty()) {
            match serde_json::from_str(line) {
                Ok(record) => tally.add(interface, &record),
                Err(error) => tally.wrong.push(format!("a line is no record: {error}")),
            }
        }
        tally
    }

    fn add(&mut self, interface: &Interface, record: &Value) {
        let (id, topic) = (&record["id"], record["topic"].as_str().unwrap_or("without a topic"));
        let (equal, outside) = self.topics.entry(topic.to_owned()).or_default();
        if let Some(reason) = out_of_scope(interface, topic, record) {
            *outside.entry(reason).or_default() += 1;
            return;
        }
        let differences = scenario::play(interface, record);
        *equal += usize::from(differences.is_empty());
        self.wrong.extend(differences.into_iter().map(|difference| format!("{id}: {difference}")));
    }

    fn equal(&self) -> usize {
        self.topics.values().map(|(equal, _)| equal).sum()
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (topic, (equal, outside)) in &self.topics {
            write!(f, "  {topic:<22}{equal:>4} equal")?;
            for (reason, count) in outside {
                write!(f, ", {count} out of scope: {reason}")?;
            }
            writeln!(f)?;
        }
        let outside: usize = self.topics.values().flat_map(|(_, outside)| outside.values()).sum();
        write!(f, "  {:<22}{:>4} equal, {outside} out of scope", "all", self.equal())
    }
}

/// Why a record is not played: its topic or one of its calls is left out, or the runtime has no such call.
fn out_of_scope(interface: &Interface, topic: &str, record: &Value) -> Option<String> {
    let calls = record["steps"].as_array().into_iter().flatten().filter_map(|step| step.get("call"));
    let names = calls.clone().filter_map(|call| call["name"].as_str());
    for name in [topic, record["id"].as_str().unwrap_or_default()].into_iter().chain(names) {
        if let Some((_, reason)) = OUT_OF_SCOPE.iter().find(|(left_out, _)| *left_out == name) {
            return Some((*reason).to_owned());
        }
    }
    let unknown = calls.into_iter().find(|call| matches!(interface.call(call), Ok(Recorded::Unknown)));
    unknown.map(|call| format!("localnet has no call {}", call["name"]))
}

#[test]
fn a_difference_is_found() {
    let interface = Interface::of_runtime();
    let record = |result: Value, tempo: u64, events: Value| {
        json!({"id": "x", "topic": "x", "env": "mock",
            "setup": [{"op": "at_block", "block": 10}, {"op": "create_network", "netuid": 1, "tempo": 50, "owner_hotkey": 1, "owner_coldkey": 2}],
            "steps": [{"block": 10, "origin": 2, "call": {"name": "start_call", "args": {"netuid": 1}}, "result": result, "pool": "valid",
                "dispatch_info": {"class": "Normal", "pays_fee": true}, "events": events,
                "after": [{"storage": "Tempo", "keys": [1], "value": tempo}]}]})
    };
    let events = json!([{"name": "FirstEmissionBlockNumberSet", "fields": [1, 11]}]);
    let differences = |record: Value| scenario::play(&interface, &record).len();
    assert_eq!(differences(record(json!("ok"), 50, events.clone())), 0);
    assert_eq!(differences(record(json!({"error": "SubnetNotExists"}), 50, events.clone())), 1);
    assert_eq!(differences(record(json!("ok"), 51, events)), 1);
    assert_eq!(differences(record(json!("ok"), 50, json!([]))), 1);
}

#[test]
fn what_cannot_be_played_is_told_apart() {
    let interface = Interface::of_runtime();
    let with = |name: &str, args: Value| json!({"id": "x", "topic": "new", "env": "mock", "setup": [], "steps": [{"origin": 1, "call": {"name": name, "args": args}}]});
    let unknown = with("fly_to_the_moon", json!({}));
    assert_eq!(out_of_scope(&interface, "new", &unknown).as_deref(), Some("localnet has no call \"fly_to_the_moon\""));
    let malformed = with("start_call", json!({"netuid": "one"}));
    assert_eq!(out_of_scope(&interface, "new", &malformed), None);
    let differences = scenario::play(&interface, &malformed);
    assert!(differences[0].contains("start_call"), "{differences:?}");
    assert!(out_of_scope(&interface, "commit_reveal_hash", &with("commit_weights", json!({}))).is_some());
}
