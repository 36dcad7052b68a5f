//! Does this machine compute what every validator will recompute? Bit by bit, against plain loops and the reference.

use std::process::ExitCode;

use anyhow::Result;
use engine::{Case, Kernel, Path};
use incentive::policy::{ComputePolicy, Policy};
use incentive::units::{Block, NetUid};
use neuron_common::check::Checks;
use proof::rows::Inputs;
use proof::{Challenge, RowKernel, ScalarKernel, Weights};

/// Random products.
const RANDOM: usize = 1000;
/// Their widths: whole blocks of the weights' stream, and not.
const WIDTHS: [usize; 6] = [16, 48, 64, 80, 128, 272];
/// Widths of the products on the bound, up to the widest that a policy admits.
const BOUND: [usize; 6] = [16, 48, 256, 1008, 4096, 8192];
/// What a wrong bit means.
const REMEDY: &str = "do not mine with this machine, its answers would count as fraud";
/// Rows that pass the layers: no multiple of anything.
const ROWS: usize = 67;

/// Tests every path of the processor and prints a line for each kind of test; the exit code is 0 only if all are right.
///
/// # Errors
/// When the test cannot be made, or JSON cannot be made of the result.
pub fn run(json: bool) -> Result<ExitCode> {
    let mut checks = Checks::default();
    let mut kernels = Vec::new();
    for path in Path::ALL {
        match Kernel::on(path, super::cores()) {
            Some(kernel) => kernels.push((path.name(), kernel)),
            None => checks.warn(path.name(), "skipped: this machine does not have it".to_owned()),
        }
    }
    let kernels: Vec<_> = kernels.iter().map(|(name, kernel)| (*name, kernel as &dyn RowKernel)).collect();
    examine(&mut checks, &kernels)?;
    checks.print(json)
}

/// All tests on all kernels, in order of the tests.
fn examine(checks: &mut Checks, kernels: &[(&'static str, &dyn RowKernel)]) -> Result<()> {
    let random = (0..RANDOM).map(|number| Case::random(WIDTHS[number % WIDTHS.len()], 1 + number % ROWS));
    products(checks, kernels, "random products", random);
    products(checks, kernels, "products on the bound of exactness", BOUND.into_iter().map(Case::adversarial));
    for compute in [Policy::dev().compute, ComputePolicy { width: 4096, layers: 2, ..Policy::production().compute }] {
        forward(checks, kernels, compute)?;
    }
    Ok(())
}

fn products(
    checks: &mut Checks,
    kernels: &[(&'static str, &dyn RowKernel)],
    what: &str,
    cases: impl Iterator<Item = Case>,
) {
    let mut count = 0;
    let mut wrong = vec![Vec::new(); kernels.len()];
    for case in cases {
        count += 1;
        for ((_, kernel), wrong) in kernels.iter().zip(&mut wrong) {
            if !case.holds(*kernel) {
                wrong.push(case.name().to_owned());
            }
        }
    }
    for ((name, _), wrong) in kernels.iter().zip(wrong) {
        match wrong.first() {
            None => checks.ok(name, format!("{count} {what} equal the reference")),
            Some(first) => {
                checks.failed(name, format!("{} of {count} {what} are wrong ({first}); {REMEDY}", wrong.len()))
            }
        }
    }
}

fn forward(checks: &mut Checks, kernels: &[(&'static str, &dyn RowKernel)], compute: ComputePolicy) -> Result<()> {
    let what = format!("{ROWS} rows through {} layers of width {}", compute.layers, compute.width);
    let challenge = Challenge { genesis: [1; 32], netuid: NetUid(1), block: Block(1), nonce: [2; 32], compute };
    let weights = Weights::new(&challenge)?;
    let width = weights.shape().width;
    let mut inputs = vec![0; ROWS * width];
    Inputs::after(&[3; 32]).fill(0, width, &mut inputs);
    let mut expected = inputs.clone();
    ScalarKernel.forward(&weights, &mut expected);
    for (name, kernel) in kernels {
        let mut rows = inputs.clone();
        kernel.forward(&weights, &mut rows);
        if rows == expected {
            checks.ok(name, format!("{what} equal the reference"));
        } else {
            checks.failed(name, format!("{what} are wrong; {REMEDY}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;

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

    fn lines(kernel: &dyn RowKernel) -> Vec<String> {
        let mut checks = Checks::default();
        examine(&mut checks, &[("tested", kernel)]).unwrap();
        checks.to_string().lines().map(ToOwned::to_owned).collect()
    }

    #[test]
    fn the_path_of_this_machine_is_right() {
        let lines = lines(&Kernel::new(NonZeroUsize::MIN));
        assert_eq!(lines.len(), 4);
        assert!(lines.iter().all(|line| line.starts_with("ok     tested: ")), "{lines:#?}");
    }

    #[test]
    fn a_flawed_device_fails_every_test_and_is_told_what_to_do() {
        let lines = lines(&Flawed);
        assert_eq!(lines.len(), 4);
        assert!(lines.iter().all(|line| line.starts_with("FAILED tested: ") && line.ends_with(REMEDY)), "{lines:#?}");
    }
}
