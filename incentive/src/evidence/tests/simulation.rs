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

/// Blocks until each chart alarms, if it does before `most`: those of [`Charts::mean`] and [`Charts::exceedance`].
fn found(stratum: &Stratum, most: u32, mut block: impl FnMut() -> u32) -> (Option<u32>, Option<u32>) {
    let (mut charts, mut found) = (Charts::default(), (None, None));
    for number in 1..=most {
        charts.add(stratum, block());
        if charts.mean >= Charts::MEAN_ALARM {
            found.0 = found.0.or(Some(number));
        }
        if charts.exceedance >= Charts::EXCEEDANCE_ALARM {
            found.1 = found.1.or(Some(number));
        }
    }
    found
}

/// Of a hundred miners that mix: how many each chart has found within `most` blocks.
fn mixing(mixed: f64, most: u32) -> (usize, usize) {
    let stratum = calibrated();
    let runs: Vec<_> = (0..100)
        .map(|seed| {
            let mut random = Random(1_000 + seed);
            found(&stratum, most, || random.block(mixed))
        })
        .collect();
    (runs.iter().filter(|run| run.0.is_some()).count(), runs.iter().filter(|run| run.1.is_some()).count())
}

#[test]
fn the_exceedance_chart_finds_q8_mixed_into_a_tenth_of_the_tokens() {
    // 192 000 tokens: the stated number.
    let (mean, exceedance) = mixing(0.1, 3_000);
    assert!(exceedance >= 95, "{exceedance} of 100");
    assert!(mean <= 75, "the mean alone does not: {mean} of 100");
    let (_, exceedance) = mixing(0.2, 600);
    assert!(exceedance >= 95, "twice as much is found five times sooner: {exceedance} of 100");
}

#[test]
fn the_mean_chart_finds_q8_on_whole_answers_first() {
    let (mean, exceedance) = mixing(1.0, 10);
    assert!(mean == 100 && exceedance < 50, "{mean} and {exceedance} of 100");
}

#[test]
fn q8_on_a_share_of_the_answers_adds_up() {
    // Every 20th answer, of four blocks each.
    let stratum = calibrated();
    let runs: Vec<_> = (0..100)
        .map(|seed| {
            let (mut random, mut blocks, mut mixed) = (Random(5_000 + seed), 0, 0.0);
            let next = || {
                if blocks % 4 == 0 {
                    mixed = if random.unit() < 0.05 { 1.0 } else { 0.0 };
                }
                blocks += 1;
                random.block(mixed)
            };
            let (mean, exceedance) = found(&stratum, 2_000, next);
            mean.unwrap_or(u32::MAX).min(exceedance.unwrap_or(u32::MAX))
        })
        .collect();
    let soon = runs.iter().filter(|&&run| run <= 400).count();
    assert!(soon >= 85, "{soon} of 100 within 400 blocks");
}

#[test]
fn an_honest_miner_is_not_accused() {
    let stratum = calibrated();
    let (mut random, mut charts) = (Random(7), Charts::default());
    let (mut suspicious, blocks) = (0, 1_000_000);
    for _ in 0..blocks {
        charts.add(&stratum, random.block(0.0));
        assert!(charts.standing() < Standing::Alarm, "after {} blocks", charts.blocks);
        suspicious += u32::from(charts.standing() == Standing::Suspicious);
    }
    assert!(suspicious < blocks / 100, "suspicion is rare: {suspicious} of {blocks} blocks");
}

#[test]
fn the_exceedance_chart_keeps_its_false_alarm_rate_at_its_bound() {
    // Exactly one block in a thousand over `soft`, the most that a table may have: on average 3.1 million blocks from one
    // alarm to the next.
    let stratum = calibrated();
    let (mut random, mut charts, mut alarms) = (Random(11), Charts::default(), 0);
    for _ in 0..10_000_000 {
        let over = random.unit() < 0.001;
        charts.add(&stratum, if over { stratum.soft + 1 } else { 0 });
        if charts.exceedance >= Charts::EXCEEDANCE_ALARM {
            (charts, alarms) = (Charts::default(), alarms + 1);
        }
    }
    assert!(alarms <= 8, "3 are expected: {alarms}");
}
