//! The form of the records, and how they become inputs.

use std::collections::BTreeMap;

use incentive::yuma::{BondRule, Commit, Epoch, LiquidAlpha, Mechanism, Neuron, Voice, first_commit};
use serde::{Deserialize, Deserializer, de};

/// A sparse row: uid, columns, values.
pub type Row<T> = (u16, Vec<u16>, Vec<T>);

/// `in` of an epoch.
#[derive(Deserialize)]
pub struct Input {
    pub n: usize,
    pub block: u64,
    pub tempo: u16,
    pub last_mechanism_step_block: u64,
    pub activity_cutoff_factor_milli: u32,
    pub activity_cutoff_blocks: u64,
    pub alpha_stake: Vec<u64>,
    pub tao_stake: Vec<u64>,
    pub tao_weight: u64,
    pub total_stake_bits: Vec<Bits>,
    pub stake_threshold: u64,
    pub owner_uid: Option<u16>,
    pub hotkeys: Vec<u64>,
    pub validator_permit: Vec<u8>,
    pub max_allowed_validators: u16,
    pub kappa: u16,
    pub bonds_penalty: u16,
    pub bonds_moving_average: u64,
    pub yuma3_on: bool,
    pub liquid_alpha_on: bool,
    pub alpha_low: u16,
    pub alpha_high: u16,
    pub alpha_sigmoid_steepness: i16,
    pub commit_reveal_on: bool,
    pub reveal_period_epochs: u64,
    pub current_epoch: u64,
    pub commits: Vec<Pending>,
    pub last_update: Vec<u64>,
    pub block_at_registration: Vec<u64>,
    pub weights: Vec<Row<u16>>,
    pub bonds: Vec<Row<u16>>,
    pub rao_emission: u64,
}

#[derive(Deserialize)]
pub struct Pending {
    kind: String,
    uid: Option<u16>,
    commit_epoch: u64,
    commit_block: u64,
}

/// Raw bits that are too wide for a JSON integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bits(pub i128);

impl<'de> Deserialize<'de> for Bits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(de::Error::custom)
    }
}

impl Input {
    pub fn epoch(&self) -> Epoch {
        let liquid =
            LiquidAlpha { low: self.alpha_low, high: self.alpha_high, steepness: self.alpha_sigmoid_steepness };
        Epoch {
            block: self.block,
            tempo: self.tempo,
            last_step: self.last_mechanism_step_block,
            activity_cutoff: incentive::schedule::activity_cutoff(self.activity_cutoff_factor_milli, self.tempo),
            tao_weight: self.tao_weight,
            stake_threshold: self.stake_threshold,
            owner: self.owner_uid,
            max_validators: self.max_allowed_validators,
            kappa: self.kappa,
            bonds_penalty: self.bonds_penalty,
            bonds_moving_average: self.bonds_moving_average,
            bond_rule: BondRule::new(self.yuma3_on, self.liquid_alpha_on.then_some(liquid)),
            neurons: (0..self.n).map(|uid| self.neuron(uid)).collect(),
        }
    }

    fn neuron(&self, uid: usize) -> Neuron {
        Neuron {
            alpha_stake: self.alpha_stake[uid],
            tao_stake: self.tao_stake[uid],
            registered: self.block_at_registration[uid],
            permit: self.validator_permit[uid] == 1,
        }
    }

    pub fn mechanism(&self) -> Mechanism {
        let (mut weights, mut bonds) = (by_uid(&self.weights), by_uid(&self.bonds));
        let voice = |uid: u16| Voice {
            last_update: self.last_update[usize::from(uid)],
            committed: self.commit_reveal_on.then(|| self.committed(uid)).flatten(),
            weights: weights.remove(&uid).unwrap_or_default(),
            bonds: bonds.remove(&uid).unwrap_or_default(),
        };
        Mechanism { voices: (0..u16::try_from(self.n).unwrap()).map(voice).collect() }
    }

    fn committed(&self, uid: u16) -> Option<u64> {
        let of_kind = |kind: &str| -> Vec<Commit> {
            let of_uid = self.commits.iter().filter(|commit| commit.uid == Some(uid) && commit.kind == kind);
            of_uid.map(|commit| Commit { epoch: commit.commit_epoch, block: commit.commit_block }).collect()
        };
        first_commit(&of_kind("v2"), &of_kind("v4"), self.current_epoch, self.reveal_period_epochs)
    }
}

fn by_uid(rows: &[Row<u16>]) -> BTreeMap<u16, Vec<(u16, u16)>> {
    rows.iter().map(|(uid, columns, values)| (*uid, entries(columns, values))).collect()
}

fn entries<T: Copy>(columns: &[u16], values: &[T]) -> Vec<(u16, T)> {
    columns.iter().copied().zip(values.iter().copied()).collect()
}

/// The rows that are not empty, in the form of the records.
pub fn rows<T: Copy>(matrix: &[Vec<(u16, T)>]) -> Vec<Row<T>> {
    (0..)
        .zip(matrix)
        .filter(|(_, row)| !row.is_empty())
        .map(|(uid, row)| (uid, row.iter().map(|(j, _)| *j).collect(), row.iter().map(|(_, value)| *value).collect()))
        .collect()
}

/// Truth values as the records have them.
pub fn flags(values: &[bool]) -> Vec<u8> {
    values.iter().map(|value| u8::from(*value)).collect()
}
