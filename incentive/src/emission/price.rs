//! The moving price of a subnet, by which blocks share out their TAO.

use crate::fixed::{I96F32, U64F64, convert, div, mul};

/// What the moving price of a subnet is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceRule {
    /// `SubnetMovingAlpha`: the largest share of the spot price.
    pub alpha: I96F32,
    /// `EMAPriceHalvingBlocks`: blocks after the start at which half of `alpha` is reached.
    pub halving: u64,
}

/// `SubnetMovingPrice` after one more block, `since_start` blocks after the subnet's start call.
///
/// A spot price above one counts as one.
#[must_use]
pub fn moving_price(moving: I96F32, spot: U64F64, since_start: u64, rule: &PriceRule) -> I96F32 {
    let blocks = U64F64::from_num(since_start);
    let ramp = div(blocks, blocks.saturating_add(U64F64::from_num(rule.halving)));
    let new = mul(convert(rule.alpha), ramp);
    let old = U64F64::ONE.saturating_sub(new);
    convert(mul(new, spot.min(U64F64::ONE)).saturating_add(mul(old, convert(moving))))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: PriceRule = PriceRule { alpha: I96F32::lit("0.5"), halving: 100 };

    #[test]
    fn the_average_follows_slowly() {
        let half = I96F32::lit("0.5");
        // After the halving time a quarter of the way is gone: 0.5 * 100 / (100 + 100).
        assert_eq!(moving_price(half, U64F64::ONE, 100, &RULE), I96F32::lit("0.625"));
        assert_eq!(moving_price(half, U64F64::lit("7"), 100, &RULE), I96F32::lit("0.625"));
        assert_eq!(moving_price(half, U64F64::ONE, 0, &RULE), half);
        assert_eq!(moving_price(half, U64F64::ONE, 0, &PriceRule { halving: 0, ..RULE }), half);
    }
}
