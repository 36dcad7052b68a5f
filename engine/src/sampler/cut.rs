//! Which tokens top-k and top-p leave.

use crate::generation::Sampling;
use crate::sampler::probability::{RELATIVE_ERROR, exp_near};
use crate::sampler::scale::{Scaled, first as first_with, largest};

/// Tokens that share one maximum while the first `top_k` are looked for.
const GROUP: usize = 64;
/// Scaled logits within a step share a shelf while a nucleus is looked for: so many to a unit, and the last holds all
/// below.
const STEPS: f32 = 16.0;
const SHELVES: usize = 512;

/// The ids that are left, in no order; `None` where all are.
pub(super) fn cut(scaled: &Scaled, sampling: &Sampling) -> Option<Vec<u32>> {
    let all = sampling.top_k == 0 || sampling.top_k >= scaled.z.len();
    let top_p = (sampling.top_p < 1.0).then(|| f64::from(sampling.top_p));
    let keys = match (all, top_p) {
        (true, None) => return None,
        (true, Some(top_p)) => return Some(nucleus(scaled, top_p)),
        (false, None) => top(&scaled.z, sampling.top_k),
        (false, Some(top_p)) => {
            let mut keys = top(&scaled.z, sampling.top_k);
            keys.truncate(exact(&keys, top_p));
            keys
        }
    };
    Some(keys.into_iter().map(id).collect())
}

/// Between which tokens the cut lies, where it lies somewhere.
pub(super) struct Bounds {
    /// Key of the last token that is left for certain.
    pub sure: u64,
    /// What top-k may leave is above this value.
    least: f32,
    /// How far two values may be apart and yet in the other order.
    room: f32,
    /// The first tokens by their keys, where top-k leaves those alone.
    first: Option<Vec<u64>>,
    /// The largest sum that top-p may compare with.
    most: f64,
}

/// The bounds of [`cut`] where the difference of two logits may be `edge` more or less; `None` where all tokens are left.
pub(super) fn bounds(scaled: &Scaled, sampling: &Sampling, edge: f32) -> Option<Bounds> {
    let limited = (1..scaled.z.len()).contains(&sampling.top_k);
    if !limited && sampling.top_p >= 1.0 {
        return None;
    }
    let room = edge / sampling.temperature;
    let first = limited.then(|| top(&scaled.z, sampling.top_k));
    let mut sure = first.as_ref().and_then(|first| first.last().copied()).unwrap_or(0);
    let least = if limited { value(sure) - room } else { f32::NEG_INFINITY };
    let mut most = f64::INFINITY;
    if sampling.top_p < 1.0 {
        // All before the edge and all behind it shifted against each other: the odds change by a factor.
        let [below, above] = [-room, room].map(|room| with_odds(f64::from(sampling.top_p), f64::from(room).exp()));
        // Sums here are near and not those of the rule: without room, nothing but what is sure.
        most = if edge > 0.0 { above } else { 0.0 };
        sure = sure.max(match &first {
            Some(first) => first[exact(first, below) - 1],
            None => nucleus(scaled, below).into_iter().filter_map(|id| key_of(scaled, id)).min().unwrap_or(0),
        });
    }
    if edge > 0.0 {
        // What is less than the room above the last may stand behind it on the other side; the first never does.
        let likeliest = key(scaled.max, first_with(&scaled.z, scaled.max));
        sure = key(value(sure) + room, u32::MAX).min(likeliest);
    }
    Some(Bounds { sure, least, room, first, most })
}

/// A probability whose odds are `factor` times those of `p`.
fn with_odds(p: f64, factor: f64) -> f64 {
    p * factor / (p * factor + (1.0 - p))
}

impl Bounds {
    /// Whether the cut may leave this token.
    pub fn admit(&self, scaled: &Scaled, token: u32) -> bool {
        let Some(own) = key_of(scaled, token) else { return false };
        own >= self.sure || value(own) > self.least && self.before(scaled, own) < self.most
    }

    /// The probability of the tokens that stand before this key for certain.
    fn before(&self, scaled: &Scaled, own: u64) -> f64 {
        let (mut before, mut sum) = (0.0, 0.0);
        let mut add = |key: u64| {
            let exp = exp_near(f64::from(value(key)) - f64::from(scaled.max));
            sum += exp;
            before += if value(key) > value(own) + self.room { exp } else { 0.0 };
        };
        match &self.first {
            Some(first) => first.iter().for_each(|key| add(*key)),
            None => scaled.ids().zip(&scaled.z).for_each(|(id, z)| add(key(*z, id))),
        }
        before / sum
    }
}

/// The key of a token of the row.
pub(super) fn key_of(scaled: &Scaled, id: u32) -> Option<u64> {
    scaled.z.get(id as usize).map(|z| key(*z, id))
}

