//! The edges of each rule: the last block or the last stake that still counts, and the first that does not.

use super::*;
use crate::fixed::{I32F32, proportion};

const BLOCK: u64 = 1000;

/// A validator with this stake that weighs uid `about` in the block before the epoch.
fn validator(stake: u64, about: u16) -> (Neuron, Voice) {
    let neuron = Neuron { alpha_stake: stake, registered: 1, permit: true, ..Neuron::default() };
    (neuron, Voice { last_update: BLOCK - 1, weights: vec![(about, 7)], ..Voice::default() })
}

fn miner() -> (Neuron, Voice) {
    (Neuron { registered: 1, ..Neuron::default() }, Voice::default())
}

fn subnet(members: &[(Neuron, Voice)]) -> (Epoch, Mechanism) {
    let epoch = Epoch {
        block: BLOCK,
        tempo: 100,
        activity_cutoff: 50,
        max_validators: 64,
        kappa: 32_767,
        bonds_penalty: u16::MAX,
        bonds_moving_average: 900_000,
        neurons: members.iter().map(|(neuron, _)| *neuron).collect(),
        ..Epoch::default()
    };
    (epoch, Mechanism { voices: members.iter().map(|(_, voice)| voice.clone()).collect() })
}

fn half() -> I32F32 {
    I32F32::lit("0.5")
}

#[test]
fn weights_must_be_newer_than_whom_they_are_about() {
    let (mut epoch, mechanism) = subnet(&[validator(100, 1), miner()]);
    epoch.neurons[1].registered = BLOCK - 2;
    assert_eq!(run(&epoch, &mechanism, 0).incentive, [0, 65535]);
    epoch.neurons[1].registered = BLOCK - 1;
    assert_eq!(run(&epoch, &mechanism, 0).incentive, [0, 0]);
}

#[test]
fn activity_ends_after_the_cutoff() {
    let (epoch, mut mechanism) = subnet(&[validator(100, 2), validator(300, 2), miner()]);
    mechanism.voices[1].last_update = BLOCK - 50;
    let terms_now = terms(&epoch, &mechanism);
    assert_eq!(terms_now.active, [true, true, false]);
    assert_eq!(terms_now.active_stake, [half() / 2, half() + half() / 2, I32F32::ZERO]);
    mechanism.voices[1].last_update = BLOCK - 51;
    let terms_later = terms(&epoch, &mechanism);
    assert_eq!(terms_later.active, [true, false, false]);
    assert_eq!(terms_later.active_stake, [I32F32::ONE, I32F32::ZERO, I32F32::ZERO]);
    assert_eq!(terms_later.stake, terms_now.stake, "stake itself stays");
    assert_eq!(terms_later.validator_trust[1], I32F32::ONE, "its weights are still measured");
}

#[test]
fn stake_is_paid_where_nobody_is_active() {
    let (mut epoch, mechanism) = subnet(&[validator(100, 2), validator(300, 2), miner()]);
    epoch.block = BLOCK + 100;
    let outcome = run(&epoch, &mechanism, 1000);
    assert_eq!((outcome.validator_emission, outcome.server_emission), (vec![250, 750, 0], vec![0, 0, 0]));
}

#[test]
fn stake_counts_from_the_threshold_on() {
    let (mut epoch, mechanism) = subnet(&[validator(100, 2), validator(100, 2), miner()]);
    epoch.stake_threshold = 100;
    assert_eq!(terms(&epoch, &mechanism).stake, [half(), half(), I32F32::ZERO]);
    epoch.stake_threshold = 101;
    assert_eq!(terms(&epoch, &mechanism).stake, [I32F32::ZERO; 3]);
    epoch.owner = Some(1);
    assert_eq!(terms(&epoch, &mechanism).stake, [I32F32::ZERO, I32F32::ONE, I32F32::ZERO], "the owner's always does");
}

#[test]
fn the_higher_uid_wins_a_tie_for_a_permit() {
    let (mut epoch, mechanism) = subnet(&[validator(100, 3), validator(100, 3), validator(100, 3), miner()]);
    epoch.max_validators = 2;
    assert_eq!(run(&epoch, &mechanism, 0).permits, [false, true, true, false]);
    epoch.owner = Some(3);
    assert_eq!(run(&epoch, &mechanism, 0).permits, [false, true, true, true], "the owner's comes on top");
}

#[test]
fn the_owner_may_weigh_itself_without_a_permit() {
    let (mut epoch, mechanism) = subnet(&[validator(100, 0), miner()]);
    epoch.neurons[0].permit = false;
    assert_eq!(run(&epoch, &mechanism, 0).incentive, [0, 0]);
    epoch.owner = Some(0);
    assert_eq!(run(&epoch, &mechanism, 0).incentive, [65535, 0]);
    epoch.owner = Some(1);
    epoch.neurons[0].permit = true;
    assert_eq!(run(&epoch, &mechanism, 0).incentive, [0, 0], "nobody else may");
}

