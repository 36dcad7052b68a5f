//! A device that breaks costs time: it makes no root, opens nothing and convicts nobody.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{Session, challenge, hotkey, policy};
use incentive::verdict::Fault;
use proof::kernel::leaves;
use proof::{Digest, OpenError, RowKernel, Sample, ScalarKernel, Solver, Weights};

/// Right for as many rounds or passes as it holds, and zeros from then on.
struct Breaks(AtomicUsize);

impl Breaks {
    fn after(good: usize) -> Self {
        Self(AtomicUsize::new(good))
    }

    fn works(&self) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }
}

impl RowKernel for Breaks {
    fn multiply(&self, _: &[i8], _: &[i8], _: usize, out: &mut [i32]) {
        out.fill(0);
    }

    fn forward(&self, weights: &Weights, rows: &mut [i8]) {
        if self.works() {
            ScalarKernel.forward(weights, rows);
        } else {
            rows.fill(0);
        }
    }

    fn leaves(&self, weights: &Weights, head: &Digest, chain: u16, round: u32) -> Option<Vec<Digest>> {
        self.works().then(|| leaves(&ScalarKernel, weights, head, chain, round))
    }

    fn broken(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

#[test]
fn a_chain_ends_where_the_device_breaks() {
    let weights = Arc::new(Weights::resident(&challenge(policy(32, 2, 4, 6), 1)).unwrap());
    let (mut one, mut other) = (Solver::new(Arc::clone(&weights), &hotkey(1), 0), Solver::new(weights, &hotkey(1), 0));
    let device = Breaks::after(2);
    assert_eq!(one.next_round(&device), other.next_round(&ScalarKernel));
    assert_eq!(one.next_round(&device), other.next_round(&ScalarKernel));
    assert_eq!(one.next_round(&device), None);
    assert_eq!(one.chain(), other.chain(), "no root of what the device put out");

    let samples = [Sample { chain: 0, round: 1, row: 0 }];
    assert_eq!(one.open(&device, &samples), Err(OpenError::Broken));
    assert_eq!(one.open(&ScalarKernel, &samples), other.open(&ScalarKernel, &samples), "another kernel opens them");
}

#[test]
fn a_device_that_breaks_convicts_nobody_and_clears_nobody() {
    let window = challenge(policy(32, 2, 4, 6), 1);
    let honest = Session::honest(&window, hotkey(1), 2, [9; 32], &ScalarKernel);
    let mut crooked = honest.clone();
    // The zeros that the broken device puts out.
    crooked.opening.rows[0].packed = proof::rows::pack(&[0; 32]);
    for good in [0, 1] {
        assert_eq!(honest.verify(&Breaks::after(good)), Ok(()));
        assert_eq!(crooked.verify(&Breaks::after(good)), Err(Fault::WrongPath));
    }
    // A device that does not know that it broke would convict.
    struct Silent;
    impl RowKernel for Silent {
        fn multiply(&self, _: &[i8], _: &[i8], _: usize, out: &mut [i32]) {
            out.fill(0);
        }
    }
    assert_eq!(honest.verify(&Silent), Err(Fault::WrongRow));
}
