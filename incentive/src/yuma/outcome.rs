//! What an epoch writes: proportions in 16 bits, amounts in rao.

use super::Terms;
use super::matrix::Row;
use crate::fixed::{I32F32, I96F32, div, mul, normalize, sum, to_u16, to_u64};

/// What the chain stores after an epoch of one mechanism; vectors are by uid.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// `Active`.
    pub active: Vec<bool>,
    /// Stake including what counts from the root network, rao.
    pub stake: Vec<u64>,
    /// `StakeWeight`.
    pub stake_weight: Vec<u16>,
    /// `Consensus`.
    pub consensus: Vec<u16>,
    /// `Incentive`.
    pub incentive: Vec<u16>,
    /// `Dividends`.
    pub dividends: Vec<u16>,
    /// `ValidatorTrust`.
    pub validator_trust: Vec<u16>,
    /// `ValidatorPermit` from now on.
    pub permits: Vec<bool>,
    /// `Bonds`: all rows are written, those without a permit empty.
    pub bonds: Vec<Vec<(u16, u16)>>,
    /// What miners earn, rao.
    pub server_emission: Vec<u64>,
    /// What validators earn before it is passed on to parents, rao.
    pub validator_emission: Vec<u64>,
    /// `Emission`: both together, rao.
    pub emission: Vec<u64>,
}

/// The three vectors that an epoch's emission is multiplied with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shares {
    /// Sum of all incentives and dividends.
    pub sum: I32F32,
    /// The miners' shares of the emission.
    pub server: Vec<I32F32>,
    /// The validators' shares of the emission.
    pub validator: Vec<I32F32>,
    /// Both together.
    pub combined: Vec<I32F32>,
}

impl Terms {
    /// The shares of the emission. Where nobody earned anything, stake is paid.
    #[must_use]
    pub fn shares(&self) -> Shares {
        let mut combined: Vec<I32F32> =
            self.incentive.iter().zip(&self.dividends).map(|(i, d)| i.saturating_add(*d)).collect();
        let total = sum(combined.iter().copied());
        if total == I32F32::ZERO {
            let nobody_has_a_say = sum(self.active_stake.iter().copied()) == I32F32::ZERO;
            let stake = if nobody_has_a_say { &self.stake } else { &self.active_stake };
            return Shares {
                sum: total,
                server: self.incentive.clone(),
                validator: stake.clone(),
                combined: stake.clone(),
            };
        }
        normalize(&mut combined);
        let of_total = |values: &[I32F32]| values.iter().map(|value| div(*value, total)).collect();
        Shares { sum: total, server: of_total(&self.incentive), validator: of_total(&self.dividends), combined }
    }

    /// Rounds for storage and shares out `rao_emission`; sums may stay a few rao below it.
    #[must_use]
    pub fn share_out(&self, rao_emission: u64) -> Outcome {
        let shares = self.shares();
        let u16s = |values: &[I32F32]| values.iter().copied().map(to_u16).collect::<Vec<u16>>();
        let rao = |values: &[I32F32]| {
            let emission = I96F32::from_num(rao_emission);
            values.iter().map(|share| to_u64(mul(I96F32::from_num(*share), emission))).collect::<Vec<u64>>()
        };
        let bonds = |(row, permit): (&Row, &bool)| match permit {
            true => row.iter().map(|(j, value)| (*j, to_u16(*value))).collect(),
            false => Vec::new(),
        };
        Outcome {
            active: self.active.clone(),
            stake: self.total_stake.iter().copied().map(to_u64).collect(),
            stake_weight: u16s(&self.stake),
            consensus: u16s(&self.consensus),
            incentive: u16s(&self.incentive),
            dividends: u16s(&self.dividends),
            validator_trust: u16s(&self.validator_trust),
            permits: self.permits.clone(),
            bonds: self.bonds.iter().zip(&self.permits).map(bonds).collect(),
            server_emission: rao(&shares.server),
            validator_emission: rao(&shares.validator),
            emission: rao(&shares.combined),
        }
    }
}
