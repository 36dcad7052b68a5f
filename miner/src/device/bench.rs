//! How fast this machine is: whole rounds, as they are paid, beside nothing but products.

use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use engine::Kernel;
use incentive::policy::{ComputePolicy, Policy};
use incentive::units::{Block, Hotkey, NetUid};
use neuron_common::exit;
use proof::rows::Inputs;
use proof::{Challenge, RowKernel, Solver, Weights};
use serde::Serialize;

/// A round small enough to be repeated: some of the production policy's rows and layers.
const ROWS: u32 = 1024;
const LAYERS: u32 = 8;

/// What was measured. A multiplication and an addition are two operations, as in the score.
#[derive(Clone, Debug, Serialize)]
struct Rates {
    path: &'static str,
    threads: NonZeroUsize,
    width: u32,
    rows: u32,
    layers: u32,
    /// Operations per second of products alone, weights in memory.
    products: f64,
    /// Operations per second of rounds: weights, inputs, products, and hashes.
    rounds: f64,
    /// Rounds over products.
    ratio: f64,
}

/// Measures for about twice as long as told, and prints.
///
/// # Errors
/// When the work cannot be made, or JSON cannot be made of the result.
pub fn run(threads: Option<NonZeroUsize>, length: Duration, json: bool) -> Result<ExitCode> {
    let threads = threads.unwrap_or_else(super::cores);
    let kernel = Kernel::new(threads);
    let compute = ComputePolicy {
        rows: ROWS,
        layers: LAYERS,
        rounds_max: ComputePolicy::ROUNDS_MAX,
        ..Policy::production().compute
    };
    let (width, path) = (compute.width, kernel.path().name());
    let challenge = Challenge { genesis: [1; 32], netuid: NetUid(1), block: Block(1), nonce: [2; 32], compute };
    let weights = Arc::new(Weights::new(&challenge)?);
    let products = products(&weights, &kernel, length);
    let rounds = rounds(weights, &kernel, length);
    let ratio = rounds / products;
    let rates = Rates { path, threads, width, rows: ROWS, layers: LAYERS, products, rounds, ratio };
    exit::print(&if json { serde_json::to_string_pretty(&rates)? + "\n" } else { rates.text() });
    Ok(ExitCode::SUCCESS)
}

impl Rates {
    fn text(&self) -> String {
        let Self { path, threads, width, rows, layers, products, rounds, ratio } = self;
        let (products, rounds) = (products / 1e9, rounds / 1e9);
        format!(
            "cpu: {path}, {threads} thread(s)\n\
             products  {products:>9.1} Gop/s  {rows} rows times {width} x {width}, weights in memory\n\
             rounds    {rounds:>9.1} Gop/s  {rows} rows through {layers} layers, weights and hashes included\n\
             ratio     {ratio:>9.2}\n"
        )
    }
}

fn products(weights: &Weights, kernel: &dyn RowKernel, length: Duration) -> f64 {
    let (layer, width) = (weights.layer(0), weights.shape().width);
    let mut inputs = vec![0; weights.shape().rows * width];
    Inputs::after(&[3; 32]).fill(0, width, &mut inputs);
    let mut out = vec![0; inputs.len()];
    let seconds = repeat(length, || {
        kernel.multiply(&layer, &inputs, width, &mut out);
        true
    });
    2.0 * (inputs.len() * width) as f64 / seconds
}

fn rounds(weights: Arc<Weights>, kernel: &dyn RowKernel, length: Duration) -> f64 {
    let shape = *weights.shape();
    let mut solver = Solver::new(weights, &Hotkey([4; 32]), 0);
    let seconds = repeat(length, || solver.next_round(kernel).is_some());
    2.0 * (shape.rows * shape.layers * shape.width * shape.width) as f64 / seconds
}

/// Seconds of one run: the mean of as many as fit, after one that warms up. Ends early when there is no further one.
fn repeat(length: Duration, mut run: impl FnMut() -> bool) -> f64 {
    run();
    let start = Instant::now();
    let mut runs = 0u32;
    while runs == 0 || start.elapsed() < length {
        if !run() {
            break;
        }
        runs += 1;
    }
    start.elapsed().as_secs_f64() / f64::from(runs.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_until_the_time_is_over_or_nothing_is_left() {
        let mut left = 5;
        repeat(Duration::from_secs(3600), || {
            left -= 1;
            left > 0
        });
        assert_eq!(left, 0);
        let mut runs = 0;
        repeat(Duration::ZERO, || {
            runs += 1;
            true
        });
        assert_eq!(runs, 2, "one warms up, one counts");
    }
}
