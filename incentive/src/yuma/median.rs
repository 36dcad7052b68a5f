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

    let mut columns = vec![vec![I32F32::ZERO; voters.len()]; weights.len()];
    for (voter, row) in voters.iter().filter_map(|&i| weights.get(i)).enumerate() {
        for (j, value) in row {
            if let Some(slot) = columns.get_mut(usize::from(*j)).and_then(|column| column.get_mut(voter)) {
                *slot = *value;
            }
        }
    }
    columns.into_iter().map(|column| median(power.iter().copied().zip(column).collect(), minority, total)).collect()
}

/// Halves the candidates `(stake, value)` around the value of the middle one until the answer is left.
fn median(mut candidates: Vec<(I32F32, I32F32)>, minority: I32F32, total: I32F32) -> I32F32 {
    let (mut low, mut high) = (I32F32::ZERO, total);
    loop {
        let Some(&(_, pivot)) = candidates.get(candidates.len() / 2) else { return I32F32::ZERO };
        let (below, above): (Vec<_>, Vec<_>) =
            candidates.into_iter().filter(|(_, value)| *value != pivot).partition(|(_, value)| *value < pivot);
        let below_edge = low.saturating_add(sum(below.iter().map(|(stake, _)| *stake)));
        let above_edge = high.saturating_sub(sum(above.iter().map(|(stake, _)| *stake)));
        if minority < below_edge && !below.is_empty() {
            (candidates, high) = (below, below_edge);
        } else if above_edge <= minority && !above.is_empty() {
            (candidates, low) = (above, above_edge);
        } else {
            return pivot;
        }
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
