//! How long one core takes to check one opening of the production policy: 48 rows through 32 layers of 4096 × 4096,
//! weights included.
//!
//!     cargo run --release -p benches --no-default-features --bin verify [-- RUNS THREADS]

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use benches::machine;
use incentive::policy::Policy;
use incentive::units::{Block, Hotkey, NetUid};
use incentive::verdict::Fault;
use proof::rows::{Inputs, forward, pack};
use proof::{Chain, Challenge, Claim, OpenedRow, Opening, RowKernel, Sample, ScalarKernel, ThreadedKernel, Weights};
use proof::{Commitment, merkle, verify_batch};

/// Times the products inside a check, so that the rest of it (weights, hashes) shows.
struct Timed<K> {
    kernel: K,
    nanoseconds: AtomicU64,
}

impl<K: RowKernel> RowKernel for Timed<K> {
    fn multiply(&self, weights: &[i8], inputs: &[i8], width: usize, out: &mut [i32]) {
        let start = Instant::now();
        self.kernel.multiply(weights, inputs, width, out);
        self.nanoseconds.fetch_add(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
    }
}

/// Three loops, as anybody would write them.
struct Plain;

impl RowKernel for Plain {
    fn multiply(&self, weights: &[i8], inputs: &[i8], width: usize, out: &mut [i32]) {
        for row in 0..inputs.len() / width {
            for column in 0..width {
                let mut sum = 0;
                for k in 0..width {
                    sum += i32::from(weights[column * width + k]) * i32::from(inputs[row * width + k]);
                }
                out[row * width + column] = sum;
            }
        }
    }
}

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>());
    let runs = arguments.next().transpose().context("RUNS is a number")?.unwrap_or(5).max(1);
    let threads = arguments.next().transpose().context("THREADS is a number")?.unwrap_or(1);
    let kernel = ThreadedKernel::new(NonZeroUsize::new(threads).context("THREADS is at least 1")?);
    println!("machine: {}", machine());
    println!("command: cargo run --release -p benches --no-default-features --bin verify -- {runs} {threads}");

    let challenge = Challenge {
        genesis: [1; 32],
        netuid: NetUid(1),
        block: Block(1),
        nonce: [2; 32],
        compute: Policy::production().compute,
    };
    let weights = Weights::new(&challenge)?;
    let (commitment, samples, opening) = opened(&challenge, &weights, &kernel);
    let claim = Claim { commitment: &commitment, samples: &samples, opening: &opening };
    let mut wall = Vec::new();
    let mut products = Vec::new();
    for _ in 0..runs {
        let timed = Timed { kernel, nanoseconds: AtomicU64::new(0) };
        let start = Instant::now();
        let verdict = verify_batch(&weights, &timed, &[claim]);
        wall.push(start.elapsed());
        products.push(Duration::from_nanos(timed.nanoseconds.into_inner()));
        anyhow::ensure!(verdict == [Ok::<(), Fault>(())], "an honest opening was refused: {verdict:?}");
    }
    let shape = weights.shape();
    let work = (shape.openings * shape.layers * shape.width * shape.width) as f64 / 1e9;
    let (wall, products) = (median(&mut wall), median(&mut products));
    println!("n={} T={} k={}: {work:.1} GMAC", shape.width, shape.layers, shape.openings);
    println!("check: {:.2} s median of {runs}, {threads} thread(s)", wall.as_secs_f64());
    println!("  products {:.2} s = {:.1} GMAC/s", products.as_secs_f64(), work / products.as_secs_f64());
    println!("  weights and hashes {:.2} s", wall.saturating_sub(products).as_secs_f64());
    compare(&weights);
    Ok(())
}

/// Both kernels on one layer, side by side.
fn compare(weights: &Weights) {
    let (width, rows) = (weights.shape().width, weights.shape().openings);
    let layer = weights.layer(0);
    let mut inputs = vec![0; rows * width];
    Inputs::after(&[7; 32]).fill(0, width, &mut inputs);
    let time = |kernel: &dyn RowKernel| {
        let mut out = vec![0; rows * width];
        let mut times: Vec<_> = (0..5)
            .map(|_| {
                let start = Instant::now();
                kernel.multiply(&layer, &inputs, width, &mut out);
                start.elapsed()
            })
            .collect();
        (median(&mut times).as_secs_f64(), out)
    };
    let ((tiled, same), (plain, truth)) = (time(&ScalarKernel), time(&Plain));
    assert!(same == truth, "the portable kernel is not exact");
    println!("one layer: {tiled:.3} s against {plain:.3} s of a plain triple loop, ratio {:.1}", plain / tiled);
}

/// An opening that is honest for its rows, without computing the other 16336 of the round: their leaves are made up.
fn opened(challenge: &Challenge, weights: &Weights, kernel: &dyn RowKernel) -> (Commitment, Vec<Sample>, Opening) {
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
    forward(weights, kernel, &mut rows);
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

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
