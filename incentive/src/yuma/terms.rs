//! The epoch in fixed point, before it is rounded for storage.

use super::matrix::{Matrix, Row, clip_columns, interpolate, load, normalize_rows, row_sums, weighted_columns};
use super::median::weighted_median;
use super::{Epoch, Mechanism, Voice, bonds, stake};
use crate::fixed::{I32F32, I64F64, normalize, proportion};

/// Everything that an epoch computes, with all its fraction bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Stake including what counts from the root network, rao.
    pub total_stake: Vec<I64F64>,
    /// Shares of the stake above the threshold.
    pub stake: Vec<I32F32>,
    /// Who has set weights lately.
    pub active: Vec<bool>,
    /// Permits from this epoch on.
    pub permits: Vec<bool>,
    /// Shares of the stake that has a say.
    pub active_stake: Vec<I32F32>,
    /// Weights after all masks, rows summing to one.
    pub weights: Matrix,
    /// What the majority of stake agrees on.
    pub consensus: Vec<I32F32>,
    /// Sum of the clipped weights of each row.
    pub validator_trust: Vec<I32F32>,
    /// The miners' shares.
    pub incentive: Vec<I32F32>,
    /// Weights that bonds follow.
    pub weights_for_bonds: Matrix,
    /// Bonds as they are stored.
    pub bonds: Matrix,
    /// The validators' shares.
    pub dividends: Vec<I32F32>,
}

/// Computes one mechanism of an epoch.
#[must_use]
pub fn terms(epoch: &Epoch, mechanism: &Mechanism) -> Terms {
    let total_stake: Vec<I64F64> = epoch.neurons.iter().map(|n| stake::total_stake(n, epoch.tao_weight)).collect();
    let shares = stake::shares(epoch, &total_stake);
    let active = stake::active(epoch, mechanism);
    let old_permits = stake::permits(epoch);
    let permits = stake::new_permits(epoch, &shares);
    let active_stake = stake::active_shares(&shares, &active, &old_permits);

    let weights = masked_weights(epoch, mechanism, &old_permits);
    let consensus = weighted_median(&active_stake, &weights, proportion(epoch.kappa));
    let clipped = clip_columns(&weights, &consensus);
    let validator_trust = row_sums(&clipped);
    let mut incentive = weighted_columns(&clipped, &active_stake);
    normalize(&mut incentive);

    let weights_for_bonds = interpolate(&weights, clipped, proportion(epoch.bonds_penalty));
    let old_bonds = masked_bonds(epoch, mechanism);
    let moved = bonds::advance(epoch, &weights_for_bonds, old_bonds, &consensus, &active_stake, &incentive);
    Terms {
        total_stake,
        stake: shares,
        active,
        permits,
        active_stake,
        weights,
        consensus,
        validator_trust,
        incentive,
        weights_for_bonds,
        bonds: moved.stored,
        dividends: moved.dividends,
    }
}

/// The voice of each uid, silent where the mechanism has none.
fn voices<'a>(epoch: &Epoch, mechanism: &'a Mechanism) -> impl Iterator<Item = Option<&'a Voice>> {
    (0..epoch.neurons.len()).map(|uid| mechanism.voices.get(uid))
}

fn registered(epoch: &Epoch, column: u16) -> u64 {
    epoch.neurons.get(usize::from(column)).map_or(u64::MAX, |neuron| neuron.registered)
}

/// Weights that count: given by a permitted validator, about others, after the other's registration.
fn masked_weights(epoch: &Epoch, mechanism: &Mechanism, permits: &[bool]) -> Matrix {
    let rows = voices(epoch, mechanism).map(|voice| voice.map_or(&[][..], |voice| &voice.weights));
    let mut weights = load(rows, epoch.neurons.len(), |value| I32F32::from_num(value));
    for (uid, ((row, voice), permit)) in weights.iter_mut().zip(voices(epoch, mechanism)).zip(permits).enumerate() {
        let last_update = voice.map_or(0, |voice| voice.last_update);
        let committed = voice.and_then(|voice| voice.committed).unwrap_or(u64::MAX);
        let keep = |column: u16| {
            let registered = registered(epoch, column);
            let about_itself = usize::from(column) == uid && !stake::is_owner(epoch, uid);
            *permit && !about_itself && last_update > registered && committed >= registered
        };
        row.retain(|(column, _)| keep(*column));
    }
    normalize_rows(&mut weights);
    weights
}

/// Bonds with neurons that were there at the last epoch already.
fn masked_bonds(epoch: &Epoch, mechanism: &Mechanism) -> Matrix {
    let last_tempo = match epoch.last_step {
        0 => epoch.block.saturating_sub(u64::from(epoch.tempo)),
        step => step.saturating_add(1),
    };
    let rows = voices(epoch, mechanism).map(|voice| voice.map_or(&[][..], |voice| &voice.bonds));
    let mut rows: Vec<Row> = load(rows, epoch.neurons.len(), |value| bonds::read(epoch.bond_rule, value));
    for row in &mut rows {
        row.retain(|(column, _)| last_tempo > registered(epoch, *column));
    }
    rows
}
