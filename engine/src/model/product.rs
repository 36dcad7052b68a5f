//! Rows times matrices.
//!
//! Each sum runs over the inputs in their order, alone in its lane: the same bits for any number of rows and threads.

use rayon::prelude::*;

use super::matrix::{Matrix, Weights};
use super::rows::{Need, Rows, Tile};
use crate::compute::simd::wide::{Floats, Halves, LANES, Quads, Unit, Wide, Work};

/// `rows × outputs`, in panels of sixteen outputs.
pub(crate) struct Product {
    rows: usize,
    outputs: usize,
    cells: Vec<Floats>,
}

impl Product {
    /// Sixteen neighbouring outputs of a row.
    pub(crate) fn cell(&self, row: usize, panel: usize) -> &Floats {
        &self.cells[panel * self.rows + row]
    }

    /// All outputs of a row.
    pub(crate) fn copy(&self, row: usize, out: &mut [f32]) {
        for (panel, out) in out[..self.outputs].chunks_mut(LANES).enumerate() {
            out.copy_from_slice(&self.cell(row, panel).0[..out.len()]);
        }
    }

    /// All outputs of a row, added to what is there.
    pub(crate) fn add(&self, row: usize, to: &mut [f32]) {
        for (panel, to) in to[..self.outputs].chunks_mut(LANES).enumerate() {
            for (to, value) in to.iter_mut().zip(self.cell(row, panel).0) {
                *to += value;
            }
        }
    }
}

impl Matrix {
    /// In which form rows are multiplied by it.
    pub(crate) const fn need(&self) -> Need {
        let bytes = matches!(self.weights, Weights::Q8 { .. } | Weights::Q4 { .. });
        Need { floats: !bytes, bytes }
    }
}

/// Multiplies the same rows by several matrices, reading each weight once; threads share the panels.
pub(crate) fn multiply<const N: usize>(unit: Unit, matrices: [&Matrix; N], rows: &Rows) -> [Product; N] {
    let mut products = matrices.map(|matrix| Product {
        rows: rows.rows,
        outputs: matrix.outputs,
        cells: vec![Floats::default(); matrix.outputs.div_ceil(LANES) * rows.rows],
    });
    let panels: usize = matrices.iter().map(|matrix| matrix.outputs.div_ceil(LANES)).sum();
    let share = panels.div_ceil(8 * rayon::current_num_threads()).max(1);
    let mut jobs = Vec::new();
    for (matrix, product) in matrices.into_iter().zip(&mut products) {
        for (index, out) in product.cells.chunks_mut(share * rows.rows.max(1)).enumerate() {
            jobs.push(Panels { matrix, first: index * share, rows, out });
        }
    }
    jobs.into_par_iter().for_each(|job| unit.run(job));
    products
}

/// Neighbouring panels of one matrix.
struct Panels<'a> {
    matrix: &'a Matrix,
    first: usize,
    rows: &'a Rows,
    out: &'a mut [Floats],
}

impl Work for Panels<'_> {
    type Out = ();

    #[inline(always)]
    fn on<W: Wide>(self, w: W) {
        let inputs = self.matrix.inputs;
        for (panel, out) in self.out.chunks_mut(self.rows.rows).enumerate() {
            let panel = self.first + panel;
            let blocks = panel * (inputs / 32)..(panel + 1) * (inputs / 32);
            for tile in &self.rows.tiles {
                let out = &mut out[tile.first..][..tile.rows];
                match &self.matrix.weights {
                    Weights::F32(cells) => {
                        dense::<W, AsIs, _>(w, &cells[panel * inputs..][..inputs], &tile.floats, out)
                    }
                    Weights::Bf16(cells) => {
                        dense::<W, Brain, _>(w, &cells[panel * inputs..][..inputs], &tile.floats, out)
                    }
                    Weights::F16(cells) => {
                        dense::<W, Half, _>(w, &cells[panel * inputs..][..inputs], &tile.floats, out)
                    }
                    Weights::Q8 { quads, scales } => {
                        bytes(w, &quads.as_chunks().0[blocks.clone()], &scales[blocks.clone()], tile, out);
                    }
                    Weights::Q4 { quads, scales, supers } => {
                        let blocks = blocks.start / 8..blocks.end / 8;
                        let (quads, scales) =
                            (&quads.as_chunks().0[blocks.clone()], &scales.as_chunks().0[blocks.clone()]);
                        half_bytes(w, quads, scales, &supers[blocks], tile, out);
                    }
                }
            }
        }
    }
}

/// Calls a kernel that is compiled for each size of a tile.
macro_rules! by_rows {
    ($rows:expr, $kernel:ident :: <$($type:ty),*> ($($argument:expr),*)) => {
        match $rows {
            12 => $kernel::<$($type,)* 12>($($argument),*),
            8 => $kernel::<$($type,)* 8>($($argument),*),
            4 => $kernel::<$($type,)* 4>($($argument),*),
            2 => $kernel::<$($type,)* 2>($($argument),*),
            _ => $kernel::<$($type,)* 1>($($argument),*),
        }
    };
}

/// How a weight becomes an f32.
pub(crate) trait Widen<T> {
    fn widen<W: Wide>(w: W, weights: &T) -> W::F;
}

pub(crate) struct AsIs;
struct Brain;
struct Half;

