//! Products that every device must get right, with the truth by plain loops: for tests, and for `miner self-test`.

use proof::RowKernel;
use proof::rows::mix32;

/// One product and its sums.
pub struct Case {
    name: String,
    width: usize,
    weights: Vec<i8>,
    inputs: Vec<i8>,
    sums: Vec<i32>,
}

impl Case {
    /// Weights of all 256 values and inputs of all 32, the same for the same width and rows.
    #[must_use]
    pub fn random(width: usize, rows: usize) -> Self {
        let salt = mix32((width * 1009 + rows) as u32);
        let byte = |index: usize| mix32(mix32(index as u32) ^ salt);
        let weights: Vec<i8> = (0..width * width).map(|index| byte(index) as i8).collect();
        let inputs: Vec<i8> = (0..rows * width).map(|index| (byte(!index) >> 27) as i8 - 16).collect();
        let rows: Vec<&[i8]> = inputs.chunks_exact(width.max(1)).collect();
        let columns: Vec<&[i8]> = weights.chunks_exact(width.max(1)).collect();
        let sums = rows.iter().flat_map(|row| columns.iter().map(|column| dot(column, row))).collect();
        Self { name: format!("random, width {width}, {} rows", rows.len()), width, weights, inputs, sums }
    }

    /// Values on the bound of exactness: all the same, changing sign in every rhythm that a device may have, and one entry
    /// changed by one. Random data comes nowhere near these sums. Rows are few; every column is one of the patterns.
    #[must_use]
    pub fn adversarial(width: usize) -> Self {
        let (columns, rows) = (extremes(width, -128, 127), extremes(width, -16, 15));
        let sums = rows.iter().flat_map(|row| {
            let sums: Vec<_> = columns.iter().map(|column| dot(column, row)).collect();
            (0..width).map(move |column| sums[column % sums.len()])
        });
        Self {
            name: format!("on the bound, width {width}"),
            width,
            sums: sums.collect(),
            weights: (0..width).flat_map(|column| columns[column % columns.len()].iter().copied()).collect(),
            inputs: rows.concat(),
        }
    }

    /// What it is, for a message.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The true sums.
    #[must_use]
    pub fn sums(&self) -> &[i32] {
        &self.sums
    }

    /// Whether the kernel gets every sum.
    #[must_use]
    pub fn holds(&self, kernel: &dyn RowKernel) -> bool {
        // What was there before must not matter.
        let mut out = vec![i32::MIN + 12_345; self.sums.len()];
        kernel.multiply(&self.weights, &self.inputs, self.width, &mut out);
        out == self.sums
    }
}

fn dot(column: &[i8], row: &[i8]) -> i32 {
    column.iter().zip(row).map(|(weight, input)| i32::from(*weight) * i32::from(*input)).sum()
}

fn extremes(width: usize, low: i8, high: i8) -> Vec<Vec<i8>> {
    let mut found = vec![vec![low; width], vec![high; width], vec![0; width]];
    for rhythm in [1, 2, 4, 8, 16, 32, 64, 4096] {
        found.push((0..width).map(|k| if k / rhythm % 2 == 0 { low } else { high }).collect());
    }
    for at in [0, 1, 15, 16, width / 2, width - 1] {
        let mut nearly = vec![low; width];
        nearly[at % width] += 1;
        found.push(nearly);
    }
    found
}
