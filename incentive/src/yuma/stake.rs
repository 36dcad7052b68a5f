//! Who has a say: stake, activity and permits.

use super::{Epoch, Mechanism, Neuron};
use crate::fixed::{I32F32, I64F64, U96F32, convert, mul, normalize, proportion_u64, to_u64};

/// The stake that an epoch sees: `alpha + tao * weight`.
#[must_use]
pub fn total_stake(neuron: &Neuron, tao_weight: u64) -> I64F64 {
    let tao = mul(U96F32::from_num(neuron.tao_stake), proportion_u64(tao_weight));
    convert::<I64F64>(neuron.alpha_stake).saturating_add(convert(tao))
}

/// Shares of the stake that lies above the threshold; they sum to a little less than one.
pub(super) fn shares(epoch: &Epoch, totals: &[I64F64]) -> Vec<I32F32> {
    let mut shares = totals.to_vec();
    for (uid, share) in shares.iter_mut().enumerate() {
        if to_u64(*share) < epoch.stake_threshold && !is_owner(epoch, uid) {
            *share = I64F64::ZERO;
        }
    }
    normalize(&mut shares);
    shares.into_iter().map(convert).collect()
}

/// Who has set weights lately in this mechanism.
pub(super) fn active(epoch: &Epoch, mechanism: &Mechanism) -> Vec<bool> {
    let last_update = |uid: usize| mechanism.voices.get(uid).map_or(0, |voice| voice.last_update);
    let active = |uid| last_update(uid).saturating_add(epoch.activity_cutoff) >= epoch.block;
    (0..epoch.neurons.len()).map(active).collect()
}

/// The permits that count in this epoch: the stored ones, and the owner's.
pub(super) fn permits(epoch: &Epoch) -> Vec<bool> {
    epoch.neurons.iter().enumerate().map(|(uid, neuron)| neuron.permit || is_owner(epoch, uid)).collect()
}

/// The permits from this epoch on: the largest stakes, where the higher uid wins a tie, and the owner.
pub(super) fn new_permits(epoch: &Epoch, shares: &[I32F32]) -> Vec<bool> {
    let mut ascending: Vec<(usize, I32F32)> = shares.iter().copied().enumerate().collect();
    ascending.sort_by_key(|(_, share)| *share);
    let losers = shares.len().saturating_sub(usize::from(epoch.max_validators));
    let mut permits: Vec<bool> = (0..shares.len()).map(|uid| is_owner(epoch, uid)).collect();
    for (uid, share) in ascending.into_iter().skip(losers) {
        if let Some(permit) = permits.get_mut(uid) {
            *permit |= share != I32F32::ZERO;
        }
    }
    permits
}

/// The shares of active neurons with a permit, which sum to one again.
pub(super) fn active_shares(shares: &[I32F32], active: &[bool], permits: &[bool]) -> Vec<I32F32> {
    let mut result: Vec<I32F32> = shares
        .iter()
        .zip(active.iter().zip(permits))
        .map(|(share, (active, permit))| if *active && *permit { *share } else { I32F32::ZERO })
        .collect();
    normalize(&mut result);
    result
}

pub(super) fn is_owner(epoch: &Epoch, uid: usize) -> bool {
    epoch.owner.is_some_and(|owner| usize::from(owner) == uid)
}
