//! From an epoch's emission to the accounts that it is paid to.

use std::collections::{BTreeMap, BTreeSet};

use crate::fixed::{U96F32, div, mul, proportion_u64, sum, to_u64};

/// What a subnet has gathered for its next epoch, rao.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pending {
    /// `PendingServerEmission`.
    pub server: u64,
    /// `PendingValidatorEmission`.
    pub validator: u64,
    /// `PendingRootAlphaDivs`.
    pub root: u64,
}

impl Pending {
    /// What the epoch has to share out.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.server.saturating_add(self.validator).saturating_add(self.root)
    }
}

/// What the division of dividends needs to know of a hotkey; `A` is its account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account<A> {
    /// The coldkey that owns the hotkey.
    pub coldkey: A,
    /// Stake of all nominators on the subnet, rao.
    pub alpha_stake: u64,
    /// Stake of all nominators on the root network, rao.
    pub root_stake: u64,
    /// `ChildkeyTake`, in 65535ths.
    pub childkey_take: u16,
    /// `ParentKeys`: proportion of the parent's stake in units of `1 / (2^64 - 1)`, and the parent.
    pub parents: Vec<(u64, A)>,
    /// `ChildKeys`: proportion of its own stake, and the child.
    pub children: Vec<(u64, A)>,
}

/// What an epoch's emission comes to, by hotkey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distribution<A> {
    /// To the owner coldkeys of miners, rao.
    pub incentives: BTreeMap<A, u64>,
    /// What validators' stake on the subnet receives together: with the miners' half where nobody mined, rao.
    pub validator_alpha: u64,
    /// To stake on the subnet, before the validator's take.
    pub alpha_dividends: BTreeMap<A, U96F32>,
    /// To stake on the root network, before the validator's take.
    pub root_dividends: BTreeMap<A, U96F32>,
    /// Dividends that childkeys burned on their way, rao.
    pub burned: u64,
}

/// Divides an epoch's emission among hotkeys.
///
/// `emission` holds server and validator emission by hotkey, as `yuma` computes them. The validators' emissions are
/// only proportions here: what is paid is `pending`.
#[must_use]
pub fn distribute<A: Ord + Clone>(
    pending: Pending,
    emission: &[(A, u64, u64)],
    accounts: &BTreeMap<A, Account<A>>,
    tao_weight: u64,
    childkey_burn: u64,
) -> Distribution<A> {
    let mut incentives = BTreeMap::<A, u64>::new();
    let mut dividends = BTreeMap::<A, U96F32>::new();
    let mut burned = 0u64;
    for (hotkey, server, validator) in emission {
        let incentive = incentives.entry(hotkey.clone()).or_default();
        *incentive = incentive.saturating_add(*server);
        let (parts, burn) = divide_dividend(hotkey, *validator, accounts, tao_weight, childkey_burn);
        burned = burned.saturating_add(burn);
        for (receiver, amount) in parts {
            let dividend = dividends.entry(receiver).or_default();
            *dividend = dividend.saturating_add(U96F32::from_num(amount));
        }
    }
    let nobody_mined = incentives.values().all(|incentive| *incentive == 0);
    let validator = if nobody_mined { pending.validator.saturating_add(pending.server) } else { pending.validator };
    let (mut alpha, mut root) = (BTreeMap::new(), BTreeMap::new());
    for (hotkey, dividend) in dividends {
        let part = mul(dividend, accounts.get(&hotkey).map_or(U96F32::ZERO, |account| root_part(account, tao_weight)));
        alpha.insert(hotkey.clone(), dividend.saturating_sub(part));
        root.insert(hotkey, part);
    }
    Distribution {
        incentives,
        validator_alpha: validator,
        alpha_dividends: share_out(alpha, validator),
        root_dividends: share_out(root, pending.root),
        burned,
    }
}

/// The part of a hotkey's weight that comes from the root network.
fn root_part<A>(account: &Account<A>, tao_weight: u64) -> U96F32 {
    let root = mul(U96F32::from_num(account.root_stake), proportion_u64(tao_weight));
    div(root, root.saturating_add(U96F32::from_num(account.alpha_stake)))
}

fn share_out<A: Ord>(parts: BTreeMap<A, U96F32>, amount: u64) -> BTreeMap<A, U96F32> {
    let total = sum(parts.values().copied());
    let amount = U96F32::from_num(amount);
    parts.into_iter().map(|(hotkey, part)| (hotkey, mul(div(part, total), amount))).collect()
}

