//! Every cheat is caught, and by its own name.

mod common;

use std::sync::Arc;

use common::{Session, challenge, hotkey, policy};
use incentive::policy::ComputePolicy;
use incentive::verdict::Fault;
use proof::rows::{Inputs, pack};
use proof::{
    Chain, Challenge, Claim, Commitment, Digest, OpenedRow, Opening, RowKernel, Sample, ScalarKernel, Step, Weights,
    merkle, sample, verify_batch,
};

const SECRET: [u8; 32] = [9; 32];

fn small() -> ComputePolicy {
    policy(32, 3, 8, 6)
}

fn honest() -> Session {
    Session::honest(&challenge(small(), 1), hotkey(1), 3, SECRET, &ScalarKernel)
}

/// A miner that answers with rows of its own making under honest trees.
fn crooked(window: &Challenge, rounds: u32, row: impl Fn(&Digest, u32) -> Vec<u8>) -> Session {
    let weights = Arc::new(Weights::resident(window).expect("the test policy is valid"));
    let mut chain = Chain::new(window, &hotkey(1), 0);
    let (mut rows, mut trees) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        let packed: Vec<_> = (0..window.compute.rows).map(|index| row(chain.head(), index)).collect();
        let leaves: Vec<_> = (0..).zip(&packed).map(|(index, packed)| merkle::leaf(0, round, index, packed)).collect();
        chain.push(merkle::root(&leaves));
        rows.push(packed);
        trees.push(leaves);
    }
    let commitment = Commitment { hotkey: hotkey(1), chains: vec![chain.roots().to_vec()] };
    let samples = sample(&SECRET, window, &commitment);
    let open = |sample: &Sample| {
        let round = sample.round as usize - 1;
        OpenedRow {
            packed: rows[round][sample.row as usize].clone(),
            path: merkle::path(&trees[round], sample.row as usize),
        }
    };
    let opening = Opening { rows: samples.iter().map(open).collect() };
    Session { weights, commitment, samples, opening }
}

fn true_row(weights: &Weights, kernel: &dyn RowKernel, head: &Digest, row: u32) -> Vec<u8> {
    let mut values = vec![0; weights.shape().width];
    Inputs::after(head).fill(row, weights.shape().width, &mut values);
    kernel.forward(weights, &mut values);
    pack(&values)
}

#[test]
fn the_crooked_miner_passes_when_it_does_not_cheat() {
    let window = challenge(small(), 1);
    let weights = Weights::resident(&window).expect("valid");
    let session = crooked(&window, 3, |head, row| true_row(&weights, &ScalarKernel, head, row));
    assert_eq!(session.verify(&ScalarKernel), Ok(()));
}

#[test]
fn a_skipped_layer_and_a_layer_of_another_window_are_wrong_rows() {
    let window = challenge(small(), 1);
    let mut fewer = window.clone();
    fewer.compute.layers = 2;
    for other in [challenge(small(), 2), fewer] {
        let weights = Weights::resident(&other).expect("valid");
        let session = crooked(&window, 3, |head, row| true_row(&weights, &ScalarKernel, head, row));
        assert_eq!(session.verify(&ScalarKernel), Err(Fault::WrongRow));
    }
}

/// Leaves one layer out by answering with the input of the layer after the first call.
struct SkipsSecond(std::sync::atomic::AtomicUsize);

impl RowKernel for SkipsSecond {
    fn multiply(&self, weights: &[i8], inputs: &[i8], width: usize, out: &mut [i32]) {
        if self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % 3 == 1 {
            for (out, input) in out.iter_mut().zip(inputs) {
                *out = i32::from(*input);
            }
        } else {
            ScalarKernel.multiply(weights, inputs, width, out);
        }
    }
}

#[test]
fn a_product_left_out_is_a_wrong_row() {
    let kernel = SkipsSecond(std::sync::atomic::AtomicUsize::new(0));
    let session = Session::honest(&challenge(small(), 1), hotkey(1), 3, SECRET, &kernel);
    assert_eq!(session.verify(&ScalarKernel), Err(Fault::WrongRow));
}

#[test]
fn work_of_another_hotkey_or_window_is_worth_nothing() {
    let mut stolen = honest();
    stolen.commitment.hotkey = hotkey(2);
    assert_eq!(stolen.verify(&ScalarKernel), Err(Fault::WrongRow));
    let mut replayed = honest();
    replayed.weights = Arc::new(Weights::new(&challenge(small(), 2)).expect("valid"));
    assert_eq!(replayed.verify(&ScalarKernel), Err(Fault::WrongRow));
    // With the samples of the new window, the old answer does not even lie under the roots.
    replayed.samples = sample(&SECRET, &challenge(small(), 2), &replayed.commitment);
    assert_eq!(replayed.verify(&ScalarKernel), Err(Fault::WrongPath));
}

