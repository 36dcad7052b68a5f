//! Logistic regression by gradient descent, on standardised features.

/// Steps of the descent, their length, and the pull of each weight towards 0.
const STEPS: usize = 100;
const RATE: f64 = 0.5;
const PULL: f64 = 0.02;

/// What was learned.
#[derive(Clone, Debug)]
pub(super) struct Model {
    mean: Vec<f64>,
    scale: Vec<f64>,
    weights: Vec<f64>,
    bias: f64,
}

impl Model {
    /// Learns to give larger scores to `ones` than to `zeros`; neither is empty, all rows have one length.
    pub fn fit(zeros: &[Vec<f64>], ones: &[Vec<f64>]) -> Self {
        let rows: Vec<_> = zeros.iter().map(|row| (row, 0.0)).chain(ones.iter().map(|row| (row, 1.0))).collect();
        let (count, width) = (rows.len() as f64, zeros[0].len());
        let mut mean = vec![0.0; width];
        rows.iter().for_each(|(row, _)| add(&mut mean, 1.0 / count, row));
        let mut scale = vec![0.0; width];
        for (row, _) in &rows {
            for ((scale, mean), value) in scale.iter_mut().zip(&mean).zip(*row) {
                *scale += (value - mean) * (value - mean) / count;
            }
        }
        // A feature that is always the same says nothing.
        scale.iter_mut().for_each(|scale| *scale = if *scale > 1e-18 { 1.0 / scale.sqrt() } else { 0.0 });
        let mut model = Self { mean, scale, weights: vec![0.0; width], bias: 0.0 };
        let rows: Vec<_> = rows.into_iter().map(|(row, kind)| (model.standard(row), kind)).collect();
        // The curvature grows with the number of features that move together.
        let rate = RATE / (width as f64).sqrt();
        for _ in 0..STEPS {
            let mut gradient: Vec<_> = model.weights.iter().map(|weight| weight * PULL).collect();
            let mut bias = 0.0;
            for (row, kind) in &rows {
                let wrong = (1.0 / (1.0 + (-model.sum(row)).exp()) - kind) / count;
                add(&mut gradient, wrong, row);
                bias += wrong;
            }
            add(&mut model.weights, -rate, &gradient);
            model.bias -= rate * bias;
        }
        model
    }

    /// The larger, the more it looks like one of the `ones`.
    pub fn score(&self, row: &[f64]) -> f64 {
        self.sum(&self.standard(row))
    }

    fn sum(&self, row: &[f64]) -> f64 {
        self.bias + self.weights.iter().zip(row).map(|(weight, value)| weight * value).sum::<f64>()
    }

    fn standard(&self, row: &[f64]) -> Vec<f64> {
        row.iter().zip(&self.mean).zip(&self.scale).map(|((value, mean), scale)| (value - mean) * scale).collect()
    }
}

fn add(to: &mut [f64], factor: f64, values: &[f64]) {
    to.iter_mut().zip(values).for_each(|(to, value)| *to += factor * value);
}
