//! From the blocks of honest engines to limits that they keep, and to what a block weighs as evidence. Pure.

use incentive::evidence::{Bin, Stratum, Table, clipped};

use super::blocks::{BLOCK, Blocks};
use super::bounds;
use super::strata::Temperatures;

/// The share of honest blocks that may lie above the soft limit.
pub const SHARE: f64 = 1e-3;
/// The chance that an honest block reaches the hard limit, or an honest token the limit of ends.
const CHANCE: f64 = 1e-6;
/// How much more noise than was measured is granted, in percent.
const GUARD: u64 = 120;
/// A cheat that has not this much evidence against it in a block, in nats, takes thousands of them: it is none to weigh by.
const DRIFT: f64 = 0.02;

/// The limits of a range of temperatures, from families of honest engines: each has its own noise, the noisiest decides.
/// `None` where no family has enough blocks for any limit.
#[must_use]
pub fn stratum(range: Temperatures, families: &[Blocks], evidence: Vec<Bin>) -> Option<Stratum> {
    let most = |of: &dyn Fn(&Blocks) -> Option<f64>| {
        families.iter().map(of).try_fold(0.0, |most: f64, value| Some(most.max(value?))).map(guarded)
    };
    let soft = families.iter().map(edge).max().map(|edge| guarded(f64::from(edge)))?;
    let hard = most(&|family| far(range, family))?;
    let end = most(&|family| bounds::beyond(&family.margins, CHANCE))?;
    let share = |family: &Blocks| bounds::share_at_most(family.above(soft), family.count());
    let worst = families.iter().map(share).fold(0.0, f64::max);
    Some(Stratum {
        from: range.from,
        to: range.to,
        block: BLOCK,
        blocks: families.iter().map(|family| family.count() as u32).sum(),
        soft,
        hard: hard.max(soft),
        false_positive_ppm: (worst * 1e6).ceil() as u32,
        evidence,
        end,
    })
}

/// A mean that honest blocks reach with a probability of [`CHANCE`] at most. Tokens that jump do not come from the tail of the
/// others: as many as may come together are added, each as large as it can be.
fn far(range: Temperatures, family: &Blocks) -> Option<f64> {
    let jumps = bounds::share_at_most(family.jumps, family.tokens()) * f64::from(BLOCK);
    let jump = f64::from(clipped(None, range.to - 1)) / f64::from(BLOCK);
    Some(bounds::beyond(&family.quiet, CHANCE)? + f64::from(bounds::events_beyond(jumps, CHANCE)) * jump)
}

/// The lowest limit that bounds the share above it by [`SHARE`]; the largest block where there are too few.
fn edge(family: &Blocks) -> u32 {
    let above = bounds::allowed(family.count(), SHARE).unwrap_or(0) as usize;
    let mut means = family.means.clone();
    means.sort_unstable_by(|a, b| b.cmp(a));
    means.get(above).copied().unwrap_or(0)
}

/// With the guard; never 0, for no engine agrees with all others for ever.
fn guarded(limit: f64) -> u32 {
    ((limit * GUARD as f64 / 100.0).ceil() as u32).max(1)
}

/// What blocks weigh against a cheat, and how fast it is found.
#[derive(Clone, Debug, PartialEq)]
pub struct Weighed {
    /// By mean clipped margin.
    pub bins: Vec<Bin>,
    /// Mean weight of a block of the cheat, in nats; that of honest blocks is negative.
    pub drift: f64,
}

/// Logarithms of how much more often a cheat has such blocks than the noisiest honest engine, were it noisier still by the
/// guard. They rise with the margin, so that less noise than that never counts against anybody. `None` where the cheat
/// can hardly be told from honest engines.
#[must_use]
pub fn weigh(families: &[Blocks], cheat: &Blocks) -> Option<Weighed> {
    let noisiest = families.iter().max_by_key(|family| family.mean())?;
    let honest: Vec<u32> = noisiest.means.iter().map(|mean| (u64::from(*mean) * GUARD / 100) as u32).collect();
    let shelves = shelves(&honest, &cheat.means);
    // One more on each shelf than was seen, as in the ratios.
    let total = |of: fn(&Shelf) -> f64| shelves.iter().map(|shelf| of(shelf) + 1.0).sum::<f64>();
    let (all_honest, all_cheat) = (total(|shelf| shelf.honest), total(|shelf| shelf.cheat));
    let weight = |shelf: &Shelf| (shelf.ratio() * all_honest / all_cheat).ln();
    let drift = shelves.iter().map(|shelf| (shelf.cheat + 1.0) / all_cheat * weight(shelf)).sum();
    let bins = shelves.iter().map(|shelf| Bin { up_to: shelf.up_to, weight: milli(weight(shelf)) }).collect();
    (drift >= DRIFT).then_some(Weighed { bins, drift })
}

/// Blocks by their means. Neighbours whose ratios would not rise become one.
fn shelves(honest: &[u32], cheat: &[u32]) -> Vec<Shelf> {
    let edges = edges(honest, cheat);
    let counts = |means: &[u32]| {
        let mut counts = vec![0.0; edges.len()];
        means.iter().for_each(|mean| counts[edges.partition_point(|edge| edge < mean)] += 1.0);
        counts
    };
    let mut shelves: Vec<Shelf> = Vec::new();
    for ((up_to, honest), cheat) in edges.iter().zip(counts(honest)).zip(counts(cheat)) {
        let mut shelf = Shelf { up_to: *up_to, honest, cheat };
        while let Some(below) = shelves.pop_if(|below| below.ratio() >= shelf.ratio()) {
            shelf = Shelf { honest: below.honest + shelf.honest, cheat: below.cheat + shelf.cheat, ..shelf };
        }
        shelves.push(shelf);
    }
    shelves
}

