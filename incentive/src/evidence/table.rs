//! Whether a table can be judged by.

use super::{Stratum, Table};

/// A table that cannot be used, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// Made by another program.
    #[error(
        "table of version {found}: this program reads version {}; make a new one with `validator calibrate`",
        Table::VERSION
    )]
    Version {
        /// Its version.
        found: u32,
    },
    /// Too much or nothing of something.
    #[error("table: {what}: {found}; there are 1 to {most}")]
    Size {
        /// Of what.
        what: &'static str,
        /// How many.
        found: usize,
        /// How many there may be.
        most: usize,
    },
    /// A stratum that nothing falls into, or that overlaps the one before.
    #[error("table: stratum {from}..{to}: must be wider than nothing and begin where the one before ends, or later")]
    Strata {
        /// Its lower end, in thousandths.
        from: u32,
        /// Its upper end.
        to: u32,
    },
    /// Numbers of a stratum that contradict each other.
    #[error("table: stratum from {from}: {what}")]
    Limits {
        /// The stratum's lower end, in thousandths.
        from: u32,
        /// What is wrong.
        what: &'static str,
    },
}

impl Table {
    /// The layout that this program reads and writes.
    pub const VERSION: u32 = 1;
    /// Most ranges of temperatures.
    pub const STRATA_MAX: usize = 16;
    /// Most bins of evidence in one.
    pub const BINS_MAX: usize = 256;
    /// Most tokens of a block.
    pub const BLOCK_MAX: u32 = 4096;
    /// Most evidence of one block, for or against, in thousandths of a nat.
    pub const WEIGHT_MAX: i32 = 10_000;
    /// Most pairs of engines.
    pub const PAIRS_MAX: usize = 256;

    /// Whether it can be judged by: read from a file, it may hold anything.
    ///
    /// # Errors
    /// See [`TableError`].
    pub fn validate(&self) -> Result<(), TableError> {
        if self.version != Self::VERSION {
            return Err(TableError::Version { found: self.version });
        }
        sized("strata", self.strata.len(), Self::STRATA_MAX)?;
        sized("pairs", self.pairs.len(), Self::PAIRS_MAX)?;
        let mut end = 0;
        for stratum in &self.strata {
            let (from, to) = (stratum.from, stratum.to);
            if from >= to || from < end {
                return Err(TableError::Strata { from, to });
            }
            end = to;
            stratum.validate()?;
        }
        Ok(())
    }

    /// What holds at this temperature (in thousandths); `None` where nothing was measured.
    #[must_use]
    pub fn stratum(&self, temperature: u32) -> Option<&Stratum> {
        self.strata.iter().find(|stratum| (stratum.from..stratum.to).contains(&temperature))
    }
}

impl Stratum {
    fn validate(&self) -> Result<(), TableError> {
        sized("bins of evidence", self.evidence.len(), Table::BINS_MAX)?;
        let require = |holds: bool, what: &'static str| {
            if holds { Ok(()) } else { Err(TableError::Limits { from: self.from, what }) }
        };
        require((1..=Table::BLOCK_MAX).contains(&self.block), "a block has 1 to 4096 tokens")?;
        require(self.blocks > 0, "it must rest on honest blocks")?;
        require(self.soft <= self.hard, "`hard` must not lie below `soft`")?;
        require(self.false_positive_ppm <= 1_000_000, "`false_positive_ppm` is at most 1000000")?;
        require(
            self.evidence.is_sorted_by(|left, right| left.up_to < right.up_to),
            "the bins of evidence must ascend, each once",
        )?;
        require(
            self.evidence.last().is_some_and(|bin| bin.up_to == u32::MAX),
            "the last bin of evidence has no upper end (`up_to` = 4294967295)",
        )?;
        require(
            self.evidence.iter().all(|bin| bin.weight.unsigned_abs() <= Table::WEIGHT_MAX.unsigned_abs()),
            "the evidence of a block is at most 10000 thousandths of a nat, for or against",
        )
    }

    /// The evidence of a block with this mean, in thousandths of a nat.
    #[must_use]
    pub fn weight(&self, mean: u32) -> i32 {
        let bin = self.evidence.partition_point(|bin| bin.up_to < mean);
        self.evidence.get(bin).or(self.evidence.last()).map_or(0, |bin| bin.weight)
    }
}

fn sized(what: &'static str, found: usize, most: usize) -> Result<(), TableError> {
    if (1..=most).contains(&found) { Ok(()) } else { Err(TableError::Size { what, found, most }) }
}
