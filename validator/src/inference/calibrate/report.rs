//! What a calibration has found, for people and for programs.

use std::fmt::{self, Display, Formatter};

use incentive::evidence::{FingerprintLimits, Stratum, Table};
use serde::Serialize;

use super::{bounds, limits};

/// A table and what stands behind it.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// Names the table in records.
    pub digest: String,
    /// What was written.
    pub table: Table,
    /// For each range of temperatures, what evidence is weighed against.
    pub weights: Vec<Weight>,
}

/// A cheat that evidence is weighed against.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Weight {
    /// What it does.
    pub cheat: String,
    /// Mean evidence of one of its blocks, in nats.
    pub drift: f64,
}

impl Display for Outcome {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Table { model, checker, pairs, strata, .. } = &self.table;
        writeln!(f, "model 0x{model}\nchecked by {checker}\n")?;
        let width = pairs.iter().map(|pair| pair.name.len()).max().unwrap_or(0);
        writeln!(
            f,
            "{:width$}  {:>7}  {:>9}  {:>12}  {:>13}",
            "honest engines", "blocks", "agreement", "mean margin", "largest block"
        )?;
        for pair in pairs {
            let agreement = f64::from(pair.agreement_ppm) / 1e4;
            let (mean, largest) = (logits(pair.mean), logits(pair.largest));
            writeln!(f, "{:width$}  {:>7}  {agreement:>7.3} %  {mean:>12.6}  {largest:>13.6}", pair.name, pair.blocks)?;
        }
        writeln!(
            f,
            "\ntemperatures   blocks  soft limit  hard limit  limit of ends  honest blocks over the soft limit"
        )?;
        for stratum in strata {
            let Stratum { from, to, blocks, soft, hard, end, false_positive_ppm, .. } = stratum;
            let range = super::strata::Temperatures { from: *from, to: *to };
            let (soft, hard, end) = (logits(*soft), logits(*hard), logits(*end));
            let share = f64::from(*false_positive_ppm) / 1e4;
            writeln!(
                f,
                "{range:13}  {blocks:>6}  {soft:>10.5}  {hard:>10.5}  {end:>13.5}  at most {share:.3} %, with 95 % confidence"
            )?;
        }
        writeln!(f)?;
        for (stratum, weight) in strata.iter().zip(&self.weights) {
            let range = super::strata::Temperatures { from: stratum.from, to: stratum.to };
            let Weight { cheat, drift } = weight;
            let alarm = f64::from(incentive::evidence::Charts::MEAN_ALARM) / 1000.0 / drift;
            writeln!(f, "evidence at {range} is weighed against: {cheat} (found in about {} blocks)", alarm.ceil())?;
        }
        match &self.table.fingerprint {
            Some(FingerprintLimits { exponents, mean, median }) => writeln!(
                f,
                "fingerprints: {exponents} exponents and signs may differ, mantissas by {:.3} on average and {median} in the middle",
                f64::from(*mean) / 1000.0
            )?,
            None => writeln!(f, "fingerprints: none are asked for, one that needs no model would pass")?,
        }
        self.weaker(f)
    }
}

impl Outcome {
    /// Says so where the bound is weaker than it could be.
    fn weaker(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let worst = self.table.strata.iter().map(|stratum| stratum.false_positive_ppm).max().unwrap_or(0);
        if f64::from(worst) > limits::SHARE * 1e6 {
            writeln!(
                f,
                "\nThis is a weak bound: {} blocks of each kind of engine and range of temperatures bound the share by one \
                 in a thousand. Until then blocks over the soft limit are not counted as evidence of their own.",
                bounds::needed(limits::SHARE)
            )?;
        }
        Ok(())
    }
}

fn logits(micro: u32) -> f64 {
    f64::from(micro) / 1e6
}
