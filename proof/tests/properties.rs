//! What holds for all inputs: packing, trees, decoding, sampling, the opening block.

mod common;

use common::{challenge, hotkey, policy};
use incentive::units::NetUid;
use parity_scale_codec::{DecodeAll, Encode};
use proof::rows::{Inputs, pack, unpack};
use proof::window::{admissible, opening_offset, opens};
use proof::{Commitment, Digest, OpenedRow, Opening, Sample, Shape, merkle, sample};
use proptest::collection::vec;
use proptest::prelude::*;

fn leaves(depth: u32) -> Vec<Digest> {
    (0..1u32 << depth).map(|row| merkle::leaf(0, 1, row, &row.to_le_bytes())).collect()
}

fn opened() -> impl Strategy<Value = OpenedRow> {
    (vec(any::<u8>(), 0..40), vec(any::<[u8; 32]>(), 0..5)).prop_map(|(packed, path)| OpenedRow { packed, path })
}

proptest! {
    #[test]
    fn packing_is_a_bijection(groups in vec(any::<[u8; 5]>(), 0..40)) {
        let packed = groups.concat();
        let values = unpack(&packed);
        prop_assert!(values.iter().all(|value| (-16..=15).contains(value)));
        prop_assert_eq!(values.len(), packed.len() / 5 * 8);
        prop_assert_eq!(pack(&values), packed);
    }

    #[test]
    fn every_leaf_climbs_to_the_root_and_nowhere_else(depth in 0u32..7, index: u32, flip: usize) {
        let leaves = leaves(depth);
        let index = index % (1 << depth);
        let (root, mut path) = (merkle::root(&leaves), merkle::path(&leaves, index as usize));
        prop_assert_eq!(path.len(), depth as usize);
        let leaf = leaves[index as usize];
        prop_assert_eq!(merkle::climb(leaf, index, &path), root);
        if depth > 0 {
            prop_assert_ne!(merkle::climb(leaf, index ^ 1, &path), root);
            let at = flip % path.len();
            path[at][flip % 32] ^= 1;
            prop_assert_ne!(merkle::climb(leaf, index, &path), root);
        }
    }

    #[test]
    fn a_leaf_knows_its_place(chain: u16, round: u32, row: u32, packed in vec(any::<u8>(), 0..20)) {
        let leaf = merkle::leaf(chain, round, row, &packed);
        prop_assert_ne!(merkle::leaf(chain ^ 1, round, row, &packed), leaf);
        prop_assert_ne!(merkle::leaf(chain, round ^ 1, row, &packed), leaf);
        prop_assert_ne!(merkle::leaf(chain, round, row ^ 1, &packed), leaf);
    }

    #[test]
    fn openings_survive_the_wire(rows in vec(opened(), 0..5)) {
        let opening = Opening { rows };
        prop_assert_eq!(Opening::decode_all(&mut &opening.encode()[..]), Ok(opening));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..600)) {
        if let Ok(opening) = Opening::decode_all(&mut &bytes[..]) {
            prop_assert_eq!(opening.encode(), bytes);
        }
    }

    #[test]
    fn rows_are_found_one_by_one(head: Digest, first in 0u32..50, width in 1usize..8) {
        let width = 16 * width;
        let inputs = Inputs::after(&head);
        let mut all = vec![0; 60 * width];
        inputs.fill(0, width, &mut all);
        let mut one = vec![0; width];
        inputs.fill(first, width, &mut one);
        prop_assert_eq!(&all[first as usize * width..][..width], &one[..]);
    }

    #[test]
    fn samples_lie_in_the_counted_rows(secret: [u8; 32], counts in vec(0usize..4, 0..3)) {
        let challenge = challenge(policy(16, 1, 8, 40), 1);
        let roots = |count: usize| (0..count).map(|round| [round as u8; 32]).collect::<Vec<_>>();
        let chains: Vec<_> = counts.iter().map(|count| roots(*count)).collect();
        let commitment = Commitment { hotkey: hotkey(1), chains };
        let samples = sample(&secret, &challenge, &commitment);
        let counted = counts.iter().sum::<usize>();
        prop_assert_eq!(samples.len(), if counted == 0 { 0 } else { 40 });
        for Sample { chain, round, row } in samples {
            prop_assert!(round >= 1 && round as usize <= counts[usize::from(chain)] && row < 8);
        }
    }

    #[test]
    fn a_window_opens_exactly_once(seed: [u8; 32], admissible in 1u64..60, netuid: u16) {
        let hashes: Vec<Digest> = (0..admissible).map(|i| blake3::derive_key("test", &[&seed[..], &i.to_le_bytes()].concat())).collect();
        let offset = opening_offset(&hashes, NetUid(netuid), admissible);
        prop_assert!(offset.is_some_and(|offset| (1..=admissible).contains(&offset)));
        prop_assert!(opens(&seed, NetUid(netuid), admissible, admissible), "certain at the last");
        prop_assert!(!opens(&seed, NetUid(netuid), 0, admissible));
        prop_assert!(!opens(&seed, NetUid(netuid), admissible + 1, admissible));
    }
}

#[test]
fn lengths_beyond_the_bounds_are_refused_before_they_are_allocated() {
    let opening = |rows: u32, packed: u32, path: u32| {
        let mut bytes = parity_scale_codec::Compact(rows).encode();
        bytes.extend(parity_scale_codec::Compact(packed).encode());
        bytes.resize(bytes.len() + packed.min(6000) as usize, 0);
        bytes.extend(parity_scale_codec::Compact(path).encode());
        bytes.resize(bytes.len() + 32 * path.min(30) as usize, 0);
        Opening::decode_all(&mut &bytes[..])
    };
    assert!(opening(1, 5120, 20).is_ok());
    for (rows, packed, path) in
        [(4097, 1, 1), (u32::MAX, 1, 1), (1, 5121, 1), (1, u32::MAX, 1), (1, 1, 21), (1, 1, u32::MAX)]
    {
        assert!(opening(rows, packed, path).is_err(), "{rows} {packed} {path}");
    }
}

#[test]
fn an_answer_is_as_long_as_announced() {
    for (width, rows, openings) in [(16, 1, 1), (256, 64, 32), (4096, 16_384, 48), (8192, 1 << 20, 64)] {
        let shape = Shape::new(&policy(width, 1, rows, openings)).expect("valid");
        let row = OpenedRow { packed: vec![0; shape.packed_len()], path: vec![[0; 32]; shape.depth()] };
        let opening = Opening { rows: vec![row; shape.openings] };
        assert_eq!(Opening::encoded_len(&shape), opening.encoded_size());
    }
}

/// Chi square over 9000 tempos: the offset must not be guessable.
#[test]
fn every_offset_is_equally_likely() {
    let admissible = admissible(40, 10);
    let mut counts = [0u32; 30];
    for tempo in 0u32..9000 {
        let hash = |offset: u32| *blake3::hash(&[tempo.to_le_bytes(), offset.to_le_bytes()].concat()).as_bytes();
        let hashes: Vec<_> = (1..=30).map(hash).collect();
        let offset = opening_offset(&hashes, NetUid(1), admissible).expect("certain at the last");
        counts[offset as usize - 1] += 1;
    }
    let chi = counts.iter().map(|count| (f64::from(*count) - 300.0).powi(2) / 300.0).sum::<f64>();
    // 29 degrees of freedom: above 58.3 once in a thousand.
    assert!(chi < 58.3, "chi square {chi}: {counts:?}");
}
