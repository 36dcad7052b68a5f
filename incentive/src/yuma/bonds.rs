//! Bonds: what a validator gains from having weighed a miner early and rightly.

use super::Epoch;
use super::matrix::{Matrix, Row, at, dense, normalize_columns, scale_rows, sparse, upscale_columns, weighted_rows};
use crate::fixed::{I32F32, I64F64, convert, div, exp, mul, normalize, proportion};

/// How bonds move from one epoch to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BondRule {
    /// Yuma 2: bonds grow with weight times stake, and columns sum to one. `Yuma3On` is off.
    Classic,
    /// Yuma 3: each validator's bonds follow its own weights; stake enters with the dividends. The rule of new subnets.
    #[default]
    Yuma3,
    /// Yuma 3 with a speed of its own for each entry. `Yuma3On` and `LiquidAlphaOn`.
    Liquid(LiquidAlpha),
}

impl BondRule {
    /// The rule that `Yuma3On` and `LiquidAlphaOn` select; liquid alpha needs Yuma 3.
    #[must_use]
    pub const fn new(yuma3: bool, liquid: Option<LiquidAlpha>) -> Self {
        match (yuma3, liquid) {
            (false, _) => Self::Classic,
            (true, None) => Self::Yuma3,
            (true, Some(liquid)) => Self::Liquid(liquid),
        }
    }
}

/// The range of the speed of bonds under liquid alpha.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiquidAlpha {
    /// `AlphaValues.0`, `x / 65535`.
    pub low: u16,
    /// `AlphaValues.1`, `x / 65535`.
    pub high: u16,
    /// `AlphaSigmoidSteepness`, hundredths.
    pub steepness: i16,
}

/// New bonds and the dividends that follow from them.
pub(super) struct Bonds {
    pub stored: Matrix,
    pub dividends: Vec<I32F32>,
}

/// Old bonds in the scale that the rule reads: `x / 65535` under Yuma 3, plain integers before.
pub(super) fn read(rule: BondRule, value: u16) -> I32F32 {
    match rule {
        BondRule::Classic => I32F32::from_num(value),
        BondRule::Yuma3 | BondRule::Liquid(_) => proportion(value),
    }
}

/// Moves the bonds and draws the dividends.
pub(super) fn advance(
    epoch: &Epoch,
    weights: &[Row],
    old: Matrix,
    consensus: &[I32F32],
    active_stake: &[I32F32],
    incentive: &[I32F32],
) -> Bonds {
    let speed = speed(epoch.bonds_moving_average);
    let stored = match epoch.bond_rule {
        BondRule::Classic => return classic(weights, old, active_stake, incentive, speed),
        BondRule::Liquid(liquid) if consensus.iter().any(|c| *c != I32F32::ZERO) => {
            liquid.moving_average(weights, &old, consensus)
        }
        BondRule::Yuma3 | BondRule::Liquid(_) => moving_average(weights, &old, speed),
    };
    let mut shares = stored.clone();
    normalize_columns(&mut shares);
    let drawn = weighted_rows(&shares, incentive);
    let mut dividends: Vec<I32F32> = drawn.iter().zip(active_stake).map(|(d, s)| mul(*d, *s)).collect();
    normalize(&mut dividends);
    Bonds { stored, dividends }
}

fn classic(weights: &[Row], mut old: Matrix, stake: &[I32F32], incentive: &[I32F32], speed: I32F32) -> Bonds {
    normalize_columns(&mut old);
    let mut bought = scale_rows(weights, stake);
    normalize_columns(&mut bought);
    let mut stored = moving_average(&bought, &old, speed);
    normalize_columns(&mut stored);
    let mut dividends = weighted_rows(&stored, incentive);
    normalize(&mut dividends);
    upscale_columns(&mut stored);
    Bonds { stored, dividends }
}

/// The share of the new value in a moving average: one minus `BondsMovingAverage / 10^6`.
fn speed(bonds_moving_average: u64) -> I32F32 {
    let kept: I64F64 = div(convert(bonds_moving_average), I64F64::from_num(1_000_000));
    I32F32::ONE.saturating_sub(convert(kept))
}