/// Passes a hotkey's `dividend` on to those who lent it their stake: what each hotkey receives, and what is burned.
///
/// A parent of another coldkey leaves the hotkey its take, and `childkey_burn` (`CKBurn`) is burned; the hotkey itself
/// comes last in the result.
#[must_use]
pub fn divide_dividend<A: Ord + Clone>(
    hotkey: &A,
    dividend: u64,
    accounts: &BTreeMap<A, Account<A>>,
    tao_weight: u64,
    childkey_burn: u64,
) -> (Vec<(A, u64)>, u64) {
    let Some(child) = accounts.get(hotkey) else { return (vec![(hotkey.clone(), dividend)], 0) };
    let tao_weight = proportion_u64(tao_weight);
    let own = U96F32::from_num(to_u64(child.lent(child.kept(), tao_weight)));
    let lenders: Vec<(&A, &Account<A>, U96F32)> = child
        .parents
        .iter()
        .filter_map(|(part, parent)| Some((parent, accounts.get(parent)?, proportion_u64(*part))))
        .map(|(hotkey, parent, part)| (hotkey, parent, parent.lent(part, tao_weight)))
        .collect();
    let total = lenders.iter().fold(own, |total, (_, _, lent)| total.saturating_add(*lent));

    let dividend = U96F32::from_num(dividend);
    let take_share = div(U96F32::from_num(child.childkey_take), U96F32::from_num(u16::MAX));
    let (mut rest, mut takes, mut burned) = (dividend, U96F32::ZERO, 0u64);
    let mut parts = Vec::with_capacity(lenders.len() + 1);
    for (hotkey, parent, lent) in lenders {
        let mut part = mul(dividend, div(lent, total));
        rest = rest.saturating_sub(part);
        if parent.coldkey != child.coldkey {
            let (burn, take) = (mul(proportion_u64(childkey_burn), part), mul(take_share, part));
            part = part.saturating_sub(burn).saturating_sub(take);
            takes = takes.saturating_add(take);
            burned = burned.saturating_add(to_u64(burn));
        }
        parts.push((hotkey.clone(), to_u64(part)));
    }
    parts.push((hotkey.clone(), to_u64(rest.saturating_add(takes))));
    (parts, burned)
}

impl<A> Account<A> {
    /// What a `part` of the stake weighs, rao.
    fn lent(&self, part: U96F32, tao_weight: U96F32) -> U96F32 {
        let alpha = mul(U96F32::from_num(self.alpha_stake), part);
        let root = mul(mul(U96F32::from_num(self.root_stake), part), tao_weight);
        alpha.saturating_add(root)
    }

    /// The part of the stake that no child has.
    fn kept(&self) -> U96F32 {
        self.children.iter().fold(U96F32::ONE, |kept, (part, _)| kept.saturating_sub(proportion_u64(*part)))
    }
}

/// Miner emission after the subnet owner's own hotkeys were left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withheld<A> {
    /// What is paid, rao.
    pub paid: BTreeMap<A, u64>,
    /// What is burned or recycled instead, rao.
    pub amount: u64,
    /// `MinerBurned`: the part that was withheld.
    pub share: U96F32,
}

/// Leaves out the incentives of the subnet owner's hotkeys.
#[must_use]
pub fn withhold<A: Ord>(incentives: BTreeMap<A, u64>, owners: &BTreeSet<A>) -> Withheld<A> {
    let total = |incentives: &BTreeMap<A, u64>| incentives.values().fold(0u64, |sum, rao| sum.saturating_add(*rao));
    let all = total(&incentives);
    let (withheld, paid): (BTreeMap<A, u64>, _) =
        incentives.into_iter().partition(|(hotkey, _)| owners.contains(hotkey));
    let amount = total(&withheld);
    Withheld { paid, amount, share: div(U96F32::from_num(amount), U96F32::from_num(all)) }
}

/// Divides a dividend into what its stakers receive and what the validator takes, in 65535ths; rao.
#[must_use]
pub fn dividend_after_take(dividend: U96F32, take: u16) -> (u64, u64) {
    let taken = mul(dividend, div(U96F32::from_num(take), U96F32::from_num(u16::MAX)));
    (to_u64(dividend.saturating_sub(taken)), to_u64(taken))
}
