//! What a fingerprint shows and what it does not.

use proof::fingerprint::forge::{constant, constant_channels};
use proof::fingerprint::{CHUNK, Distance, Fingerprint, bf16};

use crate::rows::{rows, splitmix, wide};
use crate::{passes, passes_elsewhere};

const HIDDEN: usize = 1024;

/// States in which four channels are always the largest, whatever is said: their own mean, and `spread` thousandths of it up and down.
fn outliers(seed: u64, spread: i32) -> Vec<u16> {
    let mut all = rows("bell", seed, CHUNK, HIDDEN);
    for (n, entry) in all.iter_mut().enumerate().filter(|(n, _)| n % HIDDEN % 256 == 17) {
        let noise = (splitmix(seed ^ 1, n as u64) % 2001) as f32 / 1000.0 - 1.0;
        let mean = [90.0, -110.0, 150.0, -70.0][n % HIDDEN / 256];
        *entry = bf16(mean * (1.0 + noise * spread as f32 / 1000.0));
    }
    all
}

/// Somebody who has seen other answers of the model, and does not run it for this one.
fn by_channels(seen: &[u16], true_rows: &[u16]) -> Distance {
    Fingerprint::of(&constant_channels(seen, HIDDEN)).distance(true_rows)
}

/// The weakness of the fingerprint: where a few channels are always the largest, knowing them is enough.
#[test]
fn constants_of_outlier_channels_pass() {
    let (seen, said) = (outliers(1, 50), outliers(2, 50));
    let distance = by_channels(&seen, &said);
    assert!(passes(&distance), "{distance:?}");
    // With channels that vary more, they do not.
    let distance = by_channels(&outliers(1, 300), &outliers(2, 300));
    assert!(!passes(&distance), "{distance:?}");
}

#[test]
fn constants_of_ordinary_channels_fail() {
    for kind in ["bell", "heavy"] {
        let distance = by_channels(&rows(kind, 1, CHUNK, HIDDEN), &rows(kind, 2, CHUNK, HIDDEN));
        assert!(!passes_elsewhere(&distance), "{kind} {distance:?}");
    }
    assert!(constant_channels(&[], 8).is_empty());
    assert!(constant_channels(&[1, 2], 0).is_empty());
    assert_eq!(constant_channels(&[0x3f80, 0, 0x4040, 0x8000], 2), [0x4000, 0, 0x4000, 0], "means, row after row");
}

/// In states without outliers the largest entries are all about as large. Then one number for all of them is within the usual
/// limits, on every scale or on some; the signs show it.
#[test]
fn one_number_for_all_is_found_by_its_signs() {
    let mut through = 0;
    for step in 0..16 {
        let scale = 1.0 + step as f32 / 16.0;
        // A bell with the tails that a sum of four lacks.
        let normal = |n: u64| (0..3).map(|part| wide(rows("bell", splitmix(7, n * 3 + part), 1, 1)[0])).sum::<f32>();
        let said: Vec<u16> = (0..(CHUNK * HIDDEN) as u64).map(|n| bf16(normal(n) * scale)).collect();
        let distance = constant(&said).distance(&said);
        through += u32::from(passes_elsewhere(&distance));
        assert!(distance.signs > 30 && !passes(&distance), "{distance:?}");
    }
    assert!(through > 0, "TOPLOC's metrics alone would let some of them through");
    assert_eq!(constant(&[]), Fingerprint::null());
}

/// Known limits: one row of 32 may be anything. Flipped signs, which TOPLOC's metrics accept, are found.
#[test]
fn a_row_that_is_left_out_passes_and_flipped_signs_do_not() {
    for kind in ["bell", "heavy"] {
        let said = rows(kind, 3, CHUNK, HIDDEN);
        let fingerprint = Fingerprint::of(&said);
        let mut without = said.clone();
        without[5 * HIDDEN..6 * HIDDEN].fill(0);
        assert!(passes(&fingerprint.distance(&without)), "{kind}");
        let flipped = fingerprint.distance(&said.iter().map(|entry| entry ^ 0x8000).collect::<Vec<_>>());
        assert!(passes_elsewhere(&flipped) && !passes(&flipped), "{kind} {flipped:?}");
        // Half of the rows may not.
        without[..CHUNK / 2 * HIDDEN].fill(0);
        assert!(!passes(&fingerprint.distance(&without)), "{kind}");
    }
}
