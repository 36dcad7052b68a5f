//! Scores become the weight vector that goes to the chain.

use std::collections::BTreeMap;

use parity_scale_codec::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::units::{Score, Uid, Weight};

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

/// Weights in proportion to scores, the largest 65535, the others rounded down; a neuron whose weight is 0 is left out.
///
/// Rounding down keeps the order and pays no neuron for work that it did not do. If nobody scores, the whole weight
/// goes to `fallback` (the subnet owner's uid: what it receives is burned); without one the vector is empty.
/// The scores of a uid that is listed more than once are added.
#[must_use]
pub fn weights(scores: &[(Uid, Score)], fallback: Option<Uid>) -> WeightVector {
    let mut by_uid = BTreeMap::<Uid, u64>::new();
    for &(uid, score) in scores {
        let sum = by_uid.entry(uid).or_default();
        *sum = sum.saturating_add(score.get());
    }
    let best = by_uid.values().copied().max().unwrap_or(0);
    let (uids, values) = if best == 0 {
        fallback.map(|uid| (uid, Weight(u16::MAX))).into_iter().unzip()
    } else {
        by_uid
            .into_iter()
            .map(|(uid, score)| (uid, scaled(score, best)))
            .filter(|&(_, weight)| weight.get() > 0)
            .unzip()
    };
    WeightVector { uids, values }
}

/// ⌊65535 · score ÷ best⌋, for score ≤ best and best > 0.
fn scaled(score: u64, best: u64) -> Weight {
    let value = (u128::from(score) * u128::from(u16::MAX)).checked_div(u128::from(best)).unwrap_or(0);
    Weight(u16::try_from(value).unwrap_or(u16::MAX))
}

#[cfg(test)]
mod tests {
    use parity_scale_codec::DecodeAll;
    use proptest::prelude::*;

    use super::*;

    fn weight_of(vector: &WeightVector, uid: Uid) -> u16 {
        vector.iter().find(|&(of, _)| of == uid).map_or(0, |(_, weight)| weight.get())
    }

    fn listed(scores: &[u64]) -> Vec<(Uid, Score)> {
        (0_u16..).zip(scores).map(|(uid, &score)| (Uid(uid), Score(score))).collect()
    }

    #[test]
    fn proportional_with_the_largest_at_the_top() {
        let vector = weights(&listed(&[50, 100, 0, 25]), Some(Uid(9)));
        assert_eq!(vector.uids, [Uid(0), Uid(1), Uid(3)]);
        assert_eq!(vector.values, [Weight(32767), Weight(65535), Weight(16383)]);
    }

    #[test]
    fn nobody_scored() {
        assert_eq!(
            weights(&listed(&[0, 0]), Some(Uid(7))),
            WeightVector { uids: vec![Uid(7)], values: vec![Weight(65535)] }
        );
        assert!(weights(&[], None).is_empty());
        assert!(weights(&listed(&[0]), None).is_empty());
    }

    #[test]
    fn a_uid_listed_twice_is_one() {
        let vector = weights(&[(Uid(4), Score(1)), (Uid(2), Score(4)), (Uid(4), Score(1))], None);
        assert_eq!(vector.uids, [Uid(2), Uid(4)]);
        assert_eq!(vector.values, [Weight(65535), Weight(32767)]);
    }

    proptest! {
        #[test]
        fn order_is_kept_and_the_best_is_at_the_top(scores in proptest::collection::vec(any::<u64>(), 1..64)) {
            let vector = weights(&listed(&scores), None);
            prop_assert!(vector.uids.is_sorted_by(|a, b| a < b));
            prop_assert_eq!(vector.uids.len(), vector.values.len());
            let best = scores.iter().copied().max().unwrap_or(0);
            for (a, &of_a) in (0_u16..).zip(&scores) {
                let weight = weight_of(&vector, Uid(a));
                prop_assert_eq!(weight == u16::MAX, of_a == best && best > 0);
                prop_assert!(of_a > 0 || weight == 0);
                for (b, &of_b) in (0_u16..).zip(&scores) {
                    prop_assert!(of_a > of_b || weight <= weight_of(&vector, Uid(b)));
                }
            }
        }

        #[test]
        fn a_split_device_gets_no_more_than_a_whole_one(
            parts in proptest::collection::vec(1_u64..1 << 40, 1..16),
            rival in 1_u64..1 << 50,
        ) {
            // The rival is the yardstick: share of the splitter against it, in 1/65535 of the whole vector's top.
            let whole = weights(&listed(&[rival, parts.iter().sum()]), None);
            let split = weights(&listed(&[vec![rival], parts].concat()), None);
            let sum = |v: &WeightVector| v.iter().filter(|&(uid, _)| uid != Uid(0)).map(|(_, w)| u128::from(w.get())).sum::<u128>();
            // sum/rival may grow only by the rounding of the rival's own weight: one step.
            let (ours, theirs) = (sum(&split), u128::from(weight_of(&split, Uid(0))) + 1);
            let (ours_whole, theirs_whole) = (sum(&whole) + 1, u128::from(weight_of(&whole, Uid(0))));
            prop_assert!(ours * theirs_whole <= ours_whole * theirs);
        }

        #[test]
        fn round_trips(scores in proptest::collection::vec(any::<u64>(), 0..64)) {
            let vector = weights(&listed(&scores), Some(Uid(1)));
            prop_assert_eq!(&WeightVector::decode_all(&mut vector.encode().as_slice()).unwrap(), &vector);
            let text = serde_json::to_string(&vector).unwrap();
            prop_assert_eq!(serde_json::from_str::<WeightVector>(&text).unwrap(), vector);
        }
    }
}
