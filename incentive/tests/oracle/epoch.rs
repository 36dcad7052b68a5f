//! Epochs of one mechanism: what is stored, and the fixed-point bits on the way.

use incentive::fixed::I32F32;
use incentive::yuma::{self, Outcome, Terms};
use serde::Deserialize;

use crate::format::{Bits, Input, Row, flags, rows};
use crate::{Differences, each_source};

#[derive(Deserialize)]
struct Case {
    id: String,
    epochs: Vec<Record>,
}

#[derive(Deserialize)]
struct Record {
    #[serde(rename = "in")]
    input: Input,
    out: Out,
    trace: Trace,
}

#[derive(Deserialize)]
struct Out {
    active: Vec<u8>,
    stake_weight: Vec<u16>,
    consensus: Vec<u16>,
    incentive: Vec<u16>,
    dividends: Vec<u16>,
    validator_trust: Vec<u16>,
    validator_permit: Vec<u8>,
    server_emission: Vec<u64>,
    validator_emission: Vec<u64>,
    emission: Vec<u64>,
    stake: Vec<u64>,
    bonds: Vec<Row<u16>>,
    bonds_rows_written: usize,
    hotkey_emission: Vec<(u64, u64, u64)>,
}

#[derive(Deserialize)]
struct Trace {
    stake: Vec<i64>,
    active_stake: Vec<i64>,
    consensus: Vec<i64>,
    validator_trust: Vec<i64>,
    incentive: Vec<i64>,
    dividends: Vec<i64>,
    emission_sum: Vec<i64>,
    norm_server_emission: Vec<i64>,
    norm_validator_emission: Vec<i64>,
    norm_combined_emission: Vec<i64>,
    weights: Option<Vec<Row<i64>>>,
    weights_for_bonds: Option<Vec<Row<i64>>>,
    ema_bonds: Option<Vec<Row<i64>>>,
    ema_bonds_upscaled: Option<Vec<Row<i64>>>,
}

#[test]
fn oracle_epochs() {
    compare("epoch.jsonl");
}

#[test]
fn oracle_epochs_with_unsorted_rows() {
    compare("epoch-quirks.jsonl");
}

fn compare(file: &str) {
    each_source(file, |differences, cases: &[Case]| {
        for case in cases {
            for (index, record) in case.epochs.iter().enumerate() {
                let id = format!("{}/{index}", case.id);
                let (epoch, mechanism) = (record.input.epoch(), record.input.mechanism());
                let terms = yuma::terms(&epoch, &mechanism);
                compare_input(differences, &id, &record.input, &terms);
                compare_trace(differences, &id, &terms, &record.trace);
                let outcome = yuma::run(&epoch, &mechanism, record.input.rao_emission);
                compare_out(differences, &id, &record.input, &outcome, &record.out);
            }
        }
        let epochs: usize = cases.iter().map(|case| case.epochs.len()).sum();
        format!("{} cases, {epochs} epochs", cases.len())
    });
}

fn compare_input(differences: &mut Differences, id: &str, input: &Input, terms: &Terms) {
    let cutoff = incentive::schedule::activity_cutoff(input.activity_cutoff_factor_milli, input.tempo);
    differences.compare(id, "activity cutoff", &cutoff, &input.activity_cutoff_blocks);
    let total: Vec<Bits> = terms.total_stake.iter().map(|stake| Bits(stake.to_bits())).collect();
    differences.compare(id, "total stake", &total, &input.total_stake_bits);
}

fn compare_out(differences: &mut Differences, id: &str, input: &Input, ours: &Outcome, theirs: &Out) {
    differences.compare(id, "active", &flags(&ours.active), &theirs.active);
    differences.compare(id, "stake weight", &ours.stake_weight, &theirs.stake_weight);
    differences.compare(id, "consensus", &ours.consensus, &theirs.consensus);
    differences.compare(id, "incentive", &ours.incentive, &theirs.incentive);
    differences.compare(id, "dividends", &ours.dividends, &theirs.dividends);
    differences.compare(id, "validator trust", &ours.validator_trust, &theirs.validator_trust);
    differences.compare(id, "permits", &flags(&ours.permits), &theirs.validator_permit);
    differences.compare(id, "server emission", &ours.server_emission, &theirs.server_emission);
    differences.compare(id, "validator emission", &ours.validator_emission, &theirs.validator_emission);
    differences.compare(id, "emission", &ours.emission, &theirs.emission);
    differences.compare(id, "stake", &ours.stake, &theirs.stake);
    differences.compare(id, "bonds", &rows(&ours.bonds), &theirs.bonds);
    differences.compare(id, "bond rows", &ours.bonds.len(), &theirs.bonds_rows_written);
    let emission = ours.server_emission.iter().zip(&ours.validator_emission);
    let mut by_hotkey: Vec<_> = input.hotkeys.iter().zip(emission).map(|(h, (s, v))| (*h, *s, *v)).collect();
    by_hotkey.sort_unstable();
    differences.compare(id, "hotkey emission", &by_hotkey, &theirs.hotkey_emission);
}

fn compare_trace(differences: &mut Differences, id: &str, terms: &Terms, trace: &Trace) {
    let shares = terms.shares();
    for (field, ours, theirs) in [
        ("stake bits", &terms.stake, &trace.stake),
        ("active stake bits", &terms.active_stake, &trace.active_stake),
        ("consensus bits", &terms.consensus, &trace.consensus),
        ("validator trust bits", &terms.validator_trust, &trace.validator_trust),
        ("incentive bits", &terms.incentive, &trace.incentive),
        ("dividends bits", &terms.dividends, &trace.dividends),
        ("emission sum bits", &vec![shares.sum], &trace.emission_sum),
        ("server share bits", &shares.server, &trace.norm_server_emission),
        ("validator share bits", &shares.validator, &trace.norm_validator_emission),
        ("combined share bits", &shares.combined, &trace.norm_combined_emission),
    ] {
        let ours: Vec<i64> = ours.iter().map(|value| value.to_bits()).collect();
        differences.compare(id, field, &ours, theirs);
    }
    let stored = trace.ema_bonds_upscaled.as_ref().or(trace.ema_bonds.as_ref());
    for (field, ours, theirs) in [
        ("weights bits", &terms.weights, trace.weights.as_ref()),
        ("weights for bonds bits", &terms.weights_for_bonds, trace.weights_for_bonds.as_ref()),
        ("bonds bits", &terms.bonds, stored),
    ] {
        if let Some(theirs) = theirs {
            differences.compare(id, field, &bits(ours), theirs);
        }
    }
}

fn bits(matrix: &[Vec<(u16, I32F32)>]) -> Vec<Row<i64>> {
    let raw: Vec<Vec<(u16, i64)>> =
        matrix.iter().map(|row| row.iter().map(|(j, value)| (*j, value.to_bits())).collect()).collect();
    rows(&raw)
}
