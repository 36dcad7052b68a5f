//! What must hold for every epoch, whatever is in the chain's storage.

use incentive::emission::{self, Account, Pending};
use incentive::fixed::U96F32;
use incentive::yuma::{self, BondRule, Commit, Epoch, LiquidAlpha, Mechanism, Neuron, Outcome, Voice};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

/// One TAO.
const RAO: u64 = 1_000_000_000;

/// All rao of a token that will ever exist.
const SUPPLY: u64 = 21_000_000 * RAO;

fn bond_rule() -> impl Strategy<Value = BondRule> {
    let liquid = any::<(u16, u16, i16)>().prop_map(|(low, high, steepness)| LiquidAlpha { low, high, steepness });
    (any::<bool>(), proptest::option::of(liquid)).prop_map(|(yuma3, liquid)| BondRule::new(yuma3, liquid))
}

/// Rows as hostile as storage could hold: unsorted, with zeros, twice the same column, columns beyond the last uid.
fn row(columns: u16) -> impl Strategy<Value = Vec<(u16, u16)>> {
    vec((0..columns.max(1), prop_oneof![Just(0), Just(u16::MAX), any::<u16>()]), 0..12)
}

fn voice(columns: u16) -> impl Strategy<Value = Voice> {
    (0u64..300, proptest::option::of(0u64..300), row(columns), row(columns))
        .prop_map(|(last_update, committed, weights, bonds)| Voice { last_update, committed, weights, bonds })
}

fn neuron() -> impl Strategy<Value = Neuron> {
    let stake = || prop_oneof![Just(0), Just(u64::MAX), 0..RAO, any::<u64>()];
    (stake(), stake(), 0u64..300, any::<bool>()).prop_map(|(alpha_stake, tao_stake, registered, permit)| Neuron {
        alpha_stake,
        tao_stake,
        registered,
        permit,
    })
}

prop_compose! {
    fn epoch()(
        (block, tempo, last_step, activity_cutoff) in (0u64..400, any::<u16>(), 0u64..400, 0u64..400),
        (tao_weight, stake_threshold) in (any::<u64>(), prop_oneof![Just(0), 0..RAO, any::<u64>()]),
        (owner, max_validators) in (proptest::option::of(0u16..20), 0u16..20),
        (kappa, bonds_penalty) in any::<(u16, u16)>(),
        bonds_moving_average in prop_oneof![0u64..=1_000_000, any::<u64>()],
        bond_rule in bond_rule(),
        neurons in vec(neuron(), 0..14),
    ) -> Epoch {
        Epoch {
            block, tempo, last_step, activity_cutoff, tao_weight, stake_threshold, owner, max_validators, kappa,
            bonds_penalty, bonds_moving_average, bond_rule, neurons,
        }
    }
}

/// As many voices as may be, also fewer or more than neurons.
fn mechanism() -> impl Strategy<Value = Mechanism> {
    prop_oneof![Just(20), Just(u16::MAX)]
        .prop_flat_map(|columns| vec(voice(columns), 0..16))
        .prop_map(|voices| Mechanism { voices })
}

fn total(values: &[u64]) -> u128 {
    values.iter().map(|value| u128::from(*value)).sum()
}

fn assert_well_formed(outcome: &Outcome, size: usize) -> Result<(), TestCaseError> {
    for length in [outcome.incentive.len(), outcome.consensus.len(), outcome.validator_trust.len()] {
        prop_assert_eq!(length, size);
    }
    prop_assert_eq!((outcome.active.len(), outcome.permits.len(), outcome.bonds.len()), (size, size, size));
    for (row, permit) in outcome.bonds.iter().zip(&outcome.permits) {
        prop_assert!(*permit || row.is_empty(), "bonds without a permit");
        prop_assert!(row.iter().all(|(column, _)| usize::from(*column) < size));
    }
    Ok(())
}

