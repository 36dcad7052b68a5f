//! Sparse matrices of proportions: a row per uid, entries in the order in which they were stored.

use crate::fixed::{I32F32, div, mul, sum};

/// The entries of one row: column and value.
pub type Row = Vec<(u16, I32F32)>;

/// A square matrix, a row per uid. Every column is smaller than the number of rows.
pub type Matrix = Vec<Row>;

/// The value of a vector at a column; zero outside.
pub(super) fn at(vector: &[I32F32], column: u16) -> I32F32 {
    vector.get(usize::from(column)).copied().unwrap_or_default()
}

/// Entries of stored rows whose column is a uid, converted by `value`.
pub(super) fn load<'a>(
    rows: impl Iterator<Item = &'a [(u16, u16)]>,
    size: usize,
    value: impl Fn(u16) -> I32F32,
) -> Matrix {
    rows.map(|row| {
        let mut entries = Row::with_capacity(row.len());
        entries.extend(row.iter().filter(|(j, _)| usize::from(*j) < size).map(|(j, v)| (*j, value(*v))));
        entries
    })
    .collect()
}

/// The row as a plain vector; of a column that is named twice the last value stands.
pub(super) fn dense(row: &[(u16, I32F32)], size: usize) -> Vec<I32F32> {
    let mut values = vec![I32F32::ZERO; size];
    for (j, value) in row {
        if let Some(slot) = values.get_mut(usize::from(*j)) {
            *slot = *value;
        }
    }
    values
}

/// The positive values of a plain vector, as a row.
pub(super) fn sparse(values: &[I32F32]) -> Row {
    let positive = || (0..=u16::MAX).zip(values).filter(|(_, value)| **value > I32F32::ZERO);
    let mut row = Row::with_capacity(positive().count());
    row.extend(positive().map(|(j, value)| (j, *value)));
    row
}

/// Sum of each row.
pub(super) fn row_sums(matrix: &[Row]) -> Vec<I32F32> {
    matrix.iter().map(|row| sum(row.iter().map(|(_, value)| *value))).collect()
}

/// Divides each row by its sum.
pub(super) fn normalize_rows(matrix: &mut [Row]) {
    for row in matrix {
        let total = sum(row.iter().map(|(_, value)| *value));
        if total > I32F32::ZERO {
            row.iter_mut().for_each(|(_, value)| *value = div(*value, total));
        }
    }
}

/// Divides each column by its sum.
pub(super) fn normalize_columns(matrix: &mut [Row]) {
    divide_columns(matrix, I32F32::saturating_add);
}

/// Divides each column by its largest value.
pub(super) fn upscale_columns(matrix: &mut [Row]) {
    divide_columns(matrix, I32F32::max);
}

fn divide_columns(matrix: &mut [Row], fold: impl Fn(I32F32, I32F32) -> I32F32) {
    let mut divisors = vec![I32F32::ZERO; matrix.len()];
    for (j, value) in matrix.iter().flatten() {
        if let Some(divisor) = divisors.get_mut(usize::from(*j)) {
            *divisor = fold(*divisor, *value);
        }
    }
    for (j, value) in matrix.iter_mut().flatten() {
        let divisor = at(&divisors, *j);
        if divisor != I32F32::ZERO {
            *value = div(*value, divisor);
        }
    }
}

/// `result_j = sum over i of vector_i * matrix_ij`.
pub(super) fn weighted_columns(matrix: &[Row], vector: &[I32F32]) -> Vec<I32F32> {
    let mut result = vec![I32F32::ZERO; matrix.len()];
    for (row, weight) in matrix.iter().zip(vector) {
        for (j, value) in row {
            if let Some(slot) = result.get_mut(usize::from(*j)) {
                *slot = slot.saturating_add(mul(*weight, *value));
            }
        }
    }
    result
}

/// `result_i = sum over j of vector_j * matrix_ij`.
pub(super) fn weighted_rows(matrix: &[Row], vector: &[I32F32]) -> Vec<I32F32> {
    matrix.iter().map(|row| sum(row.iter().map(|(j, value)| mul(at(vector, *j), *value)))).collect()
}

/// Multiplies row `i` by `vector_i`.
pub(super) fn scale_rows(matrix: &[Row], vector: &[I32F32]) -> Matrix {
    let scale = |(row, factor): (&Row, &I32F32)| row.iter().map(|(j, value)| (*j, mul(*value, *factor))).collect();
    matrix.iter().zip(vector).map(scale).collect()
}

/// Lowers every entry to the threshold of its column; entries over a threshold of zero vanish.
pub(super) fn clip_columns(matrix: &[Row], thresholds: &[I32F32]) -> Matrix {
    let clip = |(j, value): &(u16, I32F32)| {
        let threshold = at(thresholds, *j);
        if threshold >= *value { Some((*j, *value)) } else { (threshold > I32F32::ZERO).then_some((*j, threshold)) }
    };
    let clip_row = |row: &Row| {
        let mut clipped = Row::with_capacity(row.len());
        clipped.extend(row.iter().filter_map(clip));
        clipped
    };
    matrix.iter().map(clip_row).collect()
}

/// `a + ratio * (b - a)` where that is positive, columns ascending; `a` or `b` as it is at the ends.
pub(super) fn interpolate(a: &[Row], b: Matrix, ratio: I32F32) -> Matrix {
    if ratio == I32F32::ZERO {
        return a.to_vec();
    }
    if ratio == I32F32::ONE {
        return b;
    }
    let size = a.len();
    let between = |(a, b): (&Row, &Row)| {
        if a.is_empty() && b.is_empty() {
            return Row::new();
        }
        let mut values = dense(a, size);
        for (a, b) in values.iter_mut().zip(dense(b, size)) {
            *a = a.saturating_add(mul(ratio, b.saturating_sub(*a)));
        }
        sparse(&values)
    };
    a.iter().zip(&b).map(between).collect()
}
