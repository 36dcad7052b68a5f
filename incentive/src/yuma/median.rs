//! The consensus: a stake-weighted median of each column.

use super::matrix::Row;
use crate::fixed::{I32F32, normalize, sum};

/// What a majority of stake says about each column, where a missing entry says zero.
///
/// Only rows with positive stake take part. `majority` is the share of stake that must agree on at least the result.
#[must_use]
pub fn weighted_median(stake: &[I32F32], weights: &[Row], majority: I32F32) -> Vec<I32F32> {
    let voters: Vec<usize> =
        (0..stake.len().min(weights.len())).filter(|&i| stake.get(i).is_some_and(|s| *s > I32F32::ZERO)).collect();
    let mut power: Vec<I32F32> = voters.iter().filter_map(|&i| stake.get(i).copied()).collect();
    normalize(&mut power);
    let total = sum(power.iter().copied());
    let minority = total.saturating_sub(majority);

    let mut columns = vec![I32F32::ZERO; weights.len() * voters.len()];
    for (voter, row) in voters.iter().filter_map(|&i| weights.get(i)).enumerate() {
        for (j, value) in row {
            if let Some(slot) = columns.get_mut(usize::from(*j) * voters.len() + voter) {
                *slot = *value;
            }
        }
    }
    let mut search = Search { minority, total, ..Search::default() };
    let median = |column: &[I32F32]| search.median(power.iter().copied().zip(column.iter().copied()));
    if voters.is_empty() {
        return vec![I32F32::ZERO; weights.len()];
    }
    columns.chunks_exact(voters.len()).map(median).collect()
}

/// What one voter says about a column: its stake and the value.
type Vote = (I32F32, I32F32);

/// The search for a median; its lists serve one column after the other.
#[derive(Default)]
struct Search {
    minority: I32F32,
    total: I32F32,
    candidates: Vec<Vote>,
    below: Vec<Vote>,
    above: Vec<Vote>,
}

impl Search {
    /// Halves the candidates around the value of the middle one until the answer is left.
    fn median(&mut self, votes: impl Iterator<Item = Vote>) -> I32F32 {
        let (mut low, mut high) = (I32F32::ZERO, self.total);
        self.candidates.clear();
        self.candidates.extend(votes);
        loop {
            let Some(&(_, pivot)) = self.candidates.get(self.candidates.len() / 2) else { return I32F32::ZERO };
            let (stake_below, stake_above) = self.divide(pivot);
            let (below_edge, above_edge) = (low.saturating_add(stake_below), high.saturating_sub(stake_above));
            if self.minority < below_edge && !self.below.is_empty() {
                std::mem::swap(&mut self.candidates, &mut self.below);
                high = below_edge;
            } else if above_edge <= self.minority && !self.above.is_empty() {
                std::mem::swap(&mut self.candidates, &mut self.above);
                low = above_edge;
            } else {
                return pivot;
            }
        }
    }

    /// Puts the candidates beside the pivot, in their order, and sums up the stake of both sides.
    fn divide(&mut self, pivot: I32F32) -> (I32F32, I32F32) {
        self.below.clear();
        self.above.clear();
        let (mut stake_below, mut stake_above) = (I32F32::ZERO, I32F32::ZERO);
        for vote in &self.candidates {
            if vote.1 < pivot {
                stake_below = stake_below.saturating_add(vote.0);
                self.below.push(*vote);
            } else if vote.1 > pivot {
                stake_above = stake_above.saturating_add(vote.0);
                self.above.push(*vote);
            }
        }
        (stake_below, stake_above)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(stake: &[f32], values: &[f32], majority: f32) -> f32 {
        let fixed = |x: &f32| I32F32::from_num(*x);
        let mut weights: Vec<Row> = values.iter().map(|v| vec![(0, fixed(v))]).collect();
        weights.resize(stake.len(), Row::new());
        let stake: Vec<I32F32> = stake.iter().map(fixed).collect();
        weighted_median(&stake, &weights, fixed(&majority)).first().map_or(-1.0, |v| v.to_num())
    }

    #[test]
    fn a_majority_decides() {
        assert_eq!(column(&[0.5, 0.25, 0.25], &[0.1, 0.2, 0.3], 0.6), 0.1);
        assert_eq!(column(&[0.25, 0.25, 0.5], &[0.1, 0.2, 0.3], 0.5), 0.3);
        assert_eq!(column(&[0.25, 0.25, 0.5], &[0.1, 0.2, 0.3], 0.75), 0.2);
    }

    #[test]
    fn stake_without_an_entry_says_zero() {
        assert_eq!(column(&[0.5, 0.5], &[0.4], 0.5), 0.4);
        assert_eq!(column(&[0.5, 0.25, 0.25], &[0.4], 0.625), 0.0);
    }

    #[test]
    fn stake_of_zero_has_no_voice() {
        assert_eq!(column(&[0.0, 0.5], &[0.9, 0.2], 0.5), 0.2);
        assert_eq!(column(&[0.0, 0.0], &[0.9, 0.2], 0.5), 0.0);
    }

    #[test]
    fn the_search_ends_at_the_extremes() {
        assert_eq!(column(&[0.25; 4], &[0.1, 0.2, 0.3, 0.4], 0.0), 0.4);
        assert_eq!(column(&[0.25; 4], &[0.1, 0.2, 0.3, 0.4], 1.0), 0.1);
    }
}
