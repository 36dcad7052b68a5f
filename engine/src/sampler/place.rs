//! How a token stands to the one that the rule chooses, for who checks with logits that are a little different.

use crate::generation::Sampling;
use crate::sampler::cut::key_of;
use crate::sampler::{Noise, Row, SamplerError, contest, cut, scale};

/// How a token stands to the chosen one, in units of scores: times the temperature these are logits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// The score of the chosen token less its own, at temperature 0 the difference of logits. `None` where top-k or top-p
    /// exclude it by more than the edge.
    pub margin: Option<f32>,
    /// The same of the best of the end tokens: 0 where the chosen token ends the answer.
    pub end: Option<f32>,
}

/// Places `token` where two honest machines may see the difference of two logits `edge` apart, and so disagree on which
/// tokens top-k and top-p leave. The cut is taken where it is kindest to the token: as wide as it must be to hold it, and
/// as narrow as it may be otherwise. Then neither a token that one side alone kept nor one that the other side alone kept
/// counts as a fault. At an edge of 0 it is the rule as it stands.
///
/// # Errors
/// As [`crate::sampler::choose`].
pub fn place(row: &Row<'_>, sampling: &Sampling, token: u32, ends: &[u32], edge: f32) -> Result<Place, SamplerError> {
    let mut scaled = scale::scale(row, sampling)?;
    if sampling.temperature == 0.0 {
        let behind = |id: u32| scaled.z.get(id as usize).map(|z| scaled.max - z).filter(|margin| margin.is_finite());
        let end = ends.iter().filter_map(|id| behind(*id)).min_by(f32::total_cmp);
        return Ok(Place { margin: behind(token), end });
    }
    let mut admitted = true;
    if let Some(bounds) = cut::bounds(&scaled, sampling, edge) {
        admitted = bounds.admit(&scaled, token);
        let own = key_of(&scaled, token).filter(|_| admitted);
        scaled.keep_from(bounds.sure.min(own.unwrap_or(bounds.sure)));
    }
    let noise = Noise::new(&sampling.seed, row.position, row.vocabulary);
    let best = contest::winner(&scaled, &noise).score;
    let behind = |id: u32| {
        let z = scaled.z.get(id as usize).filter(|z| z.is_finite())?;
        Some(best - (z + noise.of(id)))
    };
    let end = ends.iter().filter_map(|id| behind(*id)).min_by(f32::total_cmp);
    Ok(Place { margin: behind(token).filter(|_| admitted), end })
}
