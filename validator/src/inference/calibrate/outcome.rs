//! From what was measured to a table.

use anyhow::{Context as _, Result, ensure};
use incentive::evidence::Table;
use incentive::task::ModelDigest;
use proof::inference::SAMPLER;

use super::blocks::Blocks;
use super::limits::{self, Weighed};
use super::measured::Measured;
use super::report::{Outcome, Weight};
use super::source::Model;
use super::strata::{STRATA, Temperatures};
use super::{BLOCKS_MIN, prints};
use crate::inference::tables;

/// Puts what was measured together.
pub(super) fn outcome(
    model: &Model,
    families: &[Vec<Measured>],
    cheats: &[Measured],
    foreign: &Measured,
) -> Result<Outcome> {
    let all = || families.iter().flatten();
    let pairs: Vec<_> = all().map(|measured| Blocks::sum(&measured.blocks).pair(measured.name.clone())).collect();
    let (mut strata, mut weights) = (Vec::new(), Vec::new());
    for (index, range) in STRATA.into_iter().enumerate() {
        let of_range = |family: &Vec<Measured>| {
            let parts: Vec<_> = family.iter().map(|measured| &measured.blocks[index]).collect();
            Blocks::sum(parts.iter().copied())
        };
        let honest: Vec<Blocks> = families.iter().map(of_range).filter(|blocks| blocks.count() > 0).collect();
        let mut stratum = limits::stratum(range, &honest, Vec::new()).with_context(|| {
            format!("temperatures {range}: an engine has fewer than {BLOCKS_MIN} blocks; give more of its answers")
        })?;
        measurable(range, &foreign.blocks[index], stratum.hard)?;
        let (cheat, Weighed { bins, drift }) = mildest(&honest, cheats, index, range)?;
        stratum.evidence = bins;
        weights.push(Weight { cheat, drift });
        strata.push(stratum);
    }
    let forged = families[0][0].prints.forged(model.info.hidden);
    let fingerprint = prints::limits(all().flat_map(|measured| &measured.prints.distances), &forged);
    let table = Table {
        version: Table::VERSION,
        model: ModelDigest(model.info.digest),
        sampler: SAMPLER.to_owned(),
        checker: tables::checker(),
        strata,
        fingerprint,
        pairs,
    };
    Ok(Outcome { digest: hex::encode(tables::digest(&table)), table, weights })
}

/// The cheat with the least evidence against it that can be told from honest engines.
fn mildest(honest: &[Blocks], cheats: &[Measured], index: usize, range: Temperatures) -> Result<(String, Weighed)> {
    let weighed = cheats.iter().filter_map(|cheat| {
        let weighed = limits::weigh(honest, &cheat.blocks[index])?;
        Some((cheat.name.clone(), weighed))
    });
    weighed.min_by(|a, b| a.1.drift.total_cmp(&b.1.drift)).with_context(|| {
        let names: Vec<_> = cheats.iter().map(|cheat| cheat.name.as_str()).collect();
        format!("temperatures {range}: honest engines differ so much that none of these is seen: {}", names.join(", "))
    })
}

/// Tokens of a model that is sure of itself are the same under every seed, and show nothing about how they were made.
fn measurable(range: Temperatures, foreign: &Blocks, hard: u32) -> Result<()> {
    let seen = foreign.mean();
    ensure!(
        seen > 2 * hard,
        "temperatures {range}: this model leaves nothing to chance: answers under another seed have a mean margin of {:.4} \
         logits, and honest ones may reach {:.4}; it cannot be checked by its tokens",
        f64::from(seen) / 1e6,
        f64::from(hard) / 1e6
    );
    Ok(())
}
