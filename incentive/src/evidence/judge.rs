//! What one checked answer says about the miner.

use super::{Charts, Standing, Table, Token, clipped};
use crate::verdict::Fault;

/// A margin of more than this many times the temperature, in thousandths of a logit: look at another answer.
const DOUBTED: u64 = 6_000;
/// And of this many: no noise of arithmetic reaches that far.
const REFUSED: u64 = 10_000;
/// A token that was not chosen and is less likely than the best by a factor of e^20 is not of this model.
const IMPLAUSIBLE: u32 = 20_000_000;

/// What one checked answer says about the miner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// What it is refused for: by its own tokens, or because all that is remembered is too much.
    pub fault: Option<Fault>,
    /// Whether another answer of this miner is to be checked now.
    pub again: bool,
}

/// Adds the tokens of one answer, chosen at this temperature (in thousandths), to the charts, and judges it.
///
/// In this order: a token that the model would never have chosen ([`Fault::WrongTokens`]), a wrong end, a block (it may
/// have begun in an earlier answer) worse than any honest one, and the charts' alarm. A temperature that the table has no
/// stratum for adds no blocks and no ends; its tokens are judged one by one.
#[must_use]
pub fn judge(charts: &mut Charts, table: &Table, temperature: u32, tokens: &[Token]) -> Judgement {
    let stratum = table.stratum(temperature);
    let (mut foreign, mut end, mut worst, mut doubted) = (false, false, 0, false);
    for token in tokens {
        foreign |= is_foreign(token, temperature);
        doubted |= exceeds(token.margin, temperature, DOUBTED);
        let Some(stratum) = stratum else { continue };
        end |= token.end && token.margin.unwrap_or(token.gap) > stratum.end;
        let margin = clipped(token.margin, temperature);
        let open = charts.open.entry(stratum.from).or_default();
        if let Some(mean) = open.push(margin, stratum.block) {
            charts.add(stratum, mean);
            worst = worst.max(mean);
        }
    }
    if foreign || doubted {
        charts.watch();
    }
    let standing = charts.standing();
    let fault = if foreign {
        Some(Fault::WrongTokens)
    } else if end {
        Some(Fault::WrongEnd)
    } else if stratum.is_some_and(|stratum| worst > stratum.hard) {
        Some(Fault::WrongTokens)
    } else {
        (standing == Standing::Alarm).then_some(Fault::Drift)
    };
    Judgement { fault, again: fault.is_some() || doubted }
}

/// Whether the model would never have chosen it. Unlikely alone is no fault: of a hundred thousand unlikely tokens the
/// seed chooses one now and then, and then its margin is small.
fn is_foreign(token: &Token, temperature: u32) -> bool {
    // At temperature 0 the clip would be 0, and penalties can make a right token unlikely.
    let chosen = token.margin.is_some_and(|margin| margin < clipped(None, temperature.max(500)));
    exceeds(token.margin, temperature, REFUSED) || (!chosen && token.gap > IMPLAUSIBLE)
}

/// Whether a margin is over so many thousandths of a logit times the temperature. Noise of arithmetic does not shrink with
/// the temperature, so that below a half it is taken as one.
fn exceeds(margin: Option<u32>, temperature: u32, limit: u64) -> bool {
    margin.is_some_and(|margin| u64::from(margin) > limit * u64::from(temperature.max(500)))
}
