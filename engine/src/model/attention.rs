//! One query position against the cache of its sequence.

use super::cache::Head;
use super::product::{AsIs, dense};
use super::rows::tiles;
use crate::compute::simd::wide::{Floats, LANES, Wide, Work};

/// The query heads that share a key head, at one position.
pub(crate) struct Attention<'a> {
    /// `heads × width`.
    pub queries: &'a [f32],
    pub width: usize,
    pub head: &'a Head,
    /// The first position that is seen.
    pub from: usize,
    /// One beyond the last.
    pub until: usize,
    /// `heads × width`.
    pub out: &'a mut [f32],
}

impl Work for Attention<'_> {
    type Out = ();

    #[inline(always)]
    fn on<W: Wide>(self, w: W) {
        let width = self.width;
        // Scores begin with the sixteen positions that hold the first one seen.
        let (first, last) = (self.from / LANES, self.until.div_ceil(LANES));
        let mut scores = vec![Floats::default(); last - first];
        for (begin, rows) in tiles(self.queries.len() / width, W::ROWS) {
            let queries = &self.queries[begin * width..][..rows * width];
            let mut side = vec![0.0; rows * width];
            for (r, query) in queries.chunks(width).enumerate() {
                for (d, value) in query.iter().enumerate() {
                    side[d * rows + r] = *value;
                }
            }
            let mut products = vec![Floats::default(); rows * (last - first)];
            for (panel, out) in products.chunks_mut(rows).enumerate() {
                dense::<W, AsIs, _>(w, &self.head.keys[(first + panel) * width..][..width], &side, out);
            }
            let seen = self.until - self.from;
            let skip = self.from - first * LANES;
            let mut weights = vec![0.0; rows * seen];
            let mut totals = [0.0; LANES];
            for (r, total) in totals.iter_mut().enumerate().take(rows) {
                for (score, product) in scores.iter_mut().zip(products.iter().skip(r).step_by(rows)) {
                    *score = *product;
                }
                *total = softmax(w, &mut scores, 1.0 / (width as f32).sqrt(), skip, seen);
                let flat = scores.iter().flat_map(|score| score.0).skip(skip);
                for (weight, score) in weights.iter_mut().skip(r).step_by(rows).zip(flat) {
                    *weight = score;
                }
            }
            let mut sums = [Floats::default(); LANES];
            for (panel, values) in self.head.values.iter().enumerate() {
                dense::<W, AsIs, _>(w, &values[self.from..self.until], &weights, &mut sums[..rows]);
                for r in 0..rows {
                    let out = &mut self.out[(begin + r) * width..][..width];
                    for (out, sum) in out.chunks_mut(LANES).nth(panel).into_iter().flatten().zip(sums[r].0) {
                        *out = sum / totals[r];
                    }
                }
            }
        }
    }
}

/// Turns scores into weights that are still to be divided by the returned sum. Only `seen` of them count, after `skip`.
#[inline(always)]
fn softmax<W: Wide>(w: W, scores: &mut [Floats], scale: f32, skip: usize, seen: usize) -> f32 {
    let end = skip + seen;
    let mut largest = f32::NEG_INFINITY;
    for (index, score) in scores.iter_mut().enumerate() {
        let scaled = w.mul(w.load(score), w.splat(scale));
        w.store(scaled, score);
        if index * LANES < skip || (index + 1) * LANES > end {
            for lane in 0..LANES {
                if !(skip..end).contains(&(index * LANES + lane)) {
                    score.0[lane] = f32::NEG_INFINITY;
                }
            }
        }
    }
    let mut lanes = Floats([f32::NEG_INFINITY; LANES]);
    let most = scores.iter().fold(w.load(&lanes), |most, score| w.max(most, w.load(score)));
    w.store(most, &mut lanes);
    for lane in lanes.0 {
        largest = largest.max(lane);
    }
    let mut sum = w.splat(0.0);
    for (index, score) in scores.iter_mut().enumerate() {
        let weight = w.exp(w.sub(w.load(score), w.splat(largest)));
        w.store(weight, score);
        if index * LANES < skip || (index + 1) * LANES > end {
            for lane in 0..LANES {
                if !(skip..end).contains(&(index * LANES + lane)) {
                    score.0[lane] = 0.0;
                }
            }
        }
        sum = w.add(sum, w.load(score));
    }
    w.store(sum, &mut lanes);
    lanes.0.into_iter().sum()
}

/// `gate · sigmoid(gate) · up`, sixteen at once, into `gate`.
pub(crate) struct Gate<'a> {
    pub gate: &'a mut [Floats],
    pub up: &'a [Floats],
}

impl Work for Gate<'_> {
    type Out = ();

    #[inline(always)]
    fn on<W: Wide>(self, w: W) {
        for (gate, up) in self.gate.iter_mut().zip(self.up) {
            let (x, up) = (w.load(gate), w.load(up));
            let one = w.splat(1.0);
            let sigmoid = w.div(one, w.add(one, w.exp(w.sub(w.splat(0.0), x))));
            w.store(w.mul(w.mul(x, sigmoid), up), gate);
        }
    }
}
