//! Bit by bit, against plain loops and the reference.

use std::sync::Arc;

use anyhow::Result;
use engine::{Case, Path};
use incentive::policy::{ComputePolicy, Policy};
use incentive::units::{Block, Hotkey, NetUid};
use proof::rows::Inputs;
use proof::{Challenge, Commitment, RowKernel, ScalarKernel, Solver, Weights};

use super::table::{Outcome, Table};
use crate::device::DeviceName;
use crate::device::bench::sound;
use crate::device::open::ChainKernel;

/// Random products.
const RANDOM: usize = 1000;
/// Their widths: whole blocks of the weights' stream, and not.
const WIDTHS: [usize; 6] = [16, 48, 64, 80, 128, 272];
/// Widths of the products on the bound, up to the widest that a policy admits.
const BOUND: [usize; 6] = [16, 48, 256, 1008, 4096, 8192];
/// What a wrong bit means.
pub(super) const REMEDY: &str = "do not mine with this device, its answers would count as fraud";
/// Rows that pass the layers: no multiple of anything.
const ROWS: usize = 67;
/// Whole rounds.
const ROUNDS: usize = 3;
const HOTKEY: Hotkey = Hotkey([4; 32]);

type Kernels = [(String, Box<dyn ChainKernel>)];

/// Paths of a processor that this machine does not have.
pub(super) fn absent(name: DeviceName, kernels: &Kernels) -> Vec<&'static str> {
    let paths = if name == DeviceName::Cpu { Path::ALL.as_slice() } else { &[] };
    let there = |path: &Path| kernels.iter().any(|(name, _)| name == path.name());
    paths.iter().filter(|path| !there(path)).map(|path| path.name()).collect()
}

/// All tests on all kernels, in order of the tests.
pub(super) fn examine(table: &mut Table, device: &str, kernels: &Kernels) -> Result<()> {
    let random = (0..RANDOM).map(|number| Case::random(WIDTHS[number % WIDTHS.len()], 1 + number % ROWS));
    products(table, device, kernels, "random products", random)?;
    products(table, device, kernels, "products on the bound of exactness", BOUND.into_iter().map(Case::adversarial))?;
    for compute in [Policy::dev().compute, ComputePolicy { width: 4096, layers: 2, ..Policy::production().compute }] {
        forward(table, device, kernels, compute)?;
    }
    rounds(table, device, kernels)
}

fn judge(table: &mut Table, device: &str, path: &str, what: &str, wrong: Option<String>) {
    let (result, outcome) = match wrong {
        None => ("equal the reference".to_owned(), Outcome::Ok),
        Some(wrong) => (format!("{wrong}; {REMEDY}"), Outcome::Failed),
    };
    table.add(device, &format!("{path}: {what}"), result, "every bit", outcome);
}

fn products(
    table: &mut Table,
    device: &str,
    kernels: &Kernels,
    what: &str,
    cases: impl Iterator<Item = Case>,
) -> Result<()> {
    let mut count = 0;
    let mut wrong = vec![Vec::new(); kernels.len()];
    for case in cases {
        count += 1;
        for ((_, kernel), wrong) in kernels.iter().zip(&mut wrong) {
            if !case.holds(kernel.as_ref()) {
                sound(kernel.as_ref())?;
                wrong.push(case.name().to_owned());
            }
        }
    }
    for ((path, _), wrong) in kernels.iter().zip(wrong) {
        let first = wrong.first().map(|first| format!("{} of {count} are wrong ({first})", wrong.len()));
        judge(table, device, path, &format!("{count} {what}"), first);
    }
    Ok(())
}

fn challenge(compute: ComputePolicy) -> Challenge {
    Challenge { genesis: [1; 32], netuid: NetUid(1), block: Block(1), nonce: [2; 32], compute }
}

fn forward(table: &mut Table, device: &str, kernels: &Kernels, compute: ComputePolicy) -> Result<()> {
    let what = format!("{ROWS} rows through {} layers of width {}", compute.layers, compute.width);
    let weights = Weights::new(&challenge(compute))?;
    let width = weights.shape().width;
    let mut inputs = vec![0; ROWS * width];
    Inputs::after(&[3; 32]).fill(0, width, &mut inputs);
    let mut expected = inputs.clone();
    ScalarKernel.forward(&weights, &mut expected);
    for (path, kernel) in kernels {
        let mut rows = inputs.clone();
        kernel.forward(&weights, &mut rows);
        sound(kernel.as_ref())?;
        judge(table, device, path, &what, (rows != expected).then(|| "rows are wrong".to_owned()));
    }
    Ok(())
}

/// Whole rounds, and an opening as a validator checks it.
fn rounds(table: &mut Table, device: &str, kernels: &Kernels) -> Result<()> {
    let challenge = challenge(Policy::dev().compute);
    let weights = Arc::new(Weights::resident(&challenge)?);
    let solver = || Solver::new(Arc::clone(&weights), &HOTKEY, 0);
    let roots = |solver: &mut Solver, kernel: &dyn RowKernel| -> Vec<_> {
        (0..ROUNDS).map_while(|_| solver.next_round(kernel)).map(|round| round.root).collect()
    };
    let expected = roots(&mut solver(), &ScalarKernel);
    let commitment = Commitment { hotkey: HOTKEY, chains: vec![expected.clone()] };
    let samples = proof::sample(&[5; 32], &challenge, &commitment);
    for (path, kernel) in kernels {
        let mut solver = solver();
        let same = roots(&mut solver, kernel.as_ref()) == expected;
        let opening = proof::open(&[&solver], kernel.as_ref(), &samples)?;
        sound(kernel.as_ref())?;
        let wrong = match proof::verify(&weights, &ScalarKernel, &commitment, &samples, &opening) {
            _ if !same => Some("the roots are wrong".to_owned()),
            Ok(()) => None,
            Err(fault) => Some(format!("the opening is refused ({fault:?})")),
        };
        judge(table, device, path, &format!("{ROUNDS} whole rounds and an opening of {} rows", samples.len()), wrong);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::device::open::open;

    /// Right but for the last sum of every product.
    struct Flawed;

    impl RowKernel for Flawed {
        fn multiply(&self, weights: &[i8], inputs: &[i8], width: usize, out: &mut [i32]) {
            ScalarKernel.multiply(weights, inputs, width, out);
            if let Some(last) = out.last_mut() {
                *last += 1;
            }
        }
    }

    impl ChainKernel for Flawed {
        fn fault(&self) -> Option<String> {
            None
        }

        fn products(&self, _: usize, _: usize, _: Duration) -> Result<f64> {
            anyhow::bail!("not measured")
        }
    }

    fn examined(kernel: Box<dyn ChainKernel>) -> Table {
        let mut table = Table::default();
        examine(&mut table, "cpu", &[("tested".to_owned(), kernel)]).unwrap();
        table
    }

    #[test]
    fn the_path_of_this_machine_is_right() {
        let table = examined(open(DeviceName::Cpu, std::num::NonZeroUsize::MIN).unwrap().kernel().unwrap());
        assert_eq!(table.rows().len(), 5);
        assert!(table.rows().iter().all(|row| row.outcome == Outcome::Ok), "{table:#?}");
    }

    #[test]
    fn a_flawed_device_fails_every_test_and_its_owner_is_told_what_to_do() {
        let table = examined(Box::new(Flawed));
        assert_eq!(table.rows().len(), 5);
        for row in table.rows() {
            assert!(row.outcome == Outcome::Failed && row.result.ends_with(REMEDY), "{row:#?}");
        }
    }
}
