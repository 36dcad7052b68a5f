//! The truth, the paths of this machine, and the cases that all of them must get right.
#![allow(dead_code, reason = "every test binary uses a part")]

use std::num::NonZeroUsize;

use engine::{Kernel, Path};
use proof::RowKernel;
use proof::rows::mix32;

/// Every path of this machine on this many threads; the others are named.
pub fn kernels(threads: usize) -> Vec<Kernel> {
    let threads = NonZeroUsize::new(threads).expect("not zero");
    let found = Path::ALL.map(|path| {
        let kernel = Kernel::on(path, threads);
        if kernel.is_none() {
            println!("skipped: {path} (this machine does not have it)");
        }
        kernel
    });
    found.into_iter().flatten().collect()
}

/// One product to get right.
pub struct Case {
    pub name: String,
    pub width: usize,
    pub weights: Vec<i8>,
    pub inputs: Vec<i8>,
    pub sums: Vec<i32>,
}

impl Case {
    /// Weights of all 256 values and inputs of all 32, from a fixed stream; sums by three plain loops.
    pub fn random(width: usize, rows: usize) -> Self {
        let byte = |index: usize, salt: u32| mix32(index as u32 ^ mix32(salt ^ (width * 1009 + rows) as u32));
        let weights: Vec<i8> = (0..width * width).map(|index| byte(index, 1) as i8).collect();
        let inputs: Vec<i8> = (0..rows * width).map(|index| (byte(index, 2) >> 27) as i8 - 16).collect();
        let rows = inputs.chunks_exact(width.max(1));
        let sums = rows.flat_map(|row| weights.chunks_exact(width).map(|column| dot(column, row))).collect();
        Self {
            name: format!("random, width {width}, {} rows", inputs.len() / width.max(1)),
            width,
            weights,
            inputs,
            sums,
        }
    }

    /// Each column and each row is one of the given patterns, in turn.
    pub fn patterns(name: &str, width: usize, columns: &[Vec<i8>], rows: &[Vec<i8>]) -> Self {
        let sums: Vec<Vec<i32>> =
            rows.iter().map(|row| columns.iter().map(|column| dot(column, row)).collect()).collect();
        Self {
            name: format!("{name}, width {width}"),
            width,
            weights: (0..width).flat_map(|column| columns[column % columns.len()].iter().copied()).collect(),
            inputs: rows.concat(),
            sums: sums.iter().flat_map(|sums| (0..width).map(|column| sums[column % columns.len()])).collect(),
        }
    }

    /// Whether the kernel gets every sum.
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

/// Values that sit on the bounds of bytes, pairs, steps of sixteen and whole sums: all the same, changing sign in every
/// rhythm that a kernel may have, and one entry changed by one.
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

/// Cases on the exactness bound: the largest products there are, at this width.
pub fn adversarial(width: usize) -> Case {
    Case::patterns("adversarial", width, &extremes(width, -128, 127), &extremes(width, -16, 15))
}