proptest! {
    #[test]
    fn no_input_makes_an_epoch_fail(epoch in epoch(), mechanism in mechanism(), rao: u64) {
        let outcome = yuma::run(&epoch, &mechanism, rao);
        assert_well_formed(&outcome, epoch.neurons.len())?;
        prop_assert_eq!(&outcome, &yuma::run(&epoch, &mechanism, rao));
    }

    #[test]
    fn no_more_is_paid_than_there_is(mut epoch in epoch(), mechanism in mechanism(), rao: u64) {
        // Beyond a million millionths the average is none, and beyond what can exist sums of stake saturate.
        epoch.bonds_moving_average %= 1_000_001;
        for neuron in &mut epoch.neurons {
            neuron.alpha_stake %= SUPPLY;
            neuron.tao_stake %= SUPPLY;
        }
        let outcome = yuma::run(&epoch, &mechanism, rao);
        let paid = total(&outcome.server_emission) + total(&outcome.validator_emission);
        prop_assert!(paid <= u128::from(rao));
        prop_assert!(total(&outcome.emission) <= u128::from(rao));
        prop_assert!(outcome.incentive.iter().map(|x| u32::from(*x)).sum::<u32>() <= 65_535);
        prop_assert!(outcome.dividends.iter().map(|x| u32::from(*x)).sum::<u32>() <= 65_535);
    }

    #[test]
    fn permits_go_to_the_largest_stakes(epoch in epoch(), mechanism in mechanism()) {
        let terms = yuma::terms(&epoch, &mechanism);
        let owner = |uid: usize| epoch.owner.is_some_and(|owner| usize::from(owner) == uid);
        let given = terms.permits.iter().enumerate().filter(|(uid, permit)| **permit && !owner(*uid)).count();
        prop_assert!(given <= usize::from(epoch.max_validators));
        for (uid, stake) in terms.stake.iter().enumerate().filter(|(uid, _)| terms.permits[*uid] && !owner(*uid)) {
            let better = terms.stake.iter().zip(&terms.permits).filter(|(other, permit)| *other > stake && !**permit);
            prop_assert_eq!(better.count(), 0, "a larger stake than that of uid {} went without", uid);
        }
    }

    #[test]
    fn mechanisms_share_all_of_the_emission(
        epoch in epoch(), mechanisms in vec(mechanism(), 1..4), first in 0u16..=u16::MAX, rao: u64,
    ) {
        for split in [None, Some([first, u16::MAX - first])] {
            let split = split.as_ref().map(|split| &split[..mechanisms.len().min(2)]);
            let combined = yuma::run_mechanisms(&epoch, &mechanisms, split, rao);
            prop_assert_eq!(total(&combined.split), u128::from(rao));
            prop_assert_eq!(combined.mechanisms.len(), mechanisms.len());
            assert_well_formed(&combined.mechanisms[0], epoch.neurons.len())?;
        }
    }
}

/// Miners from uid `validators` on; each validator weighs them by its row.
fn market(stakes: &[u64], miners: usize, rows: &[Vec<u16>]) -> (Epoch, Mechanism) {
    let first = u16::try_from(stakes.len()).unwrap();
    let validator = |stake: &u64| Neuron { alpha_stake: *stake, permit: true, registered: 1, ..Neuron::default() };
    let mut neurons: Vec<Neuron> = stakes.iter().map(validator).collect();
    neurons.resize(stakes.len() + miners, Neuron { registered: 1, ..Neuron::default() });
    let epoch = Epoch {
        block: 100,
        tempo: 10,
        activity_cutoff: 50,
        max_validators: 64,
        kappa: 32_767,
        bonds_penalty: u16::MAX,
        bonds_moving_average: 900_000,
        neurons,
        ..Epoch::default()
    };
    let voice = |row: &Vec<u16>| Voice {
        last_update: 90,
        weights: (first..).zip(row.iter().copied()).collect(),
        ..Voice::default()
    };
    (epoch, Mechanism { voices: rows.iter().map(voice).collect() })
}