/// Ends of shelves: quantiles of both.
fn edges(honest: &[u32], cheat: &[u32]) -> Vec<u32> {
    let honest = [0.1, 0.25, 0.5, 0.75, 0.9, 0.97, 0.995].into_iter().filter_map(|part| quantile(honest, part));
    let cheat = [0.05, 0.2, 0.4, 0.6, 0.8, 0.95].into_iter().filter_map(|part| quantile(cheat, part));
    let mut edges: Vec<u32> = honest.chain(cheat).chain([u32::MAX]).collect();
    edges.sort_unstable();
    edges.dedup();
    edges
}

/// Thousandths of a nat, never more than a table may hold.
fn milli(nats: f64) -> i32 {
    let most = f64::from(Table::WEIGHT_MAX);
    (nats * 1000.0).floor().clamp(-most, most) as i32
}

/// Blocks whose means lie together.
struct Shelf {
    up_to: u32,
    honest: f64,
    cheat: f64,
}

impl Shelf {
    /// One more of each than was seen: what was not seen may still be.
    fn ratio(&self) -> f64 {
        (self.cheat + 1.0) / (self.honest + 1.0)
    }
}

/// The value below which this part of the values lies.
fn quantile(values: &[u32], part: f64) -> Option<u32> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.get((values.len() as f64 * part) as usize).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGE: Temperatures = Temperatures { from: 800, to: 1201 };

    /// Blocks whose means are quantiles of an exponential law.
    fn blocks(count: u32, mean: f64) -> Blocks {
        let quantile = |i: u32| (-mean * (f64::from(i) / f64::from(count + 1)).ln()) as u32;
        let mut blocks = Blocks::default();
        blocks.means = (1..=count).map(quantile).collect();
        blocks.margins.clone_from(&blocks.means);
        blocks.quiet.clone_from(&blocks.means);
        blocks
    }

    #[test]
    fn limits_are_those_of_the_noisiest_family() {
        let (quiet, noisy) = (blocks(3000, 100.0), blocks(3000, 1000.0));
        let both = stratum(RANGE, &[quiet, noisy.clone()], Vec::new()).expect("enough");
        let alone = stratum(RANGE, std::slice::from_ref(&noisy), Vec::new()).expect("enough");
        assert_eq!((both.soft, both.hard, both.end), (alone.soft, alone.hard, alone.end));
        assert_eq!(both.soft, (f64::from(noisy.largest()) * 1.2).ceil() as u32);
        assert!(both.hard > both.soft);
        assert!(both.false_positive_ppm <= 1000 && both.blocks == 6000);
    }

    #[test]
    fn fewer_blocks_state_a_weaker_bound() {
        let stratum = stratum(RANGE, &[blocks(300, 1000.0)], Vec::new()).expect("enough");
        assert_eq!(stratum.false_positive_ppm, 9937);
        assert_eq!(super::stratum(RANGE, &[blocks(30, 1000.0)], Vec::new()), None);
    }

    #[test]
    fn many_blocks_may_have_some_above() {
        // 10 000 blocks: four of them may lie above, and the bound still holds.
        assert_eq!(bounds::allowed(10_000, SHARE), Some(4));
        let family = blocks(10_000, 1000.0);
        assert!(edge(&family) < family.largest());
        assert_eq!(family.above(edge(&family)), 4);
    }

    #[test]
    fn evidence_rises_and_is_against_the_cheat() {
        let honest = blocks(3000, 1000.0);
        let Weighed { bins, drift } = weigh(&[blocks(3000, 10.0), honest.clone()], &blocks(3000, 4000.0)).expect("far");
        assert!(bins.is_sorted_by(|a, b| a.up_to < b.up_to && a.weight <= b.weight), "{bins:?}");
        assert_eq!(bins.last().map(|bin| bin.up_to), Some(u32::MAX));
        let weight = |mean: u32| f64::from(bins.iter().find(|bin| mean <= bin.up_to).expect("a bin").weight) / 1000.0;
        let gained =
            |blocks: &Blocks| blocks.means.iter().map(|mean| weight(*mean)).sum::<f64>() / blocks.count() as f64;
        assert!(gained(&honest) < -0.1 && drift > 0.1, "{} and {drift}", gained(&honest));
        // What decides how often an honest miner is suspected: its evidence gains nothing in the mean, as a factor.
        let factor = honest.means.iter().map(|mean| weight(*mean).exp()).sum::<f64>() / 3000.0;
        assert!(factor <= 1.0, "{factor}");
    }

    #[test]
    fn what_looks_honest_is_no_evidence() {
        assert_eq!(weigh(&[blocks(3000, 1000.0)], &blocks(3000, 1000.0)), None);
        assert_eq!(weigh(&[blocks(3000, 1000.0)], &blocks(3000, 500.0)), None, "less noise than honest engines");
    }
}
