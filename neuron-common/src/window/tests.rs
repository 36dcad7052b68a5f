use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const TEMPO: u16 = 40;

fn block(number: u64, chain: u64) -> BlockRef {
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&number.to_le_bytes());
    hash[8..16].copy_from_slice(&chain.to_le_bytes());
    BlockRef { number: Block(number), hash }
}

/// Epochs at every multiple of the tempo.
fn epoch(number: u64, tempo: u16) -> Epoch {
    let index = number / u64::from(tempo);
    Epoch { last: Block(index * u64::from(tempo)), tempo, index }
}

fn clock(netuid: u16, reserve: u64) -> Tempo {
    Tempo { netuid: NetUid(netuid), reserve, current: None, last: None }
}

fn windows(clock: &mut Tempo, numbers: impl Iterator<Item = u64>, chain: u64) -> Vec<OpenWindow> {
    numbers.filter_map(|n| clock.look(block(n, chain), epoch(n, TEMPO), Block(n))).collect()
}

#[test]
fn every_tempo_has_exactly_one_window_and_leaves_the_reserve() {
    let found = windows(&mut clock(1, 10), 1..=4000, 0);
    assert_eq!(found.len(), 100);
    for (index, window) in (0..).zip(&found) {
        assert_eq!(window.epoch_index, index);
        assert_eq!(window.epoch_start, Block(index * u64::from(TEMPO)));
        assert_eq!(window.nonce, window.block.hash);
        let offset = window.block.number.since(window.epoch_start);
        assert!((1..=30).contains(&offset), "offset {offset}");
    }
}

#[test]
fn every_admissible_offset_is_about_as_likely() {
    let mut counts = BTreeMap::<u64, u32>::new();
    let mut clock = clock(1, 30);
    for window in windows(&mut clock, 1..=400_000, 0) {
        *counts.entry(window.block.number.since(window.epoch_start)).or_default() += 1;
    }
    assert_eq!(counts.keys().copied().collect::<Vec<_>>(), (1..=10).collect::<Vec<_>>());
    // 10,000 windows over 10 offsets: 1,000 each, standard deviation 30.
    assert!(counts.values().all(|count| (850..=1150).contains(count)), "{counts:?}");
}

#[test]
fn other_subnets_and_other_chains_open_at_other_blocks() {
    let at = |netuid, chain| {
        windows(&mut clock(netuid, 0), 1..=4000, chain).iter().map(|w| w.block.number).collect::<Vec<_>>()
    };
    assert_eq!(at(1, 0), at(1, 0));
    assert_ne!(at(1, 0), at(2, 0));
    assert_ne!(at(1, 0), at(1, 1));
}

#[test]
fn a_tempo_of_zero_has_no_window() {
    let still = Epoch { last: Block(0), tempo: 0, index: 0 };
    let mut clock = clock(1, 0);
    assert!((1..100).all(|n| clock.look(block(n, 0), still, Block(n)).is_none()));
}

#[test]
fn a_deferred_epoch_opens_no_second_window() {
    // The epoch that is due at block 40 runs at block 45.
    let mut clock = clock(1, 0);
    let found: Vec<_> = (1..=80)
        .filter_map(|n| {
            let last = if n < 45 { 0 } else { 45 };
            clock.look(block(n, 0), Epoch { last: Block(last), tempo: TEMPO, index: u64::from(n >= 45) }, Block(n))
        })
        .collect();
    assert_eq!(found.first().map(|w| w.epoch_start), Some(Block(0)));
    assert!(found[0].block.number <= Block(40));
    assert!(found.iter().filter(|w| w.epoch_start == Block(0)).count() == 1 && found.len() <= 2);
}

proptest! {
    /// Whoever starts late and reads the current tempo from its first block finds what everybody else found.
    #[test]
    fn a_late_start_finds_the_same_windows(start in 1u64..2000, reserve in 0u64..50, chain: u64) {
        let always = windows(&mut clock(1, reserve), 1..=2200, chain);
        let first = epoch(start, TEMPO).last.get() + 1;
        let late = windows(&mut clock(1, reserve), first..=2200, chain);
        let expected: Vec<_> = always.into_iter().filter(|w| w.block.number.get() >= first).collect();
        prop_assert_eq!(late, expected);
    }
}