impl Widen<Floats> for AsIs {
    #[inline(always)]
    fn widen<W: Wide>(w: W, weights: &Floats) -> W::F {
        w.load(weights)
    }
}

impl Widen<Halves> for Brain {
    #[inline(always)]
    fn widen<W: Wide>(w: W, weights: &Halves) -> W::F {
        w.bfloats(weights)
    }
}

impl Widen<Halves> for Half {
    #[inline(always)]
    fn widen<W: Wide>(w: W, weights: &Halves) -> W::F {
        w.halves(weights)
    }
}

/// One panel times a tile of `out.len()` rows, which stand side by side in `x`.
#[inline(always)]
pub(crate) fn dense<W: Wide, A: Widen<T>, T>(w: W, panel: &[T], x: &[f32], out: &mut [Floats]) {
    by_rows!(out.len(), dense_tile::<W, A, T>(w, panel, x, out));
}

#[inline(always)]
fn dense_tile<W: Wide, A: Widen<T>, T, const R: usize>(w: W, panel: &[T], x: &[f32], out: &mut [Floats]) {
    let mut sums = [w.splat(0.0); R];
    for (weights, x) in panel.iter().zip(x.as_chunks::<R>().0) {
        let weights = A::widen(w, weights);
        for (sum, x) in sums.iter_mut().zip(x) {
            *sum = w.fma(w.splat(*x), weights, *sum);
        }
    }
    for (out, sum) in out.iter_mut().zip(sums) {
        w.store(sum, out);
    }
}

#[inline(always)]
fn bytes<W: Wide>(w: W, quads: &[[Quads; 8]], scales: &[Halves], tile: &Tile, out: &mut [Floats]) {
    by_rows!(tile.rows, bytes_tile::<W>(w, quads, scales, tile, out));
}

/// The bytes are raised by 128; each sum begins with what that adds, negated.
#[inline(always)]
fn bytes_tile<W: Wide, const R: usize>(w: W, quads: &[[Quads; 8]], scales: &[Halves], tile: &Tile, out: &mut [Floats]) {
    let mut totals = [w.splat(0.0); R];
    let inputs = tile.quads.as_chunks::<R>().0.as_chunks::<8>().0;
    let steps = tile.steps.as_chunks::<R>().0.iter().zip(tile.sums.as_chunks::<R>().0);
    for (((quads, scale), x), (steps, raised)) in quads.iter().zip(scales).zip(inputs).zip(steps) {
        let mut sums = raised.map(|sum| w.splat_int(-128 * sum));
        for (quad, x) in quads.iter().zip(x) {
            let quad = w.quads(quad);
            for (sum, x) in sums.iter_mut().zip(x) {
                *sum = w.dot(*sum, quad, *x);
            }
        }
        let scale = w.halves(scale);
        for ((total, sum), step) in totals.iter_mut().zip(sums).zip(steps) {
            *total = w.fma(w.to_float(sum), w.mul(scale, w.splat(*step)), *total);
        }
    }
    for (out, total) in out.iter_mut().zip(totals) {
        w.store(total, out);
    }
}

#[inline(always)]
fn half_bytes<W: Wide>(
    w: W,
    quads: &[[Quads; 32]],
    scales: &[[[[u8; LANES]; 2]; 8]],
    supers: &[[Halves; 2]],
    tile: &Tile,
    out: &mut [Floats],
) {
    by_rows!(tile.rows, half_bytes_tile::<W>(w, quads, scales, supers, tile, out));
}

#[inline(always)]
fn half_bytes_tile<W: Wide, const R: usize>(
    w: W,
    quads: &[[Quads; 32]],
    scales: &[[[[u8; LANES]; 2]; 8]],
    supers: &[[Halves; 2]],
    tile: &Tile,
    out: &mut [Floats],
) {
    let mut totals = [w.splat(0.0); R];
    let mut inputs = tile.quads.as_chunks::<R>().0.as_chunks::<8>().0.iter();
    let mut steps = tile.steps.as_chunks::<R>().0.iter().zip(tile.lows.as_chunks::<R>().0);
    for ((quads, scales), [by, below]) in quads.iter().zip(scales).zip(supers) {
        let (by, below) = (w.halves(by), w.halves(below));
        let parts = quads.as_chunks::<4>().0.iter().zip(scales);
        for (((quads, [scale, minimum]), x), (steps, lows)) in parts.zip(&mut inputs).zip(&mut steps) {
            let mut sums = [w.splat_int(0); R];
            let (first, last) = x.split_at(4);
            for ((quad, low), high) in quads.iter().zip(first).zip(last) {
                let quad = w.quads(quad);
                let (lower, upper) = (w.low(quad), w.high(quad));
                for ((sum, low), high) in sums.iter_mut().zip(low).zip(high) {
                    *sum = w.dot(w.dot(*sum, lower, *low), upper, *high);
                }
            }
            let (scale, minimum) = (w.mul(by, w.bytes(scale)), w.mul(below, w.bytes(minimum)));
            for r in 0..R {
                let sum = w.mul(w.to_float(sums[r]), w.splat(steps[r]));
                totals[r] = w.fma(sum, scale, totals[r]);
                totals[r] = w.fma(minimum, w.splat(lows[r]), totals[r]);
            }
        }
    }
    for (out, total) in out.iter_mut().zip(totals) {
        w.store(total, out);
    }
}

#[cfg(test)]
mod tests;
