//! Every form of weights on every instruction set against sums in f64.

use super::super::matrix::{Matrix, Raw};
use super::super::precision::{Precision, Stored};
use super::super::rows::{Need, Rows, Tile};
use super::multiply;
use crate::compute::simd::wide::{Floats, LANES, Unit, Wide, Work};

/// Between -1 and 1, with some rows much larger than others.
fn noise(count: usize, salt: u32) -> Vec<f32> {
    (0..count).map(|index| (proof::rows::mix32(index as u32 ^ salt) as f32 / 2_147_483_648.0) - 1.0).collect()
}

fn matrix(outputs: usize, inputs: usize, held: Precision) -> (Vec<f32>, Matrix) {
    let weights = noise(outputs * inputs, 0x5EED_0001);
    let bytes = weights.iter().flat_map(|weight| weight.to_le_bytes()).collect();
    let raw = Raw { bytes, stored: Stored::As(Precision::F32), order: None };
    (weights, Matrix::pack(outputs, inputs, &raw, held).expect("it is packed").0)
}

/// The inputs of a row as the product sees them: rounded to bytes where the weights are.
fn seen(tile: &Tile, r: usize, input: usize, bytes: bool) -> f64 {
    if !bytes {
        return f64::from(tile.floats[input * tile.rows + r]);
    }
    let quad = tile.quads[input / 4 * tile.rows + r].to_le_bytes();
    f64::from(quad[input % 4].cast_signed()) * f64::from(tile.steps[input / 32 * tile.rows + r])
}

#[test]
fn products_are_sums_of_the_held_weights() {
    for (unit, held) in Unit::all().into_iter().flat_map(|unit| Precision::ALL.map(|held| (unit, held))) {
        let (outputs, inputs) = (37, 512);
        let (_, matrix) = matrix(outputs, inputs, held);
        for rows in [1, 2, 3, 7, 12, 29] {
            let values = noise(rows * inputs, 0x5EED_0002);
            let packed = Rows::pack(unit, rows, inputs, matrix.need(), |row, out| {
                out.copy_from_slice(&values[row * inputs..][..inputs]);
            });
            let [product] = multiply(unit, [&matrix], &packed);
            let (mut weights, mut found) = (vec![0.0; inputs], vec![0.0; outputs]);
            for tile in &packed.tiles {
                for r in 0..tile.rows {
                    product.copy(tile.first + r, &mut found);
                    for (output, found) in found.iter().enumerate() {
                        matrix.row(output, &mut weights);
                        let terms = (0..inputs).map(|i| f64::from(weights[i]) * seen(tile, r, i, matrix.need().bytes));
                        let expected: f64 = terms.sum();
                        let off = (f64::from(*found) - expected).abs();
                        assert!(off < 1e-4, "{unit:?} {held} {rows} rows: {found} for {expected}");
                    }
                }
            }
        }
    }
}

#[test]
fn held_weights_are_near_the_given_ones() {
    for (held, most) in Precision::ALL.into_iter().zip([0.0, 1.0 / 256.0, 1.0 / 2048.0, 1.0 / 230.0, 0.1]) {
        let (given, matrix) = matrix(20, 256, held);
        let mut row = vec![0.0; 256];
        for (output, given) in given.chunks(256).enumerate() {
            matrix.row(output, &mut row);
            let worst = row.iter().zip(given).map(|(row, given)| (row - given).abs()).fold(0.0, f32::max);
            assert!(worst <= most, "{held}: {worst}");
            assert!(held == Precision::F32 || worst > 0.0, "{held} rounds nothing");
        }
    }
}

#[test]
fn rounded_rows_are_within_half_a_step_and_know_their_sums() {
    for unit in Unit::all() {
        let mut values = noise(64, 3);
        values[32..].fill(0.0);
        values[7] = -1000.0;
        let rows = Rows::pack(unit, 1, 64, Need { floats: false, bytes: true }, |_, out| out.copy_from_slice(&values));
        let tile = &rows.tiles[0];
        for (input, value) in values.iter().enumerate() {
            let off = (seen(tile, 0, input, true) - f64::from(*value)).abs();
            assert!(off <= f64::from(tile.steps[input / 32]) * 0.5001, "{unit:?}: {value}");
        }
        let bytes: Vec<i32> =
            tile.quads.iter().flat_map(|quad| quad.to_le_bytes()).map(|byte| i32::from(byte.cast_signed())).collect();
        assert_eq!(tile.sums, bytes.chunks(32).map(|block| block.iter().sum()).collect::<Vec<i32>>(), "{unit:?}");
        assert_eq!(bytes[7], -127);
    }
}

struct Exponentials([f32; LANES]);

impl Work for Exponentials {
    type Out = [f32; LANES];

    #[inline(always)]
    fn on<W: Wide>(self, w: W) -> [f32; LANES] {
        let mut out = Floats::default();
        w.store(w.exp(w.load(&Floats(self.0))), &mut out);
        out.0
    }
}

#[test]
fn exponentials_are_right_to_the_last_places() {
    for unit in Unit::all() {
        for step in -860..860 {
            let values = std::array::from_fn(|lane| step as f32 / 10.0 + lane as f32 * 0.006_173);
            for (value, found) in values.into_iter().zip(unit.run(Exponentials(values))) {
                let expected = f64::from(value).exp();
                assert!((f64::from(found) / expected - 1.0).abs() < 3e-7, "{unit:?}: e^{value} = {found}");
            }
        }
        let ends = unit.run(Exponentials([f32::NEG_INFINITY; LANES]));
        assert!(ends[0] >= 0.0 && ends[0] < 1e-37, "{unit:?}");
    }
}
