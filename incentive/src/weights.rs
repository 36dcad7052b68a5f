//! Scores become the weight vector that goes to the chain.

use std::collections::BTreeMap;

use parity_scale_codec::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::policy::Policy;
use crate::task::Task;
use crate::units::{Score, Uid, Weight};

#[cfg(test)]
mod tests;

/// A weight vector in the chain's form: two lists of the same length, uids ascending, no zero weight.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightVector {
    /// Whom the weights are for, each once.
    pub uids: Vec<Uid>,
    /// The weights; the largest is 65535.
    pub values: Vec<Weight>,
}

impl WeightVector {
    /// Whether nobody gets a weight: there is nothing to submit.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.uids.is_empty()
    }

    /// Uids and weights side by side.
    pub fn iter(&self) -> impl Iterator<Item = (Uid, Weight)> + '_ {
        self.uids.iter().copied().zip(self.values.iter().copied())
    }
}

/// All scores of a task together, where several tasks are weighed against each other: what is cut off is less than 2^-53
/// of them. Its product with the largest score is 2^117.
const WHOLE: u128 = 1 << 53;

/// Weights by what everybody earned in each task, the largest 65535, the others rounded down; a neuron whose weight is 0 is
/// left out.
///
/// Each task gives away the policy's share of it in proportion to its scores, so the units of two tasks never meet. What
/// a task has for nobody goes to `fallback` (the subnet owner's uid: what it receives is burned); without one it is
/// left out. Rounding down keeps the order and pays no neuron for work that it did not do. A score for a task that the
/// policy does not have counts nothing; scores of a uid that is listed more than once are added.
#[must_use]
pub fn weights(scores: &[(Uid, Task, Score)], policy: &Policy, fallback: Option<Uid>) -> WeightVector {
    let mut amounts = BTreeMap::<Uid, u128>::new();
    let mut give = |uid, amount: u128| *amounts.entry(uid).or_default() += amount;
    let totals = totals(scores);
    let earning = || policy.tasks().filter(|task| totals.contains_key(task) && policy.task_share(*task) > 0);
    // Where only one task earns, its scores are the amounts, exactly.
    let whole = match (earning().next(), earning().nth(1)) {
        (Some(only), None) => totals.get(&only).copied().unwrap_or(WHOLE),
        _ => WHOLE,
    };
    for (uid, task, score) in scores {
        if let Some(total) = totals.get(task) {
            give(*uid, u128::from(policy.task_share(*task)) * part(*score, *total, whole));
        }
    }
    if let Some(uid) = fallback {
        for task in policy.tasks().filter(|task| !totals.contains_key(task)) {
            give(uid, u128::from(policy.task_share(task)) * whole);
        }
    }
    scaled(&amounts)
}

/// The scores of each task together, where they are more than nothing.
fn totals(scores: &[(Uid, Task, Score)]) -> BTreeMap<Task, u128> {
    let mut totals = BTreeMap::new();
    for (_, task, score) in scores.iter().filter(|(_, _, score)| score.get() > 0) {
        *totals.entry(*task).or_default() += u128::from(score.get());
    }
    totals
}

/// ⌊whole · score ÷ total⌋, for 0 < score ≤ total.
fn part(score: Score, total: u128, whole: u128) -> u128 {
    let score = u128::from(score.get());
    if whole == total { score } else { (score * whole).checked_div(total).unwrap_or(0) }
}

/// ⌊65535 · amount ÷ largest⌋ of each that is not nothing.
fn scaled(amounts: &BTreeMap<Uid, u128>) -> WeightVector {
    let largest = amounts.values().copied().max().unwrap_or(0);
    let weight = |amount: u128| {
        let value = (amount * u128::from(u16::MAX)).checked_div(largest).unwrap_or(0);
        Weight(u16::try_from(value).unwrap_or(u16::MAX))
    };
    let (uids, values) =
        amounts.iter().map(|(uid, amount)| (*uid, weight(*amount))).filter(|(_, weight)| weight.get() > 0).unzip();
    WeightVector { uids, values }
}