#[test]
fn a_tampered_path_row_or_place_is_a_wrong_path() {
    let tampers: [fn(&mut Session); 6] = [
        |session| session.opening.rows[2].path[0][0] ^= 1,
        |session| session.opening.rows[2].path.swap(0, 1),
        |session| session.opening.rows[3].packed[19] ^= 0x80,
        |session| session.opening.rows.swap(0, 1),
        |session| session.samples[4].row ^= 1,
        |session| session.commitment.chains[0].swap(0, 1),
    ];
    for (index, tamper) in tampers.iter().enumerate() {
        let mut session = honest();
        tamper(&mut session);
        assert_eq!(session.verify(&ScalarKernel), Err(Fault::WrongPath), "tamper {index}");
    }
}

#[test]
fn samples_outside_the_counted_rows_are_wrong_paths() {
    for outside in [(2, 1, 0), (0, 0, 0), (0, 4, 0), (0, 1, 8), (u16::MAX, u32::MAX, u32::MAX)] {
        let mut session = honest();
        session.samples[5] = Sample { chain: outside.0, round: outside.1, row: outside.2 };
        assert_eq!(session.verify(&ScalarKernel), Err(Fault::WrongPath), "{outside:?}");
    }
}

#[test]
fn counts_and_lengths_that_are_not_the_policys_are_malformed() {
    let tampers: [fn(&mut Session); 8] = [
        |session| session.opening.rows.truncate(5),
        |session| session.opening.rows.push(session.opening.rows[0].clone()),
        |session| session.opening.rows.clear(),
        |session| session.opening.rows[1].packed.push(0),
        |session| session.opening.rows[1].packed.truncate(19),
        |session| session.opening.rows[1].path.truncate(2),
        |session| session.opening.rows[1].path.push([0; 32]),
        |session| session.commitment.chains.push(Vec::new()),
    ];
    for (index, tamper) in tampers.iter().enumerate() {
        let mut session = honest();
        tamper(&mut session);
        assert_eq!(session.verify(&ScalarKernel), Err(Fault::Malformed), "tamper {index}");
    }
}

#[test]
fn a_batch_judges_each_claim_as_if_it_were_alone() {
    let good = honest();
    let window = challenge(small(), 1);
    let wrong_row = crooked(&window, 2, |_, _| vec![7; 20]);
    let (mut wrong_path, mut malformed) = (honest(), honest());
    wrong_path.opening.rows[0].path[0][0] ^= 1;
    malformed.opening.rows.pop();
    let sessions = [&wrong_row, &good, &wrong_path, &good, &malformed, &wrong_row, &good];
    let claims: Vec<_> = sessions
        .iter()
        .map(|s| Claim { commitment: &s.commitment, samples: &s.samples, opening: &s.opening })
        .collect();
    let alone: Vec<_> = sessions.iter().map(|session| session.verify(&ScalarKernel)).collect();
    assert_eq!(verify_batch(&good.weights, &ScalarKernel, &claims), alone);
    assert_eq!(alone[..3], [Err(Fault::WrongRow), Ok(()), Err(Fault::WrongPath)]);
    assert_eq!(verify_batch(&good.weights, &ScalarKernel, &[]), []);
}

#[test]
fn a_second_root_for_a_round_is_a_conflict() {
    let window = challenge(small(), 1);
    let mut chain = Chain::new(&window, &hotkey(1), 0);
    for root in [[1; 32], [2; 32]] {
        let Step::Next(head) = chain.step(chain.rounds() + 1, &root) else { panic!("the next round follows") };
        assert_eq!(chain.push(root), head);
    }
    let mut other = Chain::new(&window, &hotkey(1), 0);
    other.push([1; 32]);
    assert_eq!(chain.step(2, &[3; 32]), Step::Conflict(other.push([3; 32])));
    assert_eq!(chain.step(1, &[1; 32]), Step::Repeated);
    assert_eq!(chain.step(0, &[1; 32]), Step::Gap);
    assert_eq!(chain.step(4, &[1; 32]), Step::Gap);
}

/// Runs of a miner that computes exactly `computed` of its hundred rows, and how many of them pass.
fn passes(computed: usize, openings: u32, runs: u32) -> usize {
    let session = |run: u32| {
        let mut window = challenge(policy(16, 1, 4, openings), 3);
        window.compute.rounds_max = 25;
        window.nonce[..4].copy_from_slice(&run.to_le_bytes());
        let weights = Weights::resident(&window).expect("valid");
        let place = std::cell::Cell::new(run as usize);
        crooked(&window, 25, |head, row| {
            // 37 has no factor in common with 100, so a hundred steps meet every remainder once.
            place.set(place.get() + 37);
            if place.get() % 100 < computed { true_row(&weights, &ScalarKernel, head, row) } else { vec![0; 10] }
        })
    };
    (0..runs).filter(|run| session(*run).verify(&ScalarKernel) == Ok(())).count()
}

#[test]
fn missing_rows_are_caught_as_often_as_the_formula_says() {
    assert_eq!(passes(100, 48, 20), 20);
    assert_eq!(passes(50, 16, 400), 0);
    // 0.9^48 = 0.64 % of 1000: 6.4 expected, more than 18 once in 10^5.
    assert!(passes(90, 48, 1000) <= 18);
    // The cheat does pass when little is opened: 0.9^4 = 65.6 %, ± 5 standard deviations.
    let lax = passes(90, 4, 1000);
    assert!((580..=731).contains(&lax), "{lax} of 1000");
}
