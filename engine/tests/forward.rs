//! Rows through all layers: the weights that a kernel generates are those of the protocol, and so is what it keeps.

mod common;

use common::kernels;
use incentive::policy::ComputePolicy;
use incentive::units::{Block, NetUid};
use proof::rows::Inputs;
use proof::{Challenge, RowKernel, ScalarKernel, Weights};

fn challenge(width: usize, layers: u32) -> Challenge {
    let compute = ComputePolicy { width: width as u32, layers, rows: 64, openings: 4, chains_max: 1, rounds_max: 1 };
    Challenge { genesis: [1; 32], netuid: NetUid(7), block: Block(9), nonce: [5; 32], compute }
}

fn rows(width: usize, rows: usize) -> Vec<i8> {
    let mut values = vec![0; rows * width];
    Inputs::after(&[8; 32]).fill(0, width, &mut values);
    values
}

#[track_caller]
fn check(width: usize, layers: u32, counts: impl IntoIterator<Item = usize>, threads: usize) {
    let challenge = challenge(width, layers);
    let (generated, resident) = (Weights::new(&challenge).unwrap(), Weights::resident(&challenge).unwrap());
    for count in counts {
        let mut expected = rows(width, count);
        ScalarKernel.forward(&resident, &mut expected);
        for kernel in kernels(threads) {
            for weights in [&generated, &resident] {
                let mut found = rows(width, count);
                kernel.forward(weights, &mut found);
                assert!(found == expected, "{}: width {width}, {count} rows, {threads} threads", kernel.path());
            }
        }
    }
}

#[test]
fn every_number_of_rows() {
    check(64, 3, 0..=67, 1);
}

#[test]
fn widths_of_whole_blocks_and_others() {
    for width in [16, 32, 48, 80, 128, 192, 256, 272, 1008, 1024] {
        check(width, 3, [1, 13, 50], 2);
    }
}

#[test]
fn more_rows_than_pass_the_layers_together() {
    check(64, 2, [1007, 1008, 1009, 2100], 2);
}

#[test]
fn any_number_of_threads() {
    for threads in [1, 2, 3, 5, 64] {
        check(1088, 2, [67], threads);
    }
}

#[test]
fn another_window_gives_other_rows() {
    let (mut one, mut other) = (rows(64, 3), rows(64, 3));
    ScalarKernel.forward(&Weights::new(&challenge(64, 3)).unwrap(), &mut one);
    let strange = Challenge { nonce: [6; 32], ..challenge(64, 3) };
    for kernel in kernels(1) {
        kernel.forward(&Weights::new(&strange).unwrap(), &mut other);
        assert!(one != other, "{} does not look at the window", kernel.path());
        other = rows(64, 3);
    }
}
