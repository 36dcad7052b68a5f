//! Blocking for one core: a tile of weights is widened to i16 once and meets every row while both lie in the first
//! cache. Pairs of i16 products summed in i32 are one instruction on every x86-64, and the compiler finds it by itself
//! where lengths are constant; what is missing to a whole tile is zero.

/// Values of a row that are taken at once.
const DEPTH: usize = 256;
/// Columns of one tile.
const COLUMNS: usize = 16;
/// Columns that share one load of a row.
const GROUP: usize = 4;

type Slice = [i16; DEPTH];

/// See [`super::RowKernel::multiply`].
pub(super) fn multiply(weights: &[i8], inputs: &[i8], width: usize, out: &mut [i32]) {
    out.fill(0);
    if width == 0 {
        return;
    }
    let mut rows = vec![[0; DEPTH]; inputs.len() / width];
    let mut tile = [[0; DEPTH]; COLUMNS];
    for begin in (0..width).step_by(DEPTH) {
        let depth = DEPTH.min(width - begin);
        for (row, input) in rows.iter_mut().zip(inputs.chunks_exact(width)) {
            widen(&input[begin..begin + depth], row);
        }
        for first in (0..width).step_by(COLUMNS) {
            let columns = weights.chunks_exact(width).skip(first).take(COLUMNS);
            for (slice, column) in tile.iter_mut().zip(columns) {
                widen(&column[begin..begin + depth], slice);
            }
            let columns = COLUMNS.min(width - first);
            for (row, out) in rows.iter().zip(out.chunks_exact_mut(width)) {
                meet(row, &tile, &mut out[first..first + columns]);
            }
        }
    }
}

fn widen(narrow: &[i8], wide: &mut Slice) {
    let (values, rest) = wide.split_at_mut(narrow.len());
    for (wide, narrow) in values.iter_mut().zip(narrow) {
        *wide = i16::from(*narrow);
    }
    rest.fill(0);
}

/// Adds the products of one row with a tile to its sums.
fn meet(row: &Slice, tile: &[Slice; COLUMNS], out: &mut [i32]) {
    for (group, out) in tile.as_chunks::<GROUP>().0.iter().zip(out.chunks_mut(GROUP)) {
        for (sum, out) in dots(row, group).iter().zip(out) {
            *out += sum;
        }
    }
}

#[inline(never)]
fn dots(row: &Slice, columns: &[Slice; GROUP]) -> [i32; GROUP] {
    let mut sums = [0; GROUP];
    for k in 0..DEPTH {
        let x = i32::from(row[k]);
        for (sum, column) in sums.iter_mut().zip(columns) {
            *sum += x * i32::from(column[k]);
        }
    }
    sums
}
