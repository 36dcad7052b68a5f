//! A few rows of numbers, laid out as the products read them: row by row side by side within a tile.

use rayon::prelude::*;

use crate::compute::simd::wide::{Floats, LANES, Unit, Wide, Work};

/// In which forms rows are needed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Need {
    pub floats: bool,
    pub bytes: bool,
}

impl Need {
    pub(crate) const fn and(self, other: Self) -> Self {
        Self { floats: self.floats || other.floats, bytes: self.bytes || other.bytes }
    }
}

/// Rows as inputs of products.
pub(crate) struct Rows {
    pub rows: usize,
    pub tiles: Vec<Tile>,
}

/// Rows whose sums stay in registers together; number `r` of `n` stands at each index ≡ r (mod n).
pub(crate) struct Tile {
    pub first: usize,
    pub rows: usize,
    pub floats: Vec<f32>,
    /// Four signed bytes each.
    pub quads: Vec<i32>,
    /// For each 32 inputs: what the bytes are multiplied by.
    pub steps: Vec<f32>,
    /// For each 32 inputs: the sum of the bytes.
    pub sums: Vec<i32>,
    /// For each 32 inputs: their sum, negated.
    pub lows: Vec<f32>,
}

/// Splits a number of rows into tiles that have a kernel.
pub(crate) fn tiles(rows: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    let mut first = 0;
    std::iter::from_fn(move || {
        let left = rows - first;
        let size = [12, 8, 4, 2, 1].into_iter().find(|size| *size <= left.min(most))?;
        first += size;
        Some((first - size, size))
    })
}

impl Rows {
    /// Rows of `columns`, each made by `fill` from its number.
    pub(crate) fn pack(
        unit: Unit,
        rows: usize,
        columns: usize,
        need: Need,
        fill: impl Fn(usize, &mut [f32]) + Sync,
    ) -> Self {
        let tiles: Vec<_> = tiles(rows, unit.rows()).collect();
        let tile = |(first, rows): (usize, usize)| Tile::pack(unit, first, rows, columns, need, &fill);
        let tiles = if tiles.len() == 1 {
            tiles.into_iter().map(tile).collect()
        } else {
            tiles.into_par_iter().map(tile).collect()
        };
        Self { rows, tiles }
    }
}

impl Tile {
    fn pack(
        unit: Unit,
        first: usize,
        rows: usize,
        columns: usize,
        need: Need,
        fill: &(impl Fn(usize, &mut [f32]) + Sync),
    ) -> Self {
        let floats = vec![0.0; if need.floats { rows * columns } else { 0 }];
        let blocks = if need.bytes { columns / 32 } else { 0 };
        let (quads, sums) = (vec![0; rows * blocks * 8], vec![0; rows * blocks]);
        let (steps, lows) = (vec![0.0; rows * blocks], vec![0.0; rows * blocks]);
        let mut tile = Self { first, rows, floats, quads, steps, sums, lows };
        let mut row = vec![0.0; columns];
        for r in 0..rows {
            fill(first + r, &mut row);
            for (out, value) in tile.floats.iter_mut().skip(r).step_by(rows).zip(&row) {
                *out = *value;
            }
            if need.bytes {
                unit.run(Quantise { row: &row, r, tile: &mut tile });
            }
        }
        tile
    }
}

/// Rounds a row to bytes, 32 inputs with one step.
struct Quantise<'a> {
    row: &'a [f32],
    r: usize,
    tile: &'a mut Tile,
}

impl Work for Quantise<'_> {
    type Out = ();

    #[inline(always)]
    fn on<W: Wide>(self, w: W) {
        let (r, rows) = (self.r, self.tile.rows);
        for (index, block) in self.row.as_chunks::<32>().0.iter().enumerate() {
            let parts: [_; 2] = std::array::from_fn(|half| w.load(&Floats(block.as_chunks::<LANES>().0[half])));
            let negative = parts.map(|part| w.sub(w.splat(0.0), part));
            let largest = w.max(w.max(parts[0], negative[0]), w.max(parts[1], negative[1]));
            let mut lanes = Floats::default();
            w.store(largest, &mut lanes);
            let largest = lanes.0.into_iter().fold(0.0, f32::max);
            let inverse = w.splat(if largest > 0.0 { 127.0 / largest } else { 0.0 });
            let bytes = parts.map(|part| w.narrow(w.mul(part, inverse)));
            let bytes: [i8; 32] = std::array::from_fn(|i| bytes[i / LANES][i % LANES]);
            let (step, sum) = (largest / 127.0, bytes.iter().map(|byte| i32::from(*byte)).sum::<i32>());
            let at = index * rows + r;
            (self.tile.steps[at], self.tile.sums[at], self.tile.lows[at]) = (step, sum, -step * sum as f32);
            for (quad, four) in bytes.as_chunks::<4>().0.iter().enumerate() {
                self.tile.quads[(index * 8 + quad) * rows + r] = i32::from_le_bytes(four.map(i8::cast_unsigned));
            }
        }
    }
}
