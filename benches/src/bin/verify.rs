//! How long one core takes to check one opening, weights included: 48 rows through 32 layers of 4096 × 4096, as the
//! production policy asks, and 16 rows through 32 layers of 8192 × 8192.
//!
//!     cargo run --release -p benches --no-default-features --bin verify [-- RUNS THREADS]

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use anyhow::Context;
use benches::machine;
use engine::{Kernel, Path};
use incentive::policy::{ComputePolicy, Policy};
use incentive::units::{Block, Hotkey, NetUid};
use incentive::verdict::Fault;
use proof::rows::{Inputs, pack};
use proof::{Chain, Challenge, Claim, OpenedRow, Opening, RowKernel as _, Sample, Weights};
use proof::{Commitment, merkle, verify_batch};

/// Openings that are checked in one pass over the layers, as a validator does.
const BATCH: usize = 16;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>());
    let runs = arguments.next().transpose().context("RUNS is a number")?.unwrap_or(5).max(1);
    let threads = arguments.next().transpose().context("THREADS is a number")?.unwrap_or(1);
    let threads = NonZeroUsize::new(threads).context("THREADS is at least 1")?;
    println!("machine: {}", machine());
    println!("command: cargo run --release -p benches --no-default-features --bin verify -- {runs} {threads}");

    let production = || Policy::production().compute;
    for compute in [production(), ComputePolicy { width: 8192, openings: 16, ..production() }] {
        println!(
            "n={} T={} k={}, {threads} thread(s), medians of {runs}",
            compute.width, compute.layers, compute.openings
        );
        let challenge = Challenge { genesis: [1; 32], netuid: NetUid(1), block: Block(1), nonce: [2; 32], compute };
        let weights = Weights::new(&challenge)?;
        let (commitment, samples, opening) = opened(&challenge, &weights, &Kernel::new(threads));
        let claim = Claim { commitment: &commitment, samples: &samples, opening: &opening };
        for path in Path::ALL {
            let Some(kernel) = Kernel::on(path, threads) else {
                println!("  {path:<12} skipped: this machine does not have it");
                continue;
            };
            let alone = check(&weights, &kernel, &[claim], runs)?.as_secs_f64();
            let together = check(&weights, &kernel, &[claim; BATCH], 1)?.as_secs_f64() / BATCH as f64;
            println!("  {path:<12} {alone:.3} s alone, {together:.3} s among {BATCH}");
        }
    }
    Ok(())
}

fn check(weights: &Weights, kernel: &Kernel, claims: &[Claim<'_>], runs: usize) -> anyhow::Result<Duration> {
    let mut times = Vec::new();
    for _ in 0..runs {
        let start = Instant::now();
        let verdict = verify_batch(weights, kernel, claims);
        times.push(start.elapsed());
        anyhow::ensure!(
            verdict.iter().all(|verdict| *verdict == Ok::<(), Fault>(())),
            "an honest opening was refused: {verdict:?}"
        );
    }
    times.sort_unstable();
    Ok(times[times.len() / 2])
}

/// An opening that is honest for its rows, without computing the others of the round: their leaves are made up.
fn opened(challenge: &Challenge, weights: &Weights, kernel: &Kernel) -> (Commitment, Vec<Sample>, Opening) {
    let hotkey = Hotkey([3; 32]);
    let shape = *weights.shape();
    let chain = Chain::new(challenge, &hotkey, 0);
    let place = |index: usize| (index * shape.rows / shape.openings) as u32;
    let samples: Vec<_> = (0..shape.openings).map(|index| Sample { chain: 0, round: 1, row: place(index) }).collect();
    let inputs = Inputs::after(chain.head());
    let mut rows = vec![0; shape.openings * shape.width];
    for (values, sample) in rows.chunks_exact_mut(shape.width).zip(&samples) {
        inputs.fill(sample.row, shape.width, values);
    }
    kernel.forward(weights, &mut rows);
    let packed: Vec<_> = rows.chunks_exact(shape.width).map(pack).collect();
    let mut leaves = vec![[0; 32]; shape.rows];
    for (sample, packed) in samples.iter().zip(&packed) {
        leaves[sample.row as usize] = merkle::leaf(0, 1, sample.row, packed);
    }
    let path = |sample: &Sample| merkle::path(&leaves, sample.row as usize);
    let opened = packed.into_iter().zip(&samples).map(|(packed, sample)| OpenedRow { packed, path: path(sample) });
    let opening = Opening { rows: opened.collect() };
    (Commitment { hotkey, chains: vec![vec![merkle::root(&leaves)]] }, samples, opening)
}
