//! Can a miner tell probes from what users send? A classifier on the fields and the text of requests, and how often it is right.
//!
//! [`tell`] trains a logistic regression on most parts of the requests and asks it about the others, in turn. An area under the curve of 0.5 is
//! guessing, 1 is knowing. `benches` measures it for a validator's own recording.

mod features;
mod regression;

pub use features::features;

/// How often a request of the one kind is ranked above one of the other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Auc {
    /// The share of pairs that are ranked rightly; ties count half.
    pub value: f64,
    /// Its standard error (Hanley and McNeil, 1982).
    pub error: f64,
}

impl Auc {
    /// Of scores: those of probes should be the larger ones.
    #[must_use]
    pub fn of(organic: &[f64], probes: &[f64]) -> Self {
        let pairs = organic.len() as f64 * probes.len() as f64;
        let won: f64 = probes
            .iter()
            .flat_map(|probe| {
                organic
                    .iter()
                    .map(move |user| if probe > user { 1.0 } else { f64::from(u8::from(probe == user)) / 2.0 })
            })
            .sum();
        let value = won / pairs;
        let (one, two) = (value / (2.0 - value), 2.0 * value * value / (1.0 + value));
        let variance = value * (1.0 - value)
            + (probes.len() as f64 - 1.0) * (one - value * value)
            + (organic.len() as f64 - 1.0) * (two - value * value);
        Self { value, error: (variance.max(0.0) / pairs).sqrt() }
    }

    /// The mean of measurements, each on requests of its own.
    #[must_use]
    pub fn mean(all: &[Self]) -> Self {
        let count = all.len() as f64;
        let value = all.iter().map(|auc| auc.value).sum::<f64>() / count;
        Self { value, error: all.iter().map(|auc| auc.error * auc.error).sum::<f64>().sqrt() / count }
    }

    /// The bounds between which the true value lies in 95 of 100 measurements.
    #[must_use]
    pub fn interval(&self) -> (f64, f64) {
        (self.value - 1.96 * self.error, self.value + 1.96 * self.error)
    }
}

/// How well bodies of probes can be told from bodies of users. Both come in as many parts; each part is judged by a classifier that has seen
/// the others. Probes of different parts must have nothing in common, or it would only remember their sentences.
#[must_use]
pub fn tell(organic: &[Vec<Vec<u8>>], probes: &[Vec<Vec<u8>>]) -> Auc {
    let rows = |parts: &[Vec<Vec<u8>>]| -> Vec<Vec<Vec<f64>>> {
        parts.iter().map(|part| part.iter().map(|body| features(body)).collect()).collect()
    };
    let (organic, probes) = (rows(organic), rows(probes));
    let measured: Vec<_> = (0..organic.len().min(probes.len())).map(|part| judged(&organic, &probes, part)).collect();
    Auc::mean(&measured)
}

fn judged(organic: &[Vec<Vec<f64>>], probes: &[Vec<Vec<f64>>], part: usize) -> Auc {
    let others = |parts: &[Vec<Vec<f64>>]| -> Vec<Vec<f64>> {
        (0..).zip(parts).filter(|(index, _)| *index != part).flat_map(|(_, rows)| rows.clone()).collect()
    };
    let model = regression::Model::fit(&others(organic), &others(probes));
    let scores = |rows: &[Vec<f64>]| rows.iter().map(|row| model.score(row)).collect::<Vec<_>>();
    Auc::of(&scores(&organic[part]), &scores(&probes[part]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_is_the_share_of_pairs() {
        assert_eq!(Auc::of(&[0.0, 1.0], &[2.0, 3.0]).value, 1.0);
        assert_eq!(Auc::of(&[2.0, 3.0], &[0.0, 1.0]).value, 0.0);
        assert_eq!(Auc::of(&[1.0, 1.0], &[1.0]).value, 0.5);
        assert_eq!(Auc::of(&[0.0, 2.0], &[1.0, 3.0]).value, 0.75);
        let many: Vec<_> = (0..400).map(f64::from).collect();
        let auc = Auc::of(&many, &many);
        assert!((auc.value - 0.5).abs() < 1e-9 && (auc.error - 0.0204).abs() < 0.001, "{auc:?}");
    }
}
