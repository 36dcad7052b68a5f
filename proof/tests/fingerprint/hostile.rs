//! What anybody may send, and what holds of every polynomial.

use proof::fingerprint::{BYTES, Fingerprint, FingerprintError, TOP, chunks, distances, largest};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use crate::passes_elsewhere;
use crate::rows::rows;

const PRIME: u16 = 65497;

#[test]
fn bytes_of_no_fingerprint_are_refused_by_name() {
    for length in [0, 1, 2, 3, 5, BYTES - 1, BYTES + 1, BYTES + 2, 1 << 20] {
        assert_eq!(Fingerprint::from_bytes(&vec![0; length]), Err(FingerprintError::Length(length)));
    }
    let wrong = |bytes: &[u8]| Fingerprint::from_bytes(bytes).unwrap_err();
    assert_eq!(wrong(&[0xff, 0xda, 0, 0]), FingerprintError::Number { index: 0, value: PRIME + 1 });
    assert_eq!(wrong(&[0xff, 0xd9, 0, 0, 0xff, 0xd9]), FingerprintError::Number { index: 2, value: PRIME });
    assert_eq!(wrong(&[0; 3]).to_string(), "a fingerprint has 4 to 258 bytes, an even number, not 3");
}

/// The null fingerprint, too few coefficients, and a modulus so small that the polynomial speaks of channels: as far as can be.
#[test]
fn what_no_honest_side_sends_is_far_from_everything() {
    let own = rows("bell", 1, 32, 64);
    let honest = Fingerprint::of(&own);
    let short = Fingerprint { coefficients: vec![honest.coefficients[0]], ..honest.clone() };
    let small = Fingerprint { modulus: 64, ..honest.clone() };
    let empty = Fingerprint { modulus: PRIME, coefficients: Vec::new() };
    for wrong in [Fingerprint::null(), short, small, empty] {
        let distance = wrong.distance(&own);
        assert_eq!((distance.exponents, distance.mean, distance.median), (128, u64::MAX, u64::MAX));
        assert!(!passes_elsewhere(&distance));
    }
    assert!(passes_elsewhere(&honest.distance(&own)));
    assert!(!passes_elsewhere(&honest.distance(&[])));
}

#[test]
fn as_many_fingerprints_as_chunks() {
    let own = rows("wide", 1, 65, 8);
    let honest = chunks(&own, 8);
    let sizes: Vec<_> = honest.iter().map(|one| one.coefficients.len()).collect();
    assert_eq!(sizes, [TOP, TOP, 8], "256 entries, 256, and 8");
    let measured = |claimed: &[Fingerprint], ended| distances(claimed, &own, 8, ended);
    assert!(measured(&honest, true).is_some_and(|all| all.len() == 2 && all.iter().all(passes_elsewhere)));
    assert_eq!(measured(&honest[..2], true), None, "the one of the last row is not measured, but must be there");
    assert_eq!(measured(&[honest[0].clone(), honest[1].clone(), Fingerprint::null()], true), None);
    assert_eq!(measured(&[&honest[..], &honest[..1]].concat(), true), None);
    // What was cut has no fingerprint of its last token.
    assert_eq!(measured(&honest, false), None);
    assert_eq!(measured(&honest[..2], false).map(|all| all.len()), Some(2));
    // No rows, no fingerprints.
    assert_eq!((chunks(&[], 8), distances(&[], &[], 8, true)), (Vec::new(), Some(Vec::new())));
}

proptest! {
    #[test]
    fn a_polynomial_goes_through_its_points(points in btree_map(any::<u32>(), 0..PRIME, 1..=TOP)) {
        let points: Vec<_> = points.into_iter().collect();
        let fingerprint = Fingerprint::through(&points);
        prop_assert!(fingerprint.modulus > 0);
        for (index, entry) in &points {
            prop_assert_eq!(fingerprint.at(*index), *entry);
        }
        let turned: Vec<_> = points.into_iter().rev().collect();
        prop_assert_eq!(Fingerprint::through(&turned), fingerprint);
    }

    /// Every modulus above the one that is taken leaves two indices equal.
    #[test]
    fn the_modulus_is_the_largest(indices in prop::collection::btree_set(0..1_u32 << 20, 2..=TOP)) {
        let points: Vec<_> = indices.iter().map(|index| (*index, 0)).collect();
        let modulus = Fingerprint::through(&points).modulus;
        let distinct = |modulus: u16| indices.iter().map(|x| x % u32::from(modulus)).collect::<std::collections::BTreeSet<_>>().len();
        prop_assert_eq!(distinct(modulus), indices.len());
        prop_assert!((modulus + 1..=PRIME).all(|larger| distinct(larger) < indices.len()));
    }

    #[test]
    fn the_largest_are_those_of_a_stable_sort(entries in vec(any::<u16>(), 0..400), k in 0..200_usize) {
        let mut order: Vec<u32> = (0..entries.len() as u32).collect();
        order.sort_by_key(|index| std::cmp::Reverse(entries[*index as usize] & 0x7fff));
        order.truncate(k);
        order.sort_unstable();
        prop_assert_eq!(largest(&entries, k), order);
    }

    /// Any bytes are read or refused, and whatever is read can be compared with any rows.
    #[test]
    fn no_bytes_and_no_rows_do_harm(bytes in vec(any::<u8>(), 0..300), rows in vec(any::<u16>(), 0..300), hidden in 0..40_usize) {
        if let Ok(read) = Fingerprint::from_bytes(&bytes) {
            prop_assert_eq!(read.to_bytes(), bytes);
            prop_assert!(read.distance(&rows).exponents as usize <= rows.len());
        }
        let own = chunks(&rows, hidden);
        prop_assert!(own.iter().all(|one| Fingerprint::from_bytes(&one.to_bytes()).as_ref() == Ok(one)));
        prop_assert!(distances(&own, &rows, hidden, true).is_some());
    }

    /// Who sends numbers without the states passes with neither few rows nor many.
    #[test]
    fn random_polynomials_are_far(seed: u64, coefficients in vec(0..PRIME, TOP)) {
        let distance = Fingerprint { modulus: PRIME, coefficients }.distance(&rows("wide", seed, 32, 64));
        prop_assert!(distance.exponents > 100);
    }
}
