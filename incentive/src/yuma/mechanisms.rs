//! Several incentive mechanisms share one subnet: the emission is split, the results are added up.

use super::{Epoch, Mechanism, Outcome, run};
use crate::fixed::{U64F64, div, mul, to_u64};

/// What the chain stores after an epoch of all mechanisms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Combined {
    /// Added up over the mechanisms: emissions as they are, proportions by the share of the mechanism.
    ///
    /// `incentive` and `bonds` are empty here, they belong to each mechanism.
    pub subnet: Outcome,
    /// `Incentive` and `Bonds` of each mechanism, and what they were computed with.
    pub mechanisms: Vec<Outcome>,
    /// What each mechanism had to share out, rao.
    pub split: Vec<u64>,
}

/// Runs all mechanisms of an epoch and shares out `rao_emission` among them.
///
/// `split` is `MechanismEmissionSplit` in 65535ths; equal shares without it.
#[must_use]
pub fn run_mechanisms(epoch: &Epoch, mechanisms: &[Mechanism], split: Option<&[u16]>, rao_emission: u64) -> Combined {
    let split = split_emission(mechanisms.len(), split, rao_emission);
    let outcomes: Vec<Outcome> = mechanisms.iter().zip(&split).map(|(m, rao)| run(epoch, m, *rao)).collect();
    let mut subnet = Outcome::default();
    for (index, (outcome, rao)) in outcomes.iter().zip(&split).enumerate() {
        add(&mut subnet, outcome, share(index, *rao, rao_emission));
    }
    Combined { subnet, mechanisms: outcomes, split }
}

/// What each of `count` mechanisms has to share out; the rest of the divisions goes to the first one.
#[must_use]
pub fn split_emission(count: usize, split: Option<&[u16]>, rao_emission: u64) -> Vec<u64> {
    let total = u128::from(rao_emission);
    let share = |index: usize| match split {
        Some(split) => {
            let parts = split.get(index).map_or(0, |part| u128::from(*part));
            total.saturating_mul(parts) / u128::from(u16::MAX)
        }
        None => total / u128::try_from(count.max(1)).unwrap_or(u128::MAX),
    };
    let mut shares: Vec<u64> = (0..count).map(|i| u64::try_from(share(i)).unwrap_or(u64::MAX)).collect();
    let given = shares.iter().fold(0u64, |sum, share| sum.saturating_add(*share));
    if let Some(first) = shares.first_mut() {
        *first = first.saturating_add(rao_emission.saturating_sub(given));
    }
    shares
}

fn share(index: usize, rao: u64, rao_emission: u64) -> U64F64 {
    match (rao_emission, index) {
        (0, 0) => U64F64::ONE,
        (0, _) => U64F64::ZERO,
        _ => div(U64F64::from_num(rao), U64F64::from_num(rao_emission)),
    }
}

fn add(sum: &mut Outcome, outcome: &Outcome, share: U64F64) {
    for (sum, values) in [
        (&mut sum.server_emission, &outcome.server_emission),
        (&mut sum.validator_emission, &outcome.validator_emission),
    ] {
        merge(sum, values, |a, b| a.saturating_add(*b));
    }
    for (sum, values) in [
        (&mut sum.dividends, &outcome.dividends),
        (&mut sum.consensus, &outcome.consensus),
        (&mut sum.validator_trust, &outcome.validator_trust),
        (&mut sum.stake_weight, &outcome.stake_weight),
    ] {
        merge(sum, values, |a, b| blend(a.into(), (*b).into(), share).saturating_to_num());
    }
    merge(&mut sum.emission, &outcome.emission, |a, b| to_u64(blend(a, *b, share)));
    merge(&mut sum.active, &outcome.active, |a, b| a | b);
    merge(&mut sum.permits, &outcome.permits, |a, b| a | b);
    sum.stake.clone_from(&outcome.stake);
}

fn blend(sum: u64, value: u64, share: U64F64) -> U64F64 {
    U64F64::from_num(sum).saturating_add(mul(U64F64::from_num(value), share))
}

fn merge<T: Copy + Default>(sum: &mut Vec<T>, values: &[T], join: impl Fn(T, &T) -> T) {
    sum.resize(values.len(), T::default());
    for (sum, value) in sum.iter_mut().zip(values) {
        *sum = join(*sum, value);
    }
}