proptest! {
    #[test]
    fn a_miner_gains_nothing_by_splitting(
        stakes in vec(1..RAO, 1..5), rows in vec((0u16..=32_767, vec(any::<u16>(), 3)), 5),
    ) {
        let whole: Vec<Vec<u16>> =
            rows.iter().take(stakes.len()).map(|(half, others)| [&[2 * half], &others[..]].concat()).collect();
        let halves: Vec<Vec<u16>> =
            rows.iter().take(stakes.len()).map(|(half, others)| [&[*half, *half], &others[..]].concat()).collect();
        let earned = |miners: usize, rows: &[Vec<u16>], own: usize| {
            let (epoch, mechanism) = market(&stakes, miners, rows);
            let outcome = yuma::run(&epoch, &mechanism, RAO);
            total(&outcome.server_emission[stakes.len()..stakes.len() + own])
        };
        // The divisions cut off less than one rao in a thousand million at each step.
        prop_assert!(earned(5, &halves, 2) <= earned(4, &whole, 1) + 10);
    }

    #[test]
    fn a_minority_cannot_pay_its_own_miner(
        honest in vec(RAO..2 * RAO, 2..5), colluding in 1..RAO, weights in vec(1..u16::MAX, 5),
    ) {
        let mut stakes = honest.clone();
        stakes.push(colluding);
        let mut rows: Vec<Vec<u16>> = weights.iter().take(honest.len()).map(|weight| vec![*weight, 0]).collect();
        rows.push(vec![0, u16::MAX]);
        let (epoch, mechanism) = market(&stakes, 2, &rows);
        let outcome = yuma::run(&epoch, &mechanism, RAO);
        prop_assert_eq!(outcome.server_emission[stakes.len() + 1], 0);
        prop_assert_eq!(outcome.validator_emission[stakes.len() - 1], 0);
        prop_assert!(outcome.server_emission[stakes.len()] > 0);
    }

    #[test]
    fn parents_and_children_share_one_dividend(
        dividend: u64, tao_weight: u64, burn in 0..u64::MAX / 2, take in 0u16..=u16::MAX / 2,
        stakes in vec((any::<u64>(), any::<u64>(), 0u8..3), 4), parts in vec(any::<u64>(), 3),
    ) {
        let account = |(alpha_stake, root_stake, coldkey): &(u64, u64, u8), parents: Vec<(u64, u8)>| Account {
            coldkey: *coldkey, alpha_stake: *alpha_stake, root_stake: *root_stake, childkey_take: take, parents,
            children: vec![(parts[0], 9)],
        };
        // Hotkey 3 is no account: a parent that left.
        let parents = parts.iter().copied().zip(1..).collect();
        let mut accounts = std::collections::BTreeMap::from([(0, account(&stakes[0], parents))]);
        accounts.extend((1..3).map(|hotkey: u8| (hotkey, account(&stakes[usize::from(hotkey)], Vec::new()))));
        let (received, burned) = emission::divide_dividend(&0, dividend, &accounts, tao_weight, burn);
        prop_assert_eq!(received.last().map(|(hotkey, _)| *hotkey), Some(0));
        let sum = u128::from(burned) + received.iter().map(|(_, rao)| u128::from(*rao)).sum::<u128>();
        prop_assert!(sum <= u128::from(dividend));
        prop_assert!(u128::from(dividend) - sum <= 2 * 3 + 1, "nothing is lost but what is rounded");
    }

    #[test]
    fn a_distribution_pays_no_more_than_is_pending(
        server: u64, validator: u64, root: u64, tao_weight: u64,
        emission in btree_map(any::<u8>(), (any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>()), 0..8),
    ) {
        let accounts = emission.iter().map(|(hotkey, (alpha_stake, root_stake, ..))| {
            let account = Account {
                coldkey: *hotkey, alpha_stake: *alpha_stake, root_stake: *root_stake, childkey_take: 0,
                parents: Vec::new(), children: Vec::new(),
            };
            (*hotkey, account)
        });
        let earned: Vec<(u8, u64, u64)> = emission.iter().map(|(h, (.., server, validator))| (*h, *server, *validator)).collect();
        let pending = Pending { server, validator, root };
        let paid = emission::distribute(pending, &earned, &accounts.collect(), tao_weight, 0);
        let sum = |values: Vec<&U96F32>| values.into_iter().fold(U96F32::ZERO, |sum, value| sum.saturating_add(*value));
        prop_assert!(sum(paid.alpha_dividends.values().collect()) <= U96F32::from_num(paid.validator_alpha));
        prop_assert!(sum(paid.root_dividends.values().collect()) <= U96F32::from_num(root));
    }

    #[test]
    fn a_block_shares_out_its_emission_once(
        subnets in vec((0i128..1 << 36, 0u128..1 << 33, any::<bool>()), 0..8), emission: u64, cut: u16, root in 0u128..=1 << 32,
    ) {
        use incentive::fixed::{I96F32, U64F64};
        let candidates: Vec<emission::Candidate> = subnets.iter().map(|(price, burned, enabled)| emission::Candidate {
            moving_price: I96F32::from_bits(*price), miner_burned: U96F32::from_bits(*burned), enabled: *enabled,
        }).collect();
        let shares = emission::shares(&candidates);
        prop_assert!(shares.iter().fold(U64F64::ZERO, |sum, share| sum + *share) <= U64F64::ONE);
        for (share, candidate) in shares.iter().zip(&candidates) {
            prop_assert!(candidate.enabled || *share == U64F64::ZERO);
        }
        let split = emission::split(emission, cut, U96F32::from_bits(root));
        let given = [split.owner, split.server, split.validator, split.root];
        prop_assert!(total(&given) <= u128::from(emission));
        prop_assert!(u128::from(emission) - total(&given) <= 4);
        prop_assert!(emission::block_emission(emission) <= RAO);
    }
}

