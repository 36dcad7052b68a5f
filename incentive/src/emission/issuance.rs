//! From what a block mints to what a subnet holds until its epoch.

use crate::fixed::{I96F32, U64F64, U96F32, convert, div, mul, sum, to_u64};

/// TAO that will ever exist, and likewise the tokens of each subnet, rao.
const SUPPLY: u64 = 21_000_000_000_000_000;

/// What the first block mints, rao.
const FIRST_EMISSION: u64 = 1_000_000_000;

/// What a block mints when `issuance` rao exist: it halves each time half of what was missing is there.
///
/// The same function holds for TAO and for each subnet's own token.
#[must_use]
pub fn block_emission(issuance: u64) -> u64 {
    // After `halvings` the issuance has reached SUPPLY * (1 - 2^-halvings).
    let reached = |halvings: u32| {
        let missing = u128::from(SUPPLY.saturating_sub(issuance));
        missing.checked_shl(halvings).is_some_and(|scaled| scaled <= u128::from(SUPPLY))
    };
    let halvings = (1..u64::BITS).take_while(|halvings| reached(*halvings)).last().unwrap_or(0);
    FIRST_EMISSION >> halvings
}

/// A subnet that takes part in the emission of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// `SubnetMovingPrice`; one for a subnet with the stable mechanism 0.
    pub moving_price: I96F32,
    /// `MinerBurned`: the part of the last epoch's miner emission that was withheld.
    pub miner_burned: U96F32,
    /// `SubnetEmissionEnabled`.
    pub enabled: bool,
}

/// Each candidate's share of the price of all, less what it withholds from its miners.
///
/// Where all of them withhold everything, the prices alone count.
#[must_use]
pub fn price_shares(candidates: &[Candidate]) -> Vec<U64F64> {
    let mut by_price: Vec<U64F64> = candidates.iter().map(|c| convert(c.moving_price)).collect();
    rescale(&mut by_price);
    let mut shares: Vec<U64F64> = by_price.iter().zip(candidates).map(|(share, c)| mul(*share, kept(c))).collect();
    if sum(shares.iter().copied()) == U64F64::ZERO {
        return by_price;
    }
    rescale(&mut shares);
    shares
}

/// Each candidate's share of the TAO that a block mints: what is disabled leaves its part to the others.
#[must_use]
pub fn shares(candidates: &[Candidate]) -> Vec<U64F64> {
    let mut shares = price_shares(candidates);
    if candidates.iter().all(|candidate| candidate.enabled) {
        return shares;
    }
    for (share, candidate) in shares.iter_mut().zip(candidates) {
        if !candidate.enabled {
            *share = U64F64::ZERO;
        }
    }
    rescale(&mut shares);
    shares
}

fn kept(candidate: &Candidate) -> U64F64 {
    U64F64::ONE.saturating_sub(convert::<U64F64>(candidate.miner_burned).min(U64F64::ONE))
}

fn rescale(values: &mut [U64F64]) {
    let total = sum(values.iter().copied());
    for value in values {
        *value = div(*value, total);
    }
}

/// The part of the TAO that a block mints for a subnet with this share, rao.
#[must_use]
pub fn tao_emission(block_emission: u64, share: U64F64) -> U96F32 {
    convert(mul(U64F64::from_num(block_emission), share))
}

/// Whether stake on the root network is paid: the moving prices of all subnets that take part exceed one together.
///
/// Otherwise its part is recycled.
#[must_use]
pub fn root_is_paid(candidates: &[Candidate]) -> bool {
    sum(candidates.iter().map(|candidate| convert::<U96F32>(candidate.moving_price))) > U96F32::ONE
}

/// The part of a subnet's dividends that belongs to stake on the root network.
#[must_use]
pub fn root_proportion(root_tao: u64, tao_weight: u64, alpha_issuance: u64) -> U96F32 {
    let root = mul(U96F32::from_num(root_tao), crate::fixed::proportion_u64(tao_weight));
    div(root, root.saturating_add(U96F32::from_num(alpha_issuance)))
}

/// What a block adds to the pool of one subnet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Injection {
    /// TAO put into the pool, rao.
    pub tao_in: U96F32,
    /// Subnet tokens put into the pool, rao.
    pub alpha_in: U96F32,
    /// TAO left over, which buys subnet tokens from the pool, rao.
    pub excess_tao: U96F32,
}

/// Pairs a subnet's `tao` with new subnet tokens at the price of the pool.
///
/// No more than `root_proportion` of the block's `alpha_emission` is added.
#[must_use]
pub fn inject(tao: U96F32, price: U96F32, alpha_emission: u64, root_proportion: U96F32) -> Injection {
    let limit = mul(root_proportion, U96F32::from_num(alpha_emission));
    let wanted = div(tao, price);
    if wanted <= limit {
        return Injection { tao_in: tao, alpha_in: wanted, excess_tao: U96F32::ZERO };
    }
    let tao_in = mul(limit, price);
    Injection { tao_in, alpha_in: limit, excess_tao: tao.saturating_sub(tao_in) }
}

/// What a block adds to a subnet's pending amounts, rao.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// For the subnet's owner.
    pub owner: u64,
    /// For miners.
    pub server: u64,
    /// For validators' stake on the subnet.
    pub validator: u64,
    /// For stake on the root network.
    pub root: u64,
}

/// Divides a block's `alpha_emission`: the owner's cut in 65535ths, then one half to miners, one to validators and root.
///
/// `root_proportion` is the one after the block's tokens were minted.
#[must_use]
pub fn split(alpha_emission: u64, owner_cut: u16, root_proportion: U96F32) -> Split {
    const HALF: U96F32 = U96F32::lit("0.5");
    let emission = U96F32::from_num(alpha_emission);
    let owner = mul(emission, div(U96F32::from_num(owner_cut), U96F32::from_num(u16::MAX)));
    let rest = emission.saturating_sub(owner);
    let server = mul(rest, HALF);
    let root = mul(mul(root_proportion, rest), HALF);
    let validator = rest.saturating_sub(server).saturating_sub(root);
    Split { owner: to_u64(owner), server: to_u64(server), validator: to_u64(validator), root: to_u64(root) }
}
