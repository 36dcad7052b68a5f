//! Which tokens top-k and top-p leave.

use crate::generation::Sampling;
use crate::sampler::probability::{RELATIVE_ERROR, sum_of_exp};
use crate::sampler::scale::{Scaled, largest};

/// Tokens that share one maximum while the first `top_k` are looked for.
const GROUP: usize = 64;
/// How far below the largest scaled logit a nucleus is looked for first.
const DEPTH: f32 = 6.0;

/// The ids that are left, the largest scaled logit first; `None` where all are.
pub(super) fn cut(scaled: &Scaled, sampling: &Sampling) -> Option<Vec<u32>> {
    let all = sampling.top_k == 0 || sampling.top_k >= scaled.z.len();
    let top_p = (sampling.top_p < 1.0).then(|| f64::from(sampling.top_p));
    let keys = match (all, top_p) {
        (true, None) => return None,
        (true, Some(top_p)) => nucleus(scaled, top_p),
        (false, None) => top(&scaled.z, sampling.top_k),
        (false, Some(top_p)) => {
            let mut keys = top(&scaled.z, sampling.top_k);
            keys.truncate(exact(&keys, top_p));
            keys
        }
    };
    Some(keys.into_iter().map(id).collect())
}

/// A number that is larger for a larger value, and among equal values for a lower id. Zeros must be positive.
const fn key(value: f32, id: u32) -> u64 {
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

/// Keys of the values that are at least `least`.
fn keys_from(values: &[f32], least: f32) -> Vec<u64> {
    (0..).zip(values).filter(|(_, value)| **value >= least).map(|(id, value)| key(*value, id)).collect()
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
    let mut keys = keys_from(values, least);
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

/// The first keys of the whole order whose probabilities reach `top_p`. The rule wants the sum over all in their order; a sum in any order
/// with a bound on its error decides nearly always, and then only the head has to be sorted.
fn nucleus(scaled: &Scaled, top_p: f64) -> Vec<u64> {
    let sum = sum_of_exp(&scaled.z, scaled.max);
    let mut depth = DEPTH;
    while depth < 100.0 {
        let mut keys = keys_from(&scaled.z, scaled.max - depth);
        keys.sort_unstable_by(|a, b| b.cmp(a));
        match head(&keys, top_p, sum * (1.0 - RELATIVE_ERROR), sum * (1.0 + RELATIVE_ERROR)) {
            Head::Whole(count) => {
                keys.truncate(count);
                return keys;
            }
            Head::Longer => depth *= 2.0,
            Head::Unclear => break,
        }
    }
    let mut keys = keys_from(&scaled.z, f32::NEG_INFINITY);
    keys.sort_unstable_by(|a, b| b.cmp(a));
    keys.truncate(exact(&keys, top_p));
    keys
}

/// How many of these keys, which are all there are, reach `top_p`.
fn exact(keys: &[u64], top_p: f64) -> usize {
    let sum = exps(keys).sum();
    match head(keys, top_p, sum, sum) {
        Head::Whole(count) => count,
        Head::Longer | Head::Unclear => keys.len(),
    }
}

enum Head {
    Whole(usize),
    Longer,
    Unclear,
}

/// Where to stop, when the sum over all lies between `low` and `high`.
fn head(keys: &[u64], top_p: f64, low: f64, high: f64) -> Head {
    let mut before = 0.0;
    for (count, exp) in exps(keys).enumerate() {
        if count > 0 && before / high >= top_p {
            return Head::Whole(count);
        }
        if count > 0 && before / low >= top_p {
            return Head::Unclear;
        }
        before += exp;
    }
    if before / high >= top_p { Head::Whole(keys.len()) } else { Head::Longer }
}

/// Exponentials relative to the first key.
fn exps(keys: &[u64]) -> impl Iterator<Item = f64> + '_ {
    let most = keys.first().map_or(0.0, |key| f64::from(value(*key)));
    keys.iter().map(move |key| (f64::from(value(*key)) - most).exp())
}