/// Stakes that all differ, so that no tie is broken by uid.
fn distinct_stakes() -> impl Strategy<Value = Vec<u64>> {
    proptest::collection::btree_set(1..SUPPLY / 8, 1..6).prop_map(|stakes| stakes.into_iter().collect())
}

fn rules() -> [BondRule; 3] {
    let liquid = LiquidAlpha { low: 45_875, high: 58_982, steepness: 1000 };
    [BondRule::Classic, BondRule::Yuma3, BondRule::Liquid(liquid)]
}

proptest! {
    #[test]
    fn all_is_paid_but_what_is_rounded(
        stakes in distinct_stakes(), rows in vec(vec(any::<u16>(), 4), 6), rao: u64, classic: bool,
    ) {
        let (mut epoch, mechanism) = market(&stakes, 4, &rows[..stakes.len()]);
        epoch.bond_rule = BondRule::new(!classic, None);
        let outcome = yuma::run(&epoch, &mechanism, rao);
        // A share has 32 fraction bits: each amount is cut off by less than one rao and the emission's 2^32th.
        let amounts = 2 * epoch.neurons.len() as u128;
        let paid = total(&outcome.server_emission) + total(&outcome.validator_emission);
        prop_assert!(paid <= u128::from(rao));
        prop_assert!(u128::from(rao) - paid <= amounts * (1 + u128::from(rao >> 32)));
    }

    #[test]
    fn uids_are_only_names(
        stakes in distinct_stakes(), rows in vec(vec(any::<u16>(), 4), 6), seed in any::<[u32; 10]>(),
    ) {
        let (mut epoch, mut mechanism) = market(&stakes, 4, &rows[..stakes.len()]);
        let mut order: Vec<usize> = (0..epoch.neurons.len()).collect();
        order.sort_by_key(|uid| seed[*uid]);
        for rule in rules() {
            epoch.bond_rule = rule;
            // A second epoch, so that there are bonds.
            let bonds = yuma::run(&epoch, &mechanism, RAO).bonds;
            mechanism.voices.resize(epoch.neurons.len(), Voice::default());
            for (voice, bonds) in mechanism.voices.iter_mut().zip(bonds) {
                voice.bonds = bonds;
            }
            let plain = yuma::run(&epoch, &mechanism, RAO);
            let renamed = yuma::run(
                &Epoch { neurons: reorder(&epoch.neurons, &order), ..epoch.clone() },
                &rename(&mechanism, &order),
                RAO,
            );
            prop_assert_eq!(&renamed.incentive, &reorder(&plain.incentive, &order));
            prop_assert_eq!(&renamed.dividends, &reorder(&plain.dividends, &order));
            prop_assert_eq!(&renamed.emission, &reorder(&plain.emission, &order));
            prop_assert_eq!(&renamed.permits, &reorder(&plain.permits, &order));
        }
    }

    #[test]
    fn praise_from_all_does_not_harm(
        stakes in vec(1..RAO, 1..5), rows in vec(vec(any::<u16>(), 4), 5), raised in vec(any::<u16>(), 5),
    ) {
        let before = &rows[..stakes.len()];
        let mut after = before.to_vec();
        for (row, raised) in after.iter_mut().zip(&raised) {
            row[0] = row[0].saturating_add(*raised);
        }
        let incentive = |rows: &[Vec<u16>]| {
            let (epoch, mechanism) = market(&stakes, 4, rows);
            yuma::run(&epoch, &mechanism, RAO).incentive[stakes.len()]
        };
        prop_assert!(incentive(&after) + 1 >= incentive(before));
    }

    #[test]
    fn a_row_that_equals_the_consensus_earns_as_an_honest_one(row in vec(any::<u16>(), 4), stake in RAO..SUPPLY / 8) {
        for rule in rules() {
            let (mut epoch, mechanism) = market(&[stake; 4], 4, &vec![row.clone(); 4]);
            epoch.bond_rule = rule;
            let consensus = yuma::run(&epoch, &mechanism, RAO).consensus;
            // The last validator sends what it has seen on the chain.
            let mut rows = vec![row.clone(); 3];
            rows.push(consensus[4..].to_vec());
            let (_, copied) = market(&[stake; 4], 4, &rows);
            let dividends = yuma::run(&epoch, &copied, RAO).dividends;
            prop_assert!(dividends[3] <= dividends[0] + 1, "{rule:?}: {dividends:?}");
        }
    }

    #[test]
    fn who_copies_the_last_consensus_earns_less_than_who_looks(
        truths in vec(vec(any::<u16>(), 4), 2..12), stake in RAO..SUPPLY / 8, classic: bool,
    ) {
        let (mut epoch, _) = market(&[stake; 4], 4, &[]);
        epoch.bond_rule = BondRule::new(!classic, None);
        let (mut bonds, mut copied) = (vec![Vec::new(); 8], vec![0; 4]);
        let (mut honest, mut copier) = (0, 0);
        for truth in truths {
            let mut rows = vec![truth; 3];
            rows.push(copied);
            let (_, mut mechanism) = market(&[stake; 4], 4, &rows);
            mechanism.voices.resize(8, Voice::default());
            for (voice, bonds) in mechanism.voices.iter_mut().zip(bonds) {
                voice.bonds = bonds;
            }
            let outcome = yuma::run(&epoch, &mechanism, RAO);
            honest += u64::from(outcome.dividends[0]);
            copier += u64::from(outcome.dividends[3]);
            (bonds, copied) = (outcome.bonds, outcome.consensus[4..].to_vec());
        }
        prop_assert!(copier <= honest + 4, "{copier} against {honest}");
    }
}

