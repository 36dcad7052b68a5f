use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::fixed::{I96F32, U64F64, U96F32};

const TAO: u64 = 1_000_000_000;

fn candidate(price: i64, burned: u64, enabled: bool) -> Candidate {
    Candidate { moving_price: I96F32::from_num(price), miner_burned: U96F32::from_num(burned), enabled }
}

fn quarters(shares: &[U64F64]) -> Vec<u64> {
    shares.iter().map(|share| (*share * U64F64::from_num(4)).to_num()).collect()
}

#[test]
fn emission_halves_each_time_half_of_the_rest_is_there() {
    let half = 10_500_000 * TAO;
    assert_eq!(block_emission(0), TAO);
    assert_eq!(block_emission(half - 1), TAO);
    assert_eq!(block_emission(half), TAO / 2);
    assert_eq!(block_emission(half + half / 2 - 1), TAO / 2);
    assert_eq!(block_emission(half + half / 2), TAO / 4);
    assert_eq!(block_emission(21_000_000 * TAO), 0);
    assert_eq!(block_emission(u64::MAX), 0);
}

#[test]
fn shares_follow_price_less_what_is_withheld() {
    assert_eq!(quarters(&shares(&[candidate(3, 0, true), candidate(1, 0, true)])), [3, 1]);
    assert_eq!(quarters(&shares(&[candidate(3, 1, true), candidate(1, 0, true)])), [0, 4]);
    assert_eq!(quarters(&shares(&[candidate(3, 1, true), candidate(1, 9, true)])), [3, 1], "all withhold all");
    assert_eq!(quarters(&shares(&[candidate(3, 0, false), candidate(1, 0, true)])), [0, 4]);
    assert_eq!(quarters(&price_shares(&[candidate(3, 0, false), candidate(1, 0, true)])), [3, 1]);
    assert_eq!(quarters(&shares(&[candidate(0, 0, true), candidate(-1, 0, false)])), [0, 0]);
    assert!(shares(&[]).is_empty());
}

#[test]
fn root_is_paid_above_a_price_of_one() {
    assert!(!root_is_paid(&[candidate(1, 0, true)]));
    assert!(root_is_paid(&[candidate(1, 0, true), candidate(1, 0, false)]));
}

#[test]
fn an_injection_is_limited_by_root() {
    let (half, tao) = (U96F32::lit("0.5"), U96F32::from_num(100));
    let free = inject(tao, half, 1000, half);
    assert_eq!((free.tao_in, free.alpha_in, free.excess_tao), (tao, U96F32::from_num(200), U96F32::ZERO));
    let limited = inject(tao, half, 200, half);
    let expected = [50, 100, 50].map(U96F32::from_num::<u32>);
    assert_eq!([limited.tao_in, limited.alpha_in, limited.excess_tao], expected);
    assert_eq!(inject(tao, U96F32::ZERO, 200, half).alpha_in, U96F32::ZERO, "no price, no liquidity");
}

#[test]
fn a_block_is_split_among_owner_miners_validators_and_root() {
    // A fifth to the owner, half of the rest to miners, a quarter of the other half to root.
    let quarter = root_proportion(1000, u64::MAX, 3000);
    assert_eq!(quarter, U96F32::lit("0.25"));
    let parts = split(1000, 13_107, quarter);
    // One fifth is cut off below 200, so the owner's part rounds down and the rest of 800 and a bit does not.
    assert_eq!(parts, Split { owner: 199, server: 400, validator: 300, root: 100 });
    assert_eq!(split(1000, 0, U96F32::ZERO), Split { owner: 0, server: 500, validator: 500, root: 0 });
}

#[test]
fn the_owner_mines_for_nobody() {
    let incentives = BTreeMap::from([(1, 30), (2, 10)]);
    let held = withhold(incentives.clone(), &BTreeSet::from([2, 9]));
    assert_eq!((held.paid, held.amount, held.share), (BTreeMap::from([(1, 30)]), 10, U96F32::lit("0.25")));
    assert_eq!(withhold(incentives, &BTreeSet::new()).share, U96F32::ZERO);
    assert_eq!(withhold(BTreeMap::<u8, u64>::new(), &BTreeSet::new()).share, U96F32::ZERO);
}

fn account(coldkey: u8, alpha_stake: u64) -> Account<u8> {
    Account { coldkey, alpha_stake, root_stake: 0, childkey_take: 0, parents: Vec::new(), children: Vec::new() }
}

#[test]
fn a_dividend_passes_to_parents() {
    // 100 own and half of the 200 of each parent: a third each.
    let half = u64::MAX / 2 + 1;
    let child = Account { childkey_take: 6_554, parents: vec![(half, 2), (half, 3)], ..account(1, 100) };
    let accounts = BTreeMap::from([(1, child), (2, account(1, 200)), (3, account(7, 200))]);
    let (parts, burned) = divide_dividend(&1, 3_000_000, &accounts, 0, 0);
    // The parent of another coldkey leaves a tenth (6554 of 65535) to the child.
    assert_eq!(parts, [(2, 999_999), (3, 899_992), (1, 1_100_007)]);
    assert_eq!(burned, 0);
    let (parts, burned) = divide_dividend(&1, 3_000_000, &accounts, 0, half);
    assert_eq!((parts[1], burned), ((3, 399_992), 499_999));
    assert_eq!(divide_dividend(&9, 5, &accounts, 0, 0), (vec![(9, 5)], 0), "a stranger keeps its own");
}

#[test]
fn dividends_follow_the_kind_of_stake() {
    // Hotkey 2 has nothing but root stake, hotkey 1 nothing but stake on the subnet.
    let accounts = BTreeMap::from([(1, account(1, 100)), (2, Account { root_stake: 100, ..account(2, 0) })]);
    let pending = Pending { server: 400, validator: 300, root: 100 };
    let paid = distribute(pending, &[(1, 0, 50), (2, 0, 50), (3, 400, 0)], &accounts, u64::MAX, 0);
    let rao = |dividends: &BTreeMap<u8, U96F32>| [1, 2].map(|key| dividends[&key].to_num::<u64>());
    assert_eq!((rao(&paid.alpha_dividends), rao(&paid.root_dividends)), ([300, 0], [0, 100]));
    assert_eq!((paid.validator_alpha, paid.incentives[&3]), (300, 400));
    let idle = distribute(pending, &[(1, 0, 50)], &accounts, u64::MAX, 0);
    assert_eq!(idle.validator_alpha, 700, "without a miner the miners' half goes to validators");
    assert_eq!(dividend_after_take(U96F32::from_num(1000), u16::MAX), (0, 1000));
}
