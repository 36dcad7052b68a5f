//! How soon cheats are found and how rarely honest miners are accused, with the margins of the reference's toy model.
//!
//! Honest tokens differ from the checker's choice with a probability of 3.65 %, those of q8_0 weights with 8.2 %; the
//! margin is then exponential with means of 0.096 and 0.239 logits. That gives blocks of 64 tokens with the measured
//! means (0.0035, 0.0196), medians (0.0027, 0.018) and 95 % quantile (0.0098) of the honest ones.

use super::*;

const BLOCK: u32 = 64;
const HONEST: Margins = Margins { rate: 0.0365, mean: 95_900.0 };
const Q8: Margins = Margins { rate: 0.082, mean: 239_000.0 };

#[derive(Clone, Copy)]
struct Margins {
    /// Tokens that are not the checker's choice.
    rate: f64,
    /// Mean of their margins, in micro-logits.
    mean: f64,
}

/// `SplitMix64`.
struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// The mean clipped margin of a block of which each token is that of `Q8` with the probability `mixed`.
    fn block(&mut self, mixed: f64) -> u32 {
        let mut sum = 0;
        for (margins, share) in [(HONEST, 1.0 - mixed), (Q8, mixed)] {
            let rate = margins.rate * share;
            // From one deviating token to the next, instead of through all of them.
            let mut at = self.gap(rate);
            while at < BLOCK {
                let margin = -(1.0 - self.unit()).ln() * margins.mean;
                sum += clipped(Some(margin as u32), 1_000);
                at = at.saturating_add(1).saturating_add(self.gap(rate));
            }
        }
        sum / BLOCK
    }

    fn gap(&mut self, rate: f64) -> u32 {
        if rate <= 0.0 { u32::MAX } else { ((1.0 - self.unit()).ln() / (-rate).ln_1p()) as u32 }
    }
}

/// A stratum calibrated as the procedure says: the 99.9 % quantile and a fifth as guard, log ratios of histograms.
fn calibrated() -> Stratum {
    let blocks = |seed, mixed| {
        let mut random = Random(seed);
        let mut blocks: Vec<u32> = (0..60_000).map(|_| random.block(mixed)).collect();
        blocks.sort_unstable();
        blocks
    };
    let (honest, cheat) = (blocks(1, 0.0), blocks(2, 1.0));
    let soft = honest[honest.len() * 999 / 1000];
    let edges: Vec<u32> = (1..16).map(|step| soft * step / 12).chain([u32::MAX]).collect();
    let mut from = 0;
    let evidence = edges
        .iter()
        .map(|&up_to| {
            let count =
                |blocks: &[u32]| blocks.iter().filter(|&&mean| (from..=up_to).contains(&mean)).count() as f64 + 0.5;
            let weight = ((count(&cheat) / count(&honest)).ln() * 1000.0) as i32;
            from = up_to.saturating_add(1);
            Bin { up_to, weight: weight.clamp(-Table::WEIGHT_MAX, Table::WEIGHT_MAX) }
        })
        .collect();
    Stratum { block: BLOCK, soft: soft * 6 / 5, hard: soft * 4, evidence, ..table().strata[0].clone() }
}

/// Blocks until each chart alarms, at most `most`: (mean, exceedance).
fn found(stratum: &Stratum, seed: u64, mixed: f64, most: u32) -> (Option<u32>, Option<u32>) {
    let (mut random, mut charts, mut found) = (Random(seed), Charts::default(), (None, None));
    for block in 1..=most {
        charts.add(stratum, random.block(mixed));
        if charts.mean >= Charts::MEAN_ALARM {
            found.0 = found.0.or(Some(block));
        }
        if charts.exceedance >= Charts::EXCEEDANCE_ALARM {
            found.1 = found.1.or(Some(block));
        }
    }
    found
}

#[test]
fn print() {
    let stratum = calibrated();
    println!("SIM {stratum:?}");
    let t = std::time::Instant::now();
    println!("SIM honest {:?} {:?}", found(&stratum, 99, 0.0, 300_000), t.elapsed());
    for mixed in [0.05, 0.1, 0.2, 0.5, 1.0] {
        let runs: Vec<_> = (0..100).map(|seed| found(&stratum, 1000 + seed, mixed, 8_000)).collect();
        for (name, mut v) in [
            ("mean", runs.iter().map(|r| r.0.unwrap_or(u32::MAX)).collect::<Vec<_>>()),
            ("exc", runs.iter().map(|r| r.1.unwrap_or(u32::MAX)).collect()),
        ] {
            v.sort();
            println!(
                "SIM {mixed} {name} median {} p90 {} p95 {} max {}; within 4000: {}",
                v[50],
                v[90],
                v[95],
                v[99],
                v.iter().filter(|&&x| x <= 4000).count()
            );
        }
    }
}