/// `speed * new + (1 - speed) * old` where that is positive.
fn moving_average(new: &[Row], old: &[Row], speed: I32F32) -> Matrix {
    let size = new.len();
    let rest = I32F32::ONE.saturating_sub(speed);
    let blend = |(new, old): (&Row, &Row)| {
        if new.is_empty() && old.is_empty() {
            return Row::new();
        }
        let mut values = vec![I32F32::ZERO; size];
        for (row, factor) in [(new, speed), (old, rest)] {
            for (j, value) in row {
                if let Some(slot) = values.get_mut(usize::from(*j)) {
                    *slot = slot.saturating_add(mul(factor, *value));
                }
            }
        }
        sparse(&values)
    };
    new.iter().zip(old).map(blend).collect()
}

impl LiquidAlpha {
    /// The moving average with a speed per entry. Bonds without a weight vanish at once, the order of the
    /// weights remains.
    fn moving_average(&self, new: &[Row], old: &[Row], consensus: &[I32F32]) -> Matrix {
        let size = new.len();
        let curve = Curve::new(self);
        let blend = |(new, old): (&Row, &Row)| {
            if new.is_empty() {
                return Row::new();
            }
            let (seen_new, seen_old) = (ascending(new, size), ascending(old, size));
            let held = dense(old, size);
            let moved = new.iter().map(|(j, value)| {
                let speed = curve.speed(at(&seen_new, *j), at(&seen_old, *j), at(consensus, *j));
                let kept = mul(I32F32::ONE.saturating_sub(speed), at(&held, *j));
                let gained = mul(speed, *value).max(I32F32::ZERO);
                (*j, kept.saturating_add(gained).min(I32F32::ONE))
            });
            let mut row = Row::with_capacity(new.len());
            row.extend(moved.filter(|(_, value)| *value > I32F32::ZERO));
            row
        };
        new.iter().zip(old).map(blend).collect()
    }
}

/// The entries that a walk over ascending columns meets; in an unsorted row the chain overlooks the others.
fn ascending(row: &[(u16, I32F32)], size: usize) -> Vec<I32F32> {
    let mut seen = vec![I32F32::ZERO; size];
    let mut next = 0;
    for (j, value) in row {
        if *j >= next {
            next = j.saturating_add(1);
            if let Some(slot) = seen.get_mut(usize::from(*j)) {
                *slot = *value;
            }
        }
    }
    seen
}

/// A sigmoid from the distance to the consensus to the speed of a bond.
struct Curve {
    low: I32F32,
    high: I32F32,
    slope: I32F32,
}

impl Curve {
    fn new(liquid: &LiquidAlpha) -> Self {
        let slope = I32F32::from_num(liquid.steepness).saturating_div(I32F32::from_num(-100));
        Self { low: proportion(liquid.low), high: proportion(liquid.high), slope }
    }

    fn speed(&self, weight: I32F32, bond: I32F32, consensus: I32F32) -> I32F32 {
        const HALF: I32F32 = I32F32::lit("0.5");
        let distance = if weight >= bond { weight.saturating_sub(consensus) } else { bond.saturating_sub(weight) };
        let distance = distance.clamp(I32F32::ZERO, I32F32::ONE);
        let falling = exp(mul(self.slope, distance.saturating_sub(HALF)));
        let sigmoid = div(I32F32::ONE, I32F32::ONE.saturating_add(falling));
        let speed = self.low.saturating_add(mul(sigmoid, self.high.saturating_sub(self.low)));
        // Not `clamp`: that panics when the owner's two values are in the wrong order.
        speed.max(self.low).min(self.high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bond_as_large_as_the_weight_is_measured_by_the_consensus() {
        let curve = Curve::new(&LiquidAlpha { low: 6_554, high: 58_982, steepness: 1000 });
        let (one, half) = (I32F32::ONE, I32F32::lit("0.5"));
        let middle = curve.speed(one, one, half);
        assert_eq!(middle, curve.speed(half, one, one), "half away from the bond or from the consensus");
        assert!(curve.speed(one, one, I32F32::ZERO) > middle);
        assert!(curve.speed(one, one, one) < middle);
        assert_eq!(
            curve.speed(I32F32::ZERO, I32F32::ZERO, one),
            curve.speed(one, one, one),
            "distances are not negative"
        );
    }
}
