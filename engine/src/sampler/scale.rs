//! Penalties and temperature: from logits to what noise is added to.

use std::collections::HashMap;

use crate::generation::Sampling;
use crate::sampler::cut::key;
use crate::sampler::{Row, SamplerError};

/// Scaled logits of a row. Zeros are positive, so that equal numbers have equal bits.
pub(super) struct Scaled {
    /// One for each token: finite, or negative infinity.
    pub z: Vec<f32>,
    /// The largest, which is finite.
    pub max: f32,
}

impl Scaled {
    /// The ids of the row.
    pub fn ids(&self) -> impl Iterator<Item = u32> + use<> {
        0..u32::try_from(self.z.len()).unwrap_or(u32::MAX)
    }

    /// Leaves these tokens alone possible. One at negative infinity cannot win either way.
    pub fn keep(&mut self, ids: &[u32]) {
        let mut z = vec![f32::NEG_INFINITY; self.z.len()];
        for &id in ids {
            z[id as usize] = self.z[id as usize];
        }
        self.z = z;
    }

    /// Leaves the tokens from this key on possible.
    pub fn keep_from(&mut self, least: u64) {
        for (id, z) in (0..).zip(&mut self.z) {
            *z = if key(*z, id) >= least { *z } else { f32::NEG_INFINITY };
        }
    }
}

/// Each operation is rounded to f32 by itself: `((logit - frequency * count) - presence) / temperature`, the penalties
/// for tokens of the answer only, no division at temperature 0.
///
/// # Errors
/// When a parameter is out of range, or the logits are none.
pub(super) fn scale(row: &Row<'_>, sampling: &Sampling) -> Result<Scaled, SamplerError> {
    sampling.params().check()?;
    if row.logits.len() > row.vocabulary || u32::try_from(row.vocabulary).is_err() {
        return Err(SamplerError::Empty(row.logits.len()));
    }
    // No early exit, so that it runs in vectors.
    if !row.logits.iter().fold(true, |proper, &logit| proper & (logit < f32::INFINITY)) {
        return Err(improper(row.logits));
    }
    let mut z = row.logits.to_vec();
    penalise(&mut z, row.answer, sampling);
    let divisor = if sampling.temperature == 0.0 { 1.0 } else { sampling.temperature };
    for z in &mut z {
        *z = *z / divisor + 0.0;
    }
    let max = largest(&z);
    if max == f32::NEG_INFINITY {
        return Err(SamplerError::Empty(row.logits.len()));
    }
    // A logit near the end of the range of f32 leaves it at a small temperature.
    if max == f32::INFINITY {
        Err(SamplerError::Logit { id: first(&z, max), value: max })
    } else {
        Ok(Scaled { z, max })
    }
}

fn penalise(z: &mut [f32], answer: &[u32], sampling: &Sampling) {
    let (presence, frequency) = (sampling.presence_penalty, sampling.frequency_penalty);
    if presence == 0.0 && frequency == 0.0 {
        return;
    }
    let mut counts: HashMap<u32, u32> = HashMap::new();
    for &id in answer {
        *counts.entry(id).or_default() += 1;
    }
    for (id, count) in counts {
        if let Some(z) = z.get_mut(id as usize) {
            *z = (*z - frequency * count as f32) - presence;
        }
    }
}

/// The largest number; in lanes, because a chain of comparisons waits for each.
pub(super) fn largest(z: &[f32]) -> f32 {
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    let (lanes, rest) = z.as_chunks::<16>();
    let mut best = [f32::NEG_INFINITY; 16];
    for lane in lanes {
        best = std::array::from_fn(|at| larger(best[at], lane[at]));
    }
    best.iter().chain(rest).fold(f32::NEG_INFINITY, |best, &z| larger(best, z))
}

/// The lowest id with this value.
pub(super) fn first(z: &[f32], value: f32) -> u32 {
    (0..).zip(z).find(|(_, z)| **z == value).map_or(0, |(id, _)| id)
}

fn improper(logits: &[f32]) -> SamplerError {
    let (id, value) = (0..)
        .zip(logits)
        .find(|(_, logit)| logit.is_nan() || **logit == f32::INFINITY)
        .map_or((0, f32::NAN), |(id, value)| (id, *value));
    SamplerError::Logit { id, value }
}
