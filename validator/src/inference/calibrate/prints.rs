//! How far honest fingerprints lie apart, and whether one that was made without the model would pass.

use incentive::evidence::FingerprintLimits;
use proof::fingerprint::{CHUNK, Distance, Fingerprint, forge};

use super::measure::Seen;

/// Chunks of states that are kept to forge by and to judge forgeries with.
const KEPT: usize = 64;
/// How much more than the largest honest distance is granted, in percent.
const GUARD: u64 = 120;

/// Fingerprints of one source.
#[derive(Clone, Debug, Default)]
pub struct Prints {
    /// From the checker's states.
    pub distances: Vec<Distance>,
    /// Some whole chunks of the checker's states.
    chunks: Vec<Vec<u16>>,
}

impl Prints {
    /// Takes those of an answer; `width` entries are a state.
    pub fn push(&mut self, seen: Seen, width: usize) {
        self.distances.extend(seen.distances);
        let room = KEPT - self.chunks.len();
        self.chunks.extend(seen.states.chunks_exact((CHUNK * width).max(1)).take(room).map(<[u16]>::to_vec));
    }

    /// Distances of fingerprints that need no model: from states that are always the same, learnt from the first half of the
    /// chunks and judged by the second, and from a polynomial that is the same everywhere.
    #[must_use]
    pub fn forged(&self, width: usize) -> Vec<Distance> {
        let (learnt, judged) = self.chunks.split_at(self.chunks.len() / 2);
        let mut constant = forge::constant_channels(&learnt.concat(), width);
        constant.truncate(CHUNK * width);
        let constant = Fingerprint::of(&constant);
        judged.iter().flat_map(|chunk| [constant.distance(chunk), forge::constant(chunk).distance(chunk)]).collect()
    }
}

/// Limits that all honest fingerprints keep, with a guard; `None` where there are none, or a forged one keeps them too: then a
/// fingerprint shows nothing.
#[must_use]
pub fn limits<'a>(honest: impl IntoIterator<Item = &'a Distance>, forged: &[Distance]) -> Option<FingerprintLimits> {
    let mut most: Option<[u64; 3]> = None;
    for distance in honest {
        let of = [u64::from(distance.exponents + distance.signs), distance.mean, distance.median];
        let [a, b, c] = most.unwrap_or_default();
        most = Some([a.max(of[0]), b.max(of[1]), c.max(of[2])]);
    }
    let guarded = |value: u64| u32::try_from(value.saturating_mul(GUARD).div_ceil(100).max(1)).unwrap_or(u32::MAX);
    let [exponents, mean, median] = most?.map(guarded);
    let passes = |distance: &Distance| distance.within(exponents, mean.into(), median.into());
    (!forged.is_empty() && !forged.iter().any(passes)).then_some(FingerprintLimits { exponents, mean, median })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distance(exponents: u32, mean: u64, median: u64) -> Distance {
        Distance { exponents, signs: 0, mean, median }
    }

    #[test]
    fn limits_hold_all_that_is_honest() {
        let honest = [distance(3, 900, 0), distance(1, 2000, 2)];
        let limits = limits(&honest, &[distance(120, 30_000, 30)]).expect("they tell");
        assert_eq!(limits, FingerprintLimits { exponents: 4, mean: 2400, median: 3 });
    }

    #[test]
    fn what_can_be_forged_is_not_asked_for() {
        let honest = [distance(3, 900, 1)];
        assert_eq!(limits(&honest, &[distance(120, 30_000, 30), distance(4, 1000, 1)]), None);
        assert_eq!(limits(&honest, &[]), None, "nothing was tried");
        assert_eq!(limits(&[], &[distance(120, 30_000, 30)]), None, "nothing was measured");
        let signs = Distance { signs: 60, ..distance(0, 900, 1) };
        assert!(limits(&honest, &[signs]).is_some(), "signs count with the exponents");
    }

    #[test]
    fn states_that_never_change_are_forged() {
        // Two rows' worth of entries, the same in every chunk: channels are constant, and a fingerprint of them passes.
        let width = 8;
        let row: Vec<u16> = (0..width as u16).map(|channel| 0x3f80 + 16 * channel).collect();
        let states = row.repeat(CHUNK * 8);
        let mut prints = Prints::default();
        prints.push(Seen { tokens: Vec::new(), distances: Vec::new(), states }, width);
        let forged = prints.forged(width);
        assert_eq!(forged.len(), 8);
        assert_eq!(limits(&[distance(0, 0, 0)], &forged), None);
    }
}
