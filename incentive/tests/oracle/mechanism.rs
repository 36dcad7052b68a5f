//! Epochs of subnets with several mechanisms.

use incentive::yuma::{self, Mechanism};
use serde::Deserialize;

use crate::format::{Input, Row, flags, rows};
use crate::{Differences, each_source};

#[derive(Deserialize)]
struct Case {
    id: String,
    emission_split: Option<Vec<u16>>,
    rao_emission: u64,
    mechanisms: Vec<Input>,
    out: Out,
}

#[derive(Deserialize)]
struct Out {
    active: Vec<u8>,
    stake_weight: Vec<u16>,
    consensus: Vec<u16>,
    dividends: Vec<u16>,
    validator_trust: Vec<u16>,
    validator_permit: Vec<u8>,
    emission: Vec<u64>,
    hotkey_emission: Vec<(u64, u64, u64)>,
    split_emissions: Vec<u64>,
    per_mechanism: Vec<Single>,
}

#[derive(Deserialize)]
struct Single {
    incentive: Vec<u16>,
    bonds: Vec<Row<u16>>,
}

#[test]
fn oracle_mechanisms() {
    each_source("mechanism.jsonl", |differences, cases: &[Case]| {
        for case in cases {
            compare(differences, case);
        }
        let epochs: usize = cases.iter().map(|case| case.mechanisms.len()).sum();
        format!("{} cases, {epochs} epochs", cases.len())
    });
}

fn compare(differences: &mut Differences, case: &Case) {
    let first = &case.mechanisms[0];
    let mechanisms: Vec<Mechanism> = case.mechanisms.iter().map(Input::mechanism).collect();
    let combined = yuma::run_mechanisms(&first.epoch(), &mechanisms, case.emission_split.as_deref(), case.rao_emission);
    let (id, ours, theirs) = (&case.id, &combined.subnet, &case.out);
    let given: Vec<u64> = case.mechanisms.iter().map(|input| input.rao_emission).collect();
    differences.compare(id, "split", &combined.split, &theirs.split_emissions);
    differences.compare(id, "split given", &combined.split, &given);
    differences.compare(id, "active", &flags(&ours.active), &theirs.active);
    differences.compare(id, "permits", &flags(&ours.permits), &theirs.validator_permit);
    differences.compare(id, "stake weight", &ours.stake_weight, &theirs.stake_weight);
    differences.compare(id, "consensus", &ours.consensus, &theirs.consensus);
    differences.compare(id, "dividends", &ours.dividends, &theirs.dividends);
    differences.compare(id, "validator trust", &ours.validator_trust, &theirs.validator_trust);
    differences.compare(id, "emission", &ours.emission, &theirs.emission);
    let emission = ours.server_emission.iter().zip(&ours.validator_emission);
    let mut by_hotkey: Vec<_> = first.hotkeys.iter().zip(emission).map(|(h, (s, v))| (*h, *s, *v)).collect();
    by_hotkey.sort_unstable();
    differences.compare(id, "hotkey emission", &by_hotkey, &theirs.hotkey_emission);
    differences.compare(id, "mechanisms", &combined.mechanisms.len(), &theirs.per_mechanism.len());
    for (ours, theirs) in combined.mechanisms.iter().zip(&theirs.per_mechanism) {
        differences.compare(id, "incentive", &ours.incentive, &theirs.incentive);
        differences.compare(id, "bonds", &rows(&ours.bonds), &theirs.bonds);
    }
}
