//! Why the step between two layers is what it is: a step that is linear over a prime field lets a miner merge all
//! layers into one matrix. The same attack on the step of the protocol fails.

use incentive::policy::ComputePolicy;
use incentive::units::{Block, NetUid};
use proof::rows::mix32;
use proof::{Challenge, RowKernel, ScalarKernel, Weights};

const WIDTH: usize = 64;
const LAYERS: usize = 64;
const ROWS: usize = 8;
/// 31 residues, centred to -15..=15: the obvious choice for five bits.
const PRIME: i64 = 31;

fn weights() -> Weights {
    let compute = ComputePolicy {
        width: WIDTH as u32,
        layers: LAYERS as u32,
        rows: ROWS as u32,
        openings: 4,
        chains_max: 1,
        rounds_max: 1,
    };
    let challenge = Challenge { genesis: [1; 32], netuid: NetUid(7), block: Block(9), nonce: [5; 32], compute };
    Weights::resident(&challenge).expect("a valid policy")
}

fn inputs() -> Vec<i8> {
    (0..ROWS * WIDTH).map(|index| (mix32(index as u32) % 31) as i8 - 15).collect()
}

fn centred(sum: i64) -> i64 {
    let residue = sum.rem_euclid(PRIME);
    if residue > PRIME / 2 { residue - PRIME } else { residue }
}

/// All layers one after the other with the linear step.
fn forward_linear(weights: &Weights, rows: &mut [i8]) {
    let mut sums = vec![0; rows.len()];
    for layer in 0..LAYERS {
        ScalarKernel.multiply(&weights.layer(layer), rows, WIDTH, &mut sums);
        for (value, sum) in rows.iter_mut().zip(&sums) {
            *value = centred(i64::from(*sum)) as i8;
        }
    }
}

/// The product of all layers modulo the prime: computed once per window, whatever the number of rows.
fn collapse(weights: &Weights) -> Vec<i64> {
    let layer = |index: usize| weights.layer(index).iter().map(|w| i64::from(*w)).collect::<Vec<_>>();
    (1..LAYERS).fold(layer(0), |product, index| {
        let next = layer(index);
        let cell = |at: usize| {
            let (column, k) = (at / WIDTH, at % WIDTH);
            centred((0..WIDTH).map(|j| next[column * WIDTH + j] * product[j * WIDTH + k]).sum())
        };
        (0..WIDTH * WIDTH).map(cell).collect()
    })
}

/// One layer's work instead of 64.
fn shortcut(product: &[i64], rows: &[i8]) -> Vec<i64> {
    rows.chunks_exact(WIDTH)
        .flat_map(|row| {
            let dot = |column: &[i64]| column.iter().zip(row).map(|(w, x)| w * i64::from(*x)).sum::<i64>();
            product.chunks_exact(WIDTH).map(dot).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn a_linear_step_collapses_all_layers_into_one() {
    let weights = weights();
    let mut honest = inputs();
    forward_linear(&weights, &mut honest);
    let attack: Vec<i8> = shortcut(&collapse(&weights), &inputs()).into_iter().map(|sum| centred(sum) as i8).collect();
    assert_eq!(attack, honest, "one product gives the bits of 64 layers");
    assert!(honest.iter().any(|value| *value != 0), "and they are not all zero");
}

#[test]
fn the_step_of_the_protocol_does_not_collapse() {
    let weights = weights();
    let mut honest = inputs();
    ScalarKernel.forward(&weights, &mut honest);
    let salts = weights.salts(LAYERS - 1).iter().cycle();
    // The best that the merged matrix can do: the same sums, the last layer's own salts.
    let attack: Vec<i8> = shortcut(&collapse(&weights), &inputs())
        .into_iter()
        .zip(salts)
        .map(|(sum, salt)| (mix32(sum as u32 ^ salt) >> 27) as i8 - 16)
        .collect();
    let right = attack.iter().zip(&honest).filter(|(attack, honest)| attack == honest).count();
    // Chance is 512/32 = 16 of 512 cells; 41 is six standard deviations above it.
    assert!(right <= 41, "{right} of {} cells", honest.len());
    for (attack, honest) in attack.chunks_exact(WIDTH).zip(honest.chunks_exact(WIDTH)) {
        assert_ne!(attack, honest, "no row is right");
    }
}

/// A step that loses information would let approximations pass; this one keeps all 32 values alike to the last layer.
#[test]
fn values_stay_uniform_and_one_change_reaches_everything() {
    let weights = weights();
    let (mut rows, mut changed) = (inputs(), inputs());
    changed[0] ^= 1;
    ScalarKernel.forward(&weights, &mut rows);
    ScalarKernel.forward(&weights, &mut changed);
    let differing = rows[..WIDTH].iter().zip(&changed[..WIDTH]).filter(|(a, b)| a != b).count();
    assert!(differing >= 55, "{differing} of 64 values differ; 62 are expected");
    assert_eq!(rows[WIDTH..], changed[WIDTH..], "rows do not mix");
    let mut counts = [0u32; 32];
    for value in &rows {
        counts[(value + 16) as usize] += 1;
    }
    // 31 degrees of freedom: above 61 once in a thousand, and the vector is fixed.
    let chi = counts.iter().map(|count| (f64::from(*count) - 16.0).powi(2) / 16.0).sum::<f64>();
    assert!(chi < 61.1, "chi square {chi}");
}