/// A number that is larger for a larger value, and among equal values for a lower id. Zeros must be positive.
pub(super) const fn key(value: f32, id: u32) -> u64 {
    let bits = value.to_bits();
    let order = if bits >> 31 == 0 { bits | 1 << 31 } else { !bits };
    (order as u64) << 32 | !id as u64
}

const fn id(key: u64) -> u32 {
    !(key as u32)
}

const fn value(key: u64) -> f32 {
    let order = (key >> 32) as u32;
    f32::from_bits(if order >> 31 == 1 { order & !(1 << 31) } else { !order })
}

/// Keys of the values that are `wanted`.
fn keys_where(values: &[f32], wanted: impl Fn(f32) -> bool) -> Vec<u64> {
    (0..).zip(values).filter(|(_, value)| wanted(**value)).map(|(id, value)| key(*value, id)).collect()
}

/// Keys of the `count` largest values, the largest first. Zeros must be positive.
pub(super) fn top(values: &[f32], count: usize) -> Vec<u64> {
    // As many groups have their maximum at or above `least` as values are wanted: no value below it is among them.
    let mut maxima: Vec<f32> = values.chunks(GROUP).map(largest).collect();
    let least = if (1..maxima.len()).contains(&count) {
        *maxima.select_nth_unstable_by(count - 1, |a, b| b.total_cmp(a)).1
    } else {
        f32::NEG_INFINITY
    };
    let mut keys = keys_where(values, |value| value >= least);
    if (1..keys.len()).contains(&count) {
        keys.select_nth_unstable_by(count - 1, |a, b| b.cmp(a));
    }
    keys.truncate(count);
    keys.sort_unstable_by(|a, b| b.cmp(a));
    keys
}

/// Ids and values of the `count` largest values, the largest first.
pub(super) fn largest_of(values: &[f32], count: usize) -> Vec<(u32, f32)> {
    top(values, count).into_iter().map(|key| (id(key), value(key))).collect()
}

/// The ids whose probabilities reach `top_p`. The rule sums in order; a sum in any order with a bound on its error
/// decides nearly always, and order is only needed around the edge.
fn nucleus(scaled: &Scaled, top_p: f64) -> Vec<u32> {
    near_nucleus(scaled, top_p).unwrap_or_else(|| {
        let mut keys = keys_where(&scaled.z, |_| true);
        keys.sort_unstable_by(|a, b| b.cmp(a));
        keys.truncate(exact(&keys, top_p));
        keys.into_iter().map(id).collect()
    })
}

/// [`nucleus`] by a sum for each shelf of scaled logits that lie close; `None` where the error could decide.
fn near_nucleus(scaled: &Scaled, top_p: f64) -> Option<Vec<u32>> {
    let shelf = |z: f32| (((scaled.max - z) * STEPS) as usize).min(SHELVES - 1);
    let exp = |z: f32| exp_near(f64::from(z) - f64::from(scaled.max));
    let mut sums = [0.0; SHELVES];
    // Exponentials apart from their sums, so that they run in vectors.
    let (groups, rest) = scaled.z.as_chunks::<16>();
    for group in groups {
        for (z, exp) in group.iter().zip(group.map(exp)) {
            sums[shelf(*z)] += exp;
        }
    }
    for &z in rest {
        sums[shelf(z)] += exp(z);
    }
    let edge = top_p * sums.iter().sum::<f64>();
    let error = edge * 4.0 * RELATIVE_ERROR;
    let reaches = |sum: f64| ((sum - edge).abs() > error).then_some(sum > edge);

    let (mut before, mut at) = (0.0, 0);
    while !reaches(before + *sums.get(at)?)? {
        before += sums[at];
        at += 1;
    }
    let mut keys = keys_where(&scaled.z, |z| shelf(z) == at);
    keys.sort_unstable_by(|a, b| b.cmp(a));
    let mut count = 0;
    while !reaches(before)? {
        before += exp(value(*keys.get(count)?));
        count += 1;
    }
    let above = scaled.ids().zip(&scaled.z).filter(|(_, z)| shelf(**z) < at).map(|(id, _)| id);
    Some(above.chain(keys[..count].iter().copied().map(id)).collect())
}

/// How many of these keys, which are all there are and in order, reach `top_p`: the rule as it stands.
fn exact(keys: &[u64], top_p: f64) -> usize {
    let most = keys.first().map_or(0.0, |key| f64::from(value(*key)));
    let exps = || keys.iter().map(|key| (f64::from(value(*key)) - most).exp());
    let sum: f64 = exps().sum();
    let mut before = 0.0;
    let mut count = 0;
    for exp in exps() {
        if count > 0 && before / sum >= top_p {
            break;
        }
        before += exp;
        count += 1;
    }
    count
}
