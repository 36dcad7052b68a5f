//! The largest sum of scaled logit and noise, without computing the noise of tokens that cannot have it.

use crate::sampler::Choice;
use crate::sampler::noise::{LARGEST, Noise, gumbel, last_word};
use crate::sampler::scale::{Scaled, first, largest};

/// Tokens that are looked at together.
const GROUP: usize = 256;

/// The token with the largest score, the lowest id among equals. What is passed over has a bound below the best score
/// so far: the largest scaled logit of its group and the largest noise that there is, or that its word allows.
pub(super) fn winner(scaled: &Scaled, noise: &Noise) -> Choice {
    let id = first(&scaled.z, scaled.max);
    // The most probable token first: a good score to begin with passes over most others.
    let mut best = Choice { id, score: scaled.max + noise.of(id) };
    let mut stream = noise.stream();
    let mut words = [0; GROUP];
    for (ids, group) in (0..).step_by(GROUP).zip(scaled.z.chunks(GROUP)) {
        let most = largest(group);
        let needed = best.score - most - slack(best.score, most);
        if needed > LARGEST || most == f32::NEG_INFINITY {
            continue;
        }
        let words = &mut words[..group.len()];
        noise.words(&mut stream, ids, words);
        let last = last_word(needed);
        for (id, (&z, &word)) in (ids..).zip(group.iter().zip(&*words)) {
            if word <= last {
                let score = z + gumbel(word);
                if score > best.score || (score == best.score && id < best.id) {
                    best = Choice { id, score };
                }
            }
        }
    }
    best
}

/// More than rounding can add to a sum of this size: a score is rounded by half of a 2^-23rd, the differences here
/// likewise.
fn slack(score: f32, z: f32) -> f32 {
    (score.abs() + z.abs() + LARGEST) * 2.0f32.powi(-20)
}