#[test]
fn bonds_with_whom_the_last_epoch_did_not_know_are_gone() {
    let (mut epoch, mut mechanism) = subnet(&[validator(100, 1), miner(), miner()]);
    mechanism.voices[0].bonds = vec![(2, 65535)];
    let bond = |epoch: &Epoch| {
        let bonds = run(epoch, &mechanism, 0).bonds;
        bonds[0].iter().find(|(column, _)| *column == 2).map(|(_, value)| *value)
    };
    // 0.9 of the old bond remains: 0.9 * 65535 = 58981.5.
    for (last_step, known, unknown) in [(500, 500, 501), (0, BLOCK - 101, BLOCK - 100)] {
        epoch.last_step = last_step;
        epoch.neurons[2].registered = known;
        assert_eq!(bond(&epoch), Some(58_981), "last step {last_step}");
        epoch.neurons[2].registered = unknown;
        assert_eq!(bond(&epoch), None, "last step {last_step}");
    }
}

#[test]
fn classic_bonds_are_stored_against_the_largest() {
    let (mut epoch, mechanism) = subnet(&[validator(100, 2), validator(300, 2), miner()]);
    epoch.bond_rule = BondRule::Classic;
    let outcome = run(&epoch, &mechanism, 1000);
    // A third of the largest, cut off below 21845.
    assert_eq!(outcome.bonds, [vec![(2, 21_844)], vec![(2, 65_535)], vec![]]);
    assert_eq!(outcome.dividends, [16_383, 49_151, 0]);
}

fn liquid(low: u16, high: u16) -> BondRule {
    BondRule::Liquid(LiquidAlpha { low, high, steepness: 1000 })
}

#[test]
fn liquid_bonds_decay_only_where_there_is_weight() {
    let (mut epoch, mut mechanism) = subnet(&[validator(100, 1), miner(), miner()]);
    mechanism.voices[0].bonds = vec![(1, 32_768), (2, 65_535)];
    epoch.bond_rule = liquid(32_768, 32_768);
    // Half of the way from one half to one; the bond with uid 2 has no weight.
    assert_eq!(run(&epoch, &mechanism, 0).bonds[0], [(1, 49_151)]);
    epoch.kappa = u16::MAX;
    epoch.neurons[0].permit = false;
    assert_eq!(
        run(&epoch, &mechanism, 0).bonds[0],
        [(1, 29_491), (2, 58_981)],
        "without any consensus: the plain average"
    );
}

#[test]
fn liquid_alpha_overlooks_entries_out_of_order() {
    let (mut epoch, mut mechanism) = subnet(&[validator(100, 1), miner(), miner()]);
    epoch.bond_rule = liquid(6_554, 58_982);
    mechanism.voices[0].weights = vec![(1, 65_535), (2, 65_535)];
    mechanism.voices[0].bonds = vec![(1, 65_535)];
    let sorted = terms(&epoch, &mechanism).bonds;
    mechanism.voices[0].weights = vec![(2, 65_535), (1, 65_535)];
    let unsorted = terms(&epoch, &mechanism).bonds;
    assert_eq!(unsorted[0].iter().map(|(column, _)| *column).collect::<Vec<_>>(), [2, 1], "the order stays");
    assert_eq!(unsorted[0][0], sorted[0][1], "met in order");
    // Its weight reads as 0, so the distance to the bond is 1 and not one half: the bond falls faster.
    assert!(unsorted[0][1].1 < sorted[0][0].1);
}

#[test]
fn speeds_keep_to_their_range() {
    let (mut epoch, mut mechanism) = subnet(&[validator(100, 1), miner()]);
    mechanism.voices[0].bonds = vec![(1, 0)];
    for (low, high, expected) in [(100, 100, 100), (u16::MAX, u16::MAX, u16::MAX), (200, 100, 100)] {
        epoch.bond_rule = liquid(low, high);
        assert_eq!(terms(&epoch, &mechanism).bonds[0], [(1, proportion(expected))], "{low}..{high}");
    }
}

#[test]
fn the_first_mechanism_counts_where_there_is_nothing_to_share() {
    let (epoch, mechanism) = subnet(&[validator(100, 1), miner()]);
    let combined = run_mechanisms(&epoch, &[mechanism, Mechanism::default()], None, 0);
    assert_eq!(combined.subnet.dividends, [65535, 0]);
    assert_eq!((&combined.mechanisms[0].incentive, &combined.mechanisms[1].incentive), (&vec![0, 65535], &vec![0, 0]));
}

#[test]
fn mechanisms_are_added_by_their_share() {
    let (epoch, first) = subnet(&[validator(100, 2), validator(100, 3), miner(), miner()]);
    let mut second = first.clone();
    second.voices[0].last_update = 0;
    let combined = run_mechanisms(&epoch, &[first, second], Some(&[13_107, 52_428]), 1001);
    assert_eq!(combined.split, [201, 800]);
    assert_eq!(combined.subnet.active, [true, true, false, false]);
    assert_eq!(combined.subnet.server_emission, [0, 0, 50, 50 + 400], "half of the stake carries a miner");
}