fn reorder<T: Clone>(values: &[T], order: &[usize]) -> Vec<T> {
    order.iter().map(|uid| values[*uid].clone()).collect()
}

/// The same opinions after neuron `order[i]` has become uid `i`; columns ascend.
fn rename(mechanism: &Mechanism, order: &[usize]) -> Mechanism {
    let name = |old: u16| u16::try_from(order.iter().position(|uid| *uid == usize::from(old)).unwrap()).unwrap();
    let row = |row: &[(u16, u16)]| {
        let mut row: Vec<(u16, u16)> = row.iter().map(|(uid, value)| (name(*uid), *value)).collect();
        row.sort_unstable();
        row
    };
    let voice = |voice: &Voice| Voice { weights: row(&voice.weights), bonds: row(&voice.bonds), ..voice.clone() };
    Mechanism { voices: reorder(&mechanism.voices, order).iter().map(voice).collect() }
}

#[test]
fn extremes_are_paid_too() {
    for (size, stake, weight) in [0u16, 1, 256]
        .into_iter()
        .flat_map(|size| [0, 1, u64::MAX].map(|stake| (size, stake)))
        .flat_map(|(size, stake)| [0, u16::MAX].map(|weight| (size, stake, weight)))
    {
        let (mut epoch, mut mechanism) = market(&vec![stake; usize::from(size)], 0, &[]);
        (epoch.tao_weight, epoch.owner) = (u64::MAX, Some(0));
        epoch.neurons.iter_mut().for_each(|neuron| neuron.tao_stake = stake);
        let row: Vec<(u16, u16)> = (0..size).map(|uid| (uid, weight)).collect();
        mechanism.voices =
            vec![Voice { last_update: 90, weights: row.clone(), bonds: row, ..Voice::default() }; size.into()];
        for rule in rules() {
            epoch.bond_rule = rule;
            let outcome = yuma::run(&epoch, &mechanism, u64::MAX);
            assert_eq!(outcome.emission.len(), usize::from(size));
            assert_eq!(total(&outcome.emission) > 0, size > 0 && stake > 0, "{size} neurons, {stake} rao, {weight}");
        }
    }
}

#[test]
fn a_commitment_hides_weights_about_newer_neurons() {
    let (mut epoch, mut mechanism) = market(&[RAO], 2, &[vec![1, 1]]);
    epoch.neurons[2].registered = 50;
    mechanism.voices[0].committed = Some(50);
    assert_eq!(yuma::run(&epoch, &mechanism, RAO).incentive, [0, 32_767, 32_767], "the same block is soon enough");
    mechanism.voices[0].committed = Some(49);
    assert_eq!(yuma::run(&epoch, &mechanism, RAO).incentive, [0, 65_535, 0]);
}

#[test]
fn commitments_count_until_they_expire() {
    let commit = |epoch, block| Commit { epoch, block };
    let hashed = [commit(1, 10), commit(5, 60), commit(5, 55)];
    assert_eq!(yuma::first_commit(&hashed, &[], 4, 3), Some(10));
    assert_eq!(yuma::first_commit(&hashed, &[], 5, 3), Some(60), "the next one in the queue, not the oldest");
    assert_eq!(yuma::first_commit(&[], &hashed, 5, 3), Some(55));
    assert_eq!(yuma::first_commit(&hashed, &[commit(9, 70)], 9, 3), Some(70));
    assert_eq!(yuma::first_commit(&hashed, &hashed, 9, 3), None);
}
