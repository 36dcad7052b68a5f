//! Recorded calls: the price of a place, and weights as they are stored.

use incentive::fixed::U64F64;
use incentive::registration::{BurnRule, burn_after_registration, burn_decay};
use incentive::yuma::upscale;
use serde::Deserialize;
use serde_json::Value;

use crate::{Differences, records};

#[derive(Deserialize)]
struct Case {
    id: String,
    topic: String,
    setup: Vec<Step>,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    op: Option<String>,
    storage: Option<String>,
    value: Option<Value>,
    block: Option<u64>,
    blocks: Option<u64>,
    call: Option<Call>,
    result: Option<Value>,
    #[serde(default)]
    after: Vec<Stored>,
}

#[derive(Deserialize)]
struct Call {
    name: String,
    args: Value,
}

#[derive(Deserialize)]
struct Stored {
    storage: String,
    keys: Vec<Value>,
    value: Value,
}

impl Step {
    fn succeeded(&self, names: &[&str]) -> Option<&Call> {
        let ok = self.result.as_ref().is_some_and(|result| result == "ok");
        self.call.as_ref().filter(|call| ok && names.contains(&call.name.as_str()))
    }
}

#[test]
fn oracle_price_of_a_place() {
    let Some(cases) = records::<Case>("calls.jsonl") else { return };
    let mut differences = Differences::default();
    for case in cases.iter().filter(|case| case.topic == "burn_price") {
        let increase = U64F64::from_bits(0x1_428f_5c28_f5c2_9000);
        let mut rule = BurnRule { min: 500_000, max: 1_000_000_000, half_life: 360, increase };
        let (mut burn, mut block) = (1_000_000_000, 0);
        for step in case.setup.iter().chain(&case.steps) {
            match step.op.as_deref() {
                Some("set") => set(&mut rule, &mut burn, step),
                Some("advance") => {
                    for _ in 0..step.blocks.unwrap() {
                        block += 1;
                        burn = burn_decay(burn, &rule, block);
                    }
                }
                Some(_) => {}
                None if step.succeeded(&["burned_register"]).is_some() => burn = burn_after_registration(burn, &rule),
                None => {}
            }
            block = step.block.unwrap_or(block);
            for stored in step.after.iter().filter(|stored| stored.storage == "Burn") {
                differences.compare(&case.id, "burn", &Some(burn), &stored.value.as_u64());
            }
        }
    }
    differences.assert_none();
}

fn set(rule: &mut BurnRule, burn: &mut u64, step: &Step) {
    let value = step.value.as_ref().unwrap();
    let number = || value.as_u64().unwrap();
    match step.storage.as_deref().unwrap() {
        "Burn" => *burn = number(),
        "MinBurn" => rule.min = number(),
        "MaxBurn" => rule.max = number(),
        "BurnHalfLife" => rule.half_life = u16::try_from(number()).unwrap(),
        "BurnIncreaseMult" => rule.increase = U64F64::from_bits(value["bits"].as_str().unwrap().parse().unwrap()),
        _ => {}
    }
}

#[test]
fn oracle_stored_weights() {
    let Some(cases) = records::<Case>("calls.jsonl") else { return };
    let mut differences = Differences::default();
    for (case, step) in cases.iter().flat_map(|case| case.steps.iter().map(move |step| (case, step))) {
        let Some(call) = step.succeeded(&["set_weights", "set_mechanism_weights"]) else { continue };
        let list = |name: &str| -> Vec<u16> { serde_json::from_value(call.args[name].clone()).unwrap() };
        let row: Vec<(u16, u16)> = list("dests").into_iter().zip(upscale(&list("weights"))).collect();
        let mechanism = call.args["mecid"].as_u64().unwrap_or(0);
        let index = 4096 * mechanism + call.args["netuid"].as_u64().unwrap();
        let stored = |stored: &&Stored| stored.storage == "Weights" && stored.keys[0].as_u64() == Some(index);
        for stored in step.after.iter().filter(stored) {
            let theirs: Vec<(u16, u16)> = serde_json::from_value(stored.value.clone()).unwrap();
            differences.compare(&case.id, "stored weights", &row, &theirs);
        }
    }
    differences.assert_none();
}
