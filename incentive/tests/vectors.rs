//! Small epochs whose results were worked out by hand; each says why it is so.

use incentive::yuma::{self, BondRule, Epoch, LiquidAlpha, Mechanism, Neuron, Voice};
use serde::Deserialize;

const VECTORS: &str = include_str!("../vectors/epoch.json");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(rename = "because")]
    _because: String,
    #[serde(default)]
    rule: Rule,
    #[serde(default = "plenty")]
    max_validators: u16,
    #[serde(default)]
    tao_weight: u64,
    neurons: Vec<Entry>,
    rao_emission: u64,
    outcome: Expected,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Rule {
    #[default]
    Yuma3,
    Classic,
    #[serde(untagged)]
    Liquid {
        low: u16,
        high: u16,
        steepness: i16,
    },
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Entry {
    stake: u64,
    root: u64,
    permit: bool,
    registered: u64,
    weights: Vec<(u16, u16)>,
}

impl Default for Entry {
    fn default() -> Self {
        Self { stake: 0, root: 0, permit: false, registered: 10, weights: Vec::new() }
    }
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    stake: Option<Vec<u64>>,
    stake_weight: Vec<u16>,
    consensus: Vec<u16>,
    validator_trust: Vec<u16>,
    incentive: Vec<u16>,
    dividends: Vec<u16>,
    permits: Vec<bool>,
    bonds: Vec<Vec<(u16, u16)>>,
    server_emission: Vec<u64>,
    validator_emission: Vec<u64>,
    emission: Vec<u64>,
}

fn plenty() -> u16 {
    64
}

impl Case {
    fn epoch(&self) -> Epoch {
        let neuron = |entry: &Entry| Neuron {
            alpha_stake: entry.stake,
            tao_stake: entry.root,
            registered: entry.registered,
            permit: entry.permit,
        };
        Epoch {
            block: 100,
            tempo: 10,
            last_step: 0,
            activity_cutoff: 50,
            tao_weight: self.tao_weight,
            stake_threshold: 0,
            owner: None,
            max_validators: self.max_validators,
            kappa: 32_767,
            bonds_penalty: u16::MAX,
            bonds_moving_average: 900_000,
            bond_rule: match self.rule {
                Rule::Yuma3 => BondRule::Yuma3,
                Rule::Classic => BondRule::Classic,
                Rule::Liquid { low, high, steepness } => BondRule::Liquid(LiquidAlpha { low, high, steepness }),
            },
            neurons: self.neurons.iter().map(neuron).collect(),
        }
    }

    fn mechanism(&self) -> Mechanism {
        let voice = |entry: &Entry| Voice { last_update: 90, weights: entry.weights.clone(), ..Voice::default() };
        Mechanism { voices: self.neurons.iter().map(voice).collect() }
    }
}

#[test]
fn epochs_come_out_as_worked_out() {
    let cases: Vec<Case> = serde_json::from_str(VECTORS).unwrap();
    assert_eq!(cases.len(), 7);
    for case in cases {
        let outcome = yuma::run(&case.epoch(), &case.mechanism(), case.rao_emission);
        let ours = Expected {
            stake: case.outcome.stake.is_some().then_some(outcome.stake),
            stake_weight: outcome.stake_weight,
            consensus: outcome.consensus,
            validator_trust: outcome.validator_trust,
            incentive: outcome.incentive,
            dividends: outcome.dividends,
            permits: outcome.permits,
            bonds: outcome.bonds,
            server_emission: outcome.server_emission,
            validator_emission: outcome.validator_emission,
            emission: outcome.emission,
        };
        assert_eq!(ours, case.outcome, "{}", case.name);
    }
}
