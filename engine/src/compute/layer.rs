//! Panels over rows, threads over columns.

use std::num::NonZeroUsize;
use std::ops::Range;

use proof::Weights;

use crate::compute::batch::Batch;
use crate::compute::panel::{Panel, Source};
use crate::compute::simd::{Lanes, ROWS_MAX};

/// Rows that pass all layers together: few enough for the third cache, many enough that generating the weights anew for
/// the next ones costs a percent.
const BAND: usize = 1008;
/// Products that are worth a thread of their own.
const THREAD_WORTH: usize = 1 << 24;

/// Whether rows of this width are whole words and whole steps of every path.
pub(crate) const fn fits(width: usize) -> bool {
    width != 0 && width.is_multiple_of(16)
}

/// See [`proof::RowKernel::multiply`]; for widths that [`fits`] admits.
pub(crate) fn multiply<const C: usize>(
    lanes: impl Lanes<C>,
    threads: NonZeroUsize,
    weights: &[i8],
    inputs: &[i8],
    width: usize,
    out: &mut [i32],
) {
    let batches = Batch::split(inputs, width);
    let mut rows: Vec<_> = out.chunks_exact_mut(width).collect();
    let shares = shares::<C>(threads, inputs.len() / width, width);
    let mut tasks = Vec::with_capacity(shares.len());
    for columns in shares {
        let mine: Vec<_> = rows.iter_mut().filter_map(|row| row.split_off_mut(..columns.len())).collect();
        let batches = &batches;
        tasks.push(move || {
            let (begin, mut mine) = (columns.start, mine);
            sums(lanes, &Source::Bytes(weights), batches, columns, |tile: Tile<'_, C>| {
                let at = tile.column - begin;
                for (row, sums) in mine[tile.first_row()..].iter_mut().zip(tile.sums) {
                    let row = &mut row[at..];
                    let len = row.len().min(C);
                    row[..len].copy_from_slice(&sums[..len]);
                }
            });
        });
    }
    run(tasks);
}

/// See [`proof::RowKernel::forward`].
pub(crate) fn forward<const C: usize>(lanes: impl Lanes<C>, threads: NonZeroUsize, weights: &Weights, rows: &mut [i8]) {
    let width = weights.shape().width;
    for band in rows.chunks_mut(BAND * width) {
        let mut from = Batch::split(band, width);
        let mut to: Vec<_> = from.iter().map(Batch::alike).collect();
        let shares = shares::<C>(threads, band.len() / width, width);
        for index in 0..weights.shape().layers {
            let salts = weights.salts(index);
            match Source::stream(weights, index) {
                Some(source) => step(lanes, &source, salts, &from, &mut to, &shares),
                None => step(lanes, &Source::Bytes(&weights.layer(index)), salts, &from, &mut to, &shares),
            }
            std::mem::swap(&mut from, &mut to);
        }
        for (batch, rows) in from.iter().zip(band.chunks_mut(from[0].rows * width)) {
            batch.unpack(width, rows);
        }
    }
}

/// One layer: products, and what is kept of them.
fn step<const C: usize>(
    lanes: impl Lanes<C>,
    source: &Source<'_>,
    salts: &[u32],
    from: &[Batch],
    to: &mut [Batch],
    shares: &[Range<usize>],
) {
    let mut rests: Vec<_> = to.iter_mut().map(|batch| (batch.rows, batch.words.as_mut_slice())).collect();
    let mut tasks = Vec::with_capacity(shares.len());
    for columns in shares.iter().cloned() {
        // The results of neighbouring columns lie together in every batch.
        let mine: Vec<_> =
            rests.iter_mut().filter_map(|(rows, words)| words.split_off_mut(..columns.len() / 4 * *rows)).collect();
        tasks.push(move || {
            let (begin, mut mine) = (columns.start, mine);
            sums(lanes, source, from, columns, |tile: Tile<'_, C>| {
                let rows = from[tile.batch].rows;
                let words = &mut mine[tile.batch][(tile.column - begin) / 4 * rows + tile.row..];
                lanes.requantise(tile.sums, &salts[tile.column..], words, rows);
            });
        });
    }
    run(tasks);
}

/// Sums of some rows and `C` columns.
struct Tile<'a, const C: usize> {
    batch: usize,
    /// The first row, counted in its batch.
    row: usize,
    /// The first row of the batch.
    before: usize,
    column: usize,
    sums: &'a [[i32; C]],
}

impl<const C: usize> Tile<'_, C> {
    const fn first_row(&self) -> usize {
        self.before + self.row
    }
}

/// All sums of these columns, tile after tile.
fn sums<const C: usize>(
    lanes: impl Lanes<C>,
    source: &Source<'_>,
    batches: &[Batch],
    columns: Range<usize>,
    mut put: impl FnMut(Tile<'_, C>),
) {
    let Some(depth) = batches.first().map(|batch| batch.words.len() / batch.rows * 4) else { return };
    let mut panel = Panel::new(depth);
    let mut tile = [[0; C]; ROWS_MAX];
    for column in columns.step_by(C) {
        panel.fill(lanes, source, column);
        let mut before = 0;
        for (index, batch) in batches.iter().enumerate() {
            for rows in batch.groups(lanes.rows()) {
                let sums = &mut tile[..rows.len()];
                lanes.tile(&panel, batch, rows.start, sums);
                put(Tile { batch: index, row: rows.start, before, column, sums });
            }
            before += batch.rows;
        }
    }
}

/// Whole panels for each thread, and no more threads than the work is worth.
fn shares<const C: usize>(threads: NonZeroUsize, rows: usize, width: usize) -> Vec<Range<usize>> {
    let worth = 1 + rows * width * width / THREAD_WORTH;
    let columns = width.div_ceil(C).div_ceil(threads.get().min(worth)) * C;
    (0..width).step_by(columns).map(|first| first..width.min(first + columns)).collect()
}

/// The last task runs on this thread, the others on threads of their own.
fn run(mut tasks: Vec<impl FnOnce() + Send>) {
    let last = tasks.pop();
    std::thread::scope(|scope| {
        for task in tasks {
            scope.spawn(task);
        }
        if let Some(task) = last {
            task();
        }
    });
}
