//! Every path equals three plain loops, bit for bit.

mod common;

use common::kernels;
use engine::{Case, Kernel, Path};
use proof::RowKernel;

#[test]
fn every_number_of_rows() {
    for (width, most) in [(64, 67), (272, 67), (16, 67)] {
        for case in (1..=most).map(|rows| Case::random(width, rows)) {
            for kernel in kernels(1) {
                assert!(case.holds(&kernel), "{} is wrong: {}", kernel.path(), case.name());
            }
        }
    }
}

#[test]
fn every_number_of_threads() {
    // Panels that no number of threads divides, and work enough that each thread is worth it.
    for case in [Case::random(1040, 67), Case::random(512, 131), Case::adversarial(2032)] {
        for threads in [1, 2, 3, 5, 64] {
            for kernel in kernels(threads) {
                assert!(case.holds(&kernel), "{} on {threads} threads is wrong: {}", kernel.path(), case.name());
            }
        }
    }
}

#[test]
fn every_sum_on_the_bound() {
    for case in [16, 48, 256, 1008, 4096, 8192].map(Case::adversarial) {
        for kernel in kernels(2) {
            assert!(case.holds(&kernel), "{} is wrong: {}", kernel.path(), case.name());
        }
    }
    assert_eq!(Case::adversarial(8192).sums()[0], 1 << 24, "the largest sum that a policy admits");
}

/// The trait does not know the bounds of a policy.
#[test]
fn widths_that_no_policy_admits_are_right_too() {
    for case in [(1, 3), (7, 2), (20, 5), (63, 4), (100, 13)].map(|(width, rows)| Case::random(width, rows)) {
        for kernel in kernels(2) {
            assert!(case.holds(&kernel), "{} is wrong: {}", kernel.path(), case.name());
        }
    }
    for kernel in kernels(2) {
        kernel.multiply(&[], &[], 0, &mut []);
        kernel.multiply(&[1; 256], &[], 16, &mut []);
    }
}

#[test]
fn the_best_path_is_one_that_the_machine_has() {
    assert!(Path::best().is_available());
    assert!(Path::Portable.is_available());
    assert_eq!(Kernel::new(std::num::NonZeroUsize::MIN).path(), Path::best());
}

/// A kernel that is wrong in one of the ways that the fast ones could be.
struct Broken {
    /// Pairs of products that are summed in 16 bits, with saturation, before they widen.
    pairs: usize,
    /// What inputs are raised by, and what is taken back for it.
    raised: (i32, i32),
}

const RIGHT: Broken = Broken { pairs: 4, raised: (16, 16) };

impl RowKernel for Broken {
    fn multiply(&self, weights: &[i8], inputs: &[i8], width: usize, out: &mut [i32]) {
        let (raise, take) = self.raised;
        for (row, out) in inputs.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
            for (column, out) in weights.chunks_exact(width).zip(out) {
                let products = column.iter().zip(row).map(|(w, x)| i32::from(*w) * (i32::from(*x) + raise));
                let products: Vec<_> = products.collect();
                let narrow = |sum: i16, product: &[i32]| sum.saturating_add(product.iter().sum::<i32>() as i16);
                let sum: i32 =
                    products.chunks(2 * self.pairs).map(|step| i32::from(step.chunks(2).fold(0i16, narrow))).sum();
                *out = sum - take * column.iter().map(|w| i32::from(*w)).sum::<i32>();
            }
        }
    }
}

#[test]
fn a_ninth_product_in_a_narrow_sum_is_caught_and_not_by_random_data() {
    let (random, bound) = (Case::random(256, 5), Case::adversarial(256));
    // Four pairs fit: 4 · 2 · 31 · 128 = 31744 < 2^15.
    let four = RIGHT;
    assert!(random.holds(&four) && bound.holds(&four));
    let five = Broken { pairs: 5, ..RIGHT };
    assert!(random.holds(&five), "random data would have found it: the vectors on the bound are not needed");
    assert!(!bound.holds(&five));
}

#[test]
fn a_wrong_correction_is_caught() {
    for raised in [(16, 15), (15, 16), (16, 17), (16, 0)] {
        assert!(!Case::random(64, 3).holds(&Broken { pairs: 4, raised }), "{raised:?}");
        assert!(!Case::adversarial(64).holds(&Broken { pairs: 4, raised }), "{raised:?}");
    }
}
