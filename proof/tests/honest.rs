//! Honest proofs are accepted, whatever device computed them: integers, floats with 24-bit sums, any order.

mod common;

use std::sync::Arc;

use common::{Dots, Session, bf16, challenge, hotkey, policy};
use incentive::verdict::Fault;
use proof::{OpenError, RowKernel, Sample, ScalarKernel, Solver, Weights};

fn integers(w: &[i8], x: &[i8]) -> i32 {
    w.iter().zip(x).map(|(w, x)| i32::from(*w) * i32::from(*x)).sum()
}

fn floats(w: &[i8], x: &[i8]) -> i32 {
    w.iter().zip(x).map(|(w, x)| f32::from(*w) * f32::from(*x)).sum::<f32>() as i32
}

/// Inputs in bf16, sums in f32: what a tensor core does.
fn tensor_core(w: &[i8], x: &[i8]) -> i32 {
    w.iter().zip(x).map(|(w, x)| bf16(f32::from(*w)) * bf16(f32::from(*x))).sum::<f32>() as i32
}

/// f32 sums in another order: 7 is odd, so its multiples visit every index of a power of two once.
fn permuted(w: &[i8], x: &[i8]) -> i32 {
    (0..w.len()).map(|k| k * 7 % w.len()).map(|k| f32::from(w[k]) * f32::from(x[k])).sum::<f32>() as i32
}

/// Sums stored in bf16: what a library's bf16 product returns.
fn rounded_output(w: &[i8], x: &[i8]) -> i32 {
    bf16(floats(w, x) as f32) as i32
}

#[test]
fn a_thousand_honest_openings_on_every_kernel_are_accepted() {
    let kernels: [&dyn RowKernel; 5] =
        [&ScalarKernel, &Dots(integers), &Dots(floats), &Dots(tensor_core), &Dots(permuted)];
    for run in 0..1000u32 {
        let mut window = challenge(policy(32, 2, 4, 6), 0);
        window.nonce[..4].copy_from_slice(&run.to_le_bytes());
        let miner = kernels[run as usize % kernels.len()];
        let validator = kernels[run as usize / kernels.len() % kernels.len()];
        let session = Session::honest(&window, hotkey(run as u8), 2, [run as u8; 32], miner);
        assert_eq!(session.verify(validator), Ok(()), "run {run}");
    }
}

#[test]
fn a_device_that_rounds_its_sums_is_caught() {
    let window = challenge(policy(128, 2, 4, 6), 1);
    let session = Session::honest(&window, hotkey(1), 2, [9; 32], &Dots(rounded_output));
    assert_eq!(session.verify(&ScalarKernel), Err(Fault::WrongRow));
}

/// The largest products there are, and one entry changed by one.
fn extremes(width: usize) -> Vec<(Vec<i8>, Vec<i8>)> {
    let changed = |value: i8, at: usize| {
        let mut all = vec![value; width];
        all[at] += 1;
        all
    };
    vec![
        (vec![-128; width], vec![-16; width]),
        (changed(-128, 0), vec![-16; width]),
        (changed(-128, width - 1), vec![-16; width]),
        (vec![-128; width], changed(-16, width / 2)),
        (changed(-128, 1), changed(-16, 1)),
    ]
}

#[test]
fn every_sum_is_exact_at_the_widest_layer() {
    for (column, row) in extremes(8192) {
        let expected = integers(&column, &row);
        for dot in [floats, tensor_core, permuted] {
            assert_eq!(dot(&column, &row), expected);
        }
        let mut weights = vec![0; 8192 * 8192];
        weights[17 * 8192..18 * 8192].copy_from_slice(&column);
        let mut out = vec![0; 2 * 8192];
        ScalarKernel.multiply(&weights, &[row.clone(), row.clone()].concat(), 8192, &mut out);
        assert_eq!((out[16], out[17], out[18], out[8192 + 17]), (0, expected, 0, expected));
    }
    assert_eq!(integers(&[-128; 8192], &[-16; 8192]), 1 << 24);
}

/// The bound is not slack: at twice the width floats lose the entry that changed.
#[test]
fn floats_are_not_exact_beyond_the_widest_layer() {
    let wrong = extremes(2 * 8192).into_iter().filter(|(column, row)| {
        let row: Vec<i8> = row.iter().map(|x| x + 1).collect();
        floats(column, &row) != integers(column, &row)
    });
    assert!(wrong.count() > 0);
}

#[test]
fn the_portable_kernel_equals_a_plain_loop_at_every_size() {
    for (width, rows) in [(16, 1), (48, 3), (256, 7), (272, 5), (1008, 2)] {
        let byte = |index: usize, salt: u32| proof::rows::mix32(index as u32 ^ salt);
        let weights: Vec<i8> = (0..width * width).map(|index| byte(index, 1) as i8).collect();
        let inputs: Vec<i8> = (0..rows * width).map(|index| (byte(index, 2) >> 27) as i8 - 16).collect();
        let (mut plain, mut tiled) = (vec![1; rows * width], vec![2; rows * width]);
        Dots(integers).multiply(&weights, &inputs, width, &mut plain);
        ScalarKernel.multiply(&weights, &inputs, width, &mut tiled);
        assert!(plain == tiled, "width {width}, {rows} rows");
    }
}

#[test]
fn a_chain_goes_on_where_another_solver_left_it_and_opens_what_that_one_computed() {
    let window = challenge(policy(32, 2, 4, 6), 2);
    let weights = Arc::new(Weights::resident(&window).unwrap());
    let mut whole = Solver::new(weights.clone(), &hotkey(1), 1);
    let roots: Vec<_> = (0..5).map(|_| whole.next_round(&ScalarKernel).unwrap().root).collect();
    let mut resumed = Solver::resume(weights.clone(), &hotkey(1), 1, &roots[..3]);
    let later: Vec<_> = (0..2).map(|_| resumed.next_round(&ScalarKernel).unwrap().root).collect();
    assert_eq!(later, roots[3..]);
    assert_eq!(resumed.chain(), whole.chain());

    let samples = [(2, 3), (5, 0), (2, 1), (3, 2)].map(|(round, row)| Sample { chain: 1, round, row });
    assert_eq!(resumed.open(&ScalarKernel, &samples), Err(OpenError::Unknown(samples[0])));
    resumed.restore(&ScalarKernel, &samples).unwrap();
    assert_eq!(resumed.open(&ScalarKernel, &samples), whole.open(&ScalarKernel, &samples));
    let others = [Sample { chain: 0, round: 1, row: 0 }, Sample { chain: 1, round: 0, row: 0 }];
    assert_eq!(resumed.restore(&ScalarKernel, &others), Ok(()), "what is not of this chain restores nothing");

    let mut wrong = roots;
    wrong[1] = [7; 32];
    let mut resumed = Solver::resume(weights, &hotkey(1), 1, &wrong);
    let refused = Err(OpenError::OtherRoot { chain: 1, round: 2 });
    assert_eq!(resumed.restore(&ScalarKernel, &samples[..1]), refused);
}
