//! Margins of one source, gathered into blocks.

use incentive::evidence::{Open, Pair, Token, clipped};

/// Tokens of a block.
pub const BLOCK: u32 = 64;

/// What a source of answers has shown in one range of temperatures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blocks {
    /// Mean clipped margin of each whole block, in micro-logits.
    pub means: Vec<u32>,
    /// The same without tokens that jumped.
    pub quiet: Vec<u32>,
    /// Tokens that jumped: margins of half of the temperature and more, from the edges of top-k and top-p or where a sum happens
    /// to lose most of its digits. Rare, and each is worth many others.
    pub jumps: u64,
    /// Unclipped margins of tokens that are possible, in micro-logits.
    pub margins: Vec<u32>,
    /// Tokens that top-k or top-p exclude.
    pub excluded: u64,
    /// Tokens that the checker would have chosen.
    agreed: u64,
    open: Open,
    open_quiet: Open,
}

impl Blocks {
    /// Takes the margins of one answer; `temperature` in thousandths. Blocks run on from answer to answer.
    pub fn push(&mut self, temperature: u32, tokens: &[Token]) {
        for token in tokens {
            match token.margin {
                Some(margin) => self.margins.push(margin),
                None => self.excluded += 1,
            }
            self.agreed += u64::from(token.margin == Some(0));
            let margin = clipped(token.margin, temperature);
            let jumped = margin >= temperature.saturating_mul(500);
            self.jumps += u64::from(jumped);
            self.means.extend(self.open.push(margin, BLOCK));
            self.quiet.extend(self.open_quiet.push(if jumped { 0 } else { margin }, BLOCK));
        }
    }

    /// Whole blocks.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.means.len() as u64
    }

    /// Tokens.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        self.margins.len() as u64 + self.excluded
    }

    /// The largest mean.
    #[must_use]
    pub fn largest(&self) -> u32 {
        self.means.iter().copied().max().unwrap_or(0)
    }

    /// Mean of the means.
    #[must_use]
    pub fn mean(&self) -> u32 {
        let sum: u64 = self.means.iter().map(|mean| u64::from(*mean)).sum();
        sum.checked_div(self.count()).unwrap_or(0) as u32
    }

    /// How many means are above a limit.
    #[must_use]
    pub fn above(&self, limit: u32) -> u64 {
        self.means.iter().filter(|mean| **mean > limit).count() as u64
    }

    /// Both together.
    pub fn merge(&mut self, other: &Self) {
        self.means.extend(&other.means);
        self.quiet.extend(&other.quiet);
        self.jumps += other.jumps;
        self.margins.extend(&other.margins);
        self.excluded += other.excluded;
        self.agreed += other.agreed;
    }

    /// For people.
    #[must_use]
    pub fn pair(&self, name: String) -> Pair {
        Pair {
            name,
            blocks: self.means.len() as u32,
            agreement_ppm: (self.agreed * 1_000_000).checked_div(self.tokens()).unwrap_or(0) as u32,
            mean: self.mean(),
            largest: self.largest(),
        }
    }
}
