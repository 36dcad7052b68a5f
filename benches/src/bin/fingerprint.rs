//! What a fingerprint of 32 tokens costs the side that makes it and the side that checks it: medians on one core.
//!
//!     cargo run --release -p benches --no-default-features --bin fingerprint [-- RUNS]

use std::time::Instant;

use anyhow::Context;
use benches::machine;
use proof::fingerprint::{CHUNK, Fingerprint, TOP, bf16, largest};

fn main() -> anyhow::Result<()> {
    let runs = std::env::args().nth(1).map(|runs| runs.parse()).transpose().context("RUNS is a number")?;
    let runs = runs.unwrap_or(101_usize).max(1);
    println!("machine: {}", machine());
    println!("command: cargo run --release -p benches --no-default-features --bin fingerprint -- {runs}");
    for hidden in [1024, 4096, 8192] {
        let states = states(hidden);
        let rows: Vec<u16> = states.iter().copied().map(bf16).collect();
        let fingerprint = Fingerprint::of(&rows);
        anyhow::ensure!(fingerprint.distance(&rows).exponents == 0, "a fingerprint fits its own rows");
        println!("hidden {hidden}, medians of {runs}, microseconds for {CHUNK} tokens");
        println!("  rounding   {:6}", median(runs, || states.iter().copied().map(bf16).collect::<Vec<_>>()));
        println!("  selection  {:6}", median(runs, || largest(&rows, TOP)));
        println!("  all of it  {:6}", median(runs, || Fingerprint::of(&rows)));
        println!("  comparison {:6}", median(runs, || fingerprint.distance(&rows)));
    }
    Ok(())
}

/// A bell: the sum of eight numbers of a linear congruential generator (Knuth's MMIX).
fn states(hidden: usize) -> Vec<f32> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / 16_777_216.0 - 0.5
    };
    (0..CHUNK * hidden).map(|_| (0..8).map(|_| next()).sum()).collect()
}

fn median<T>(runs: usize, work: impl Fn() -> T) -> u128 {
    let time = |_| {
        let start = Instant::now();
        std::hint::black_box(work());
        start.elapsed().as_micros()
    };
    let mut times: Vec<_> = (0..runs).map(time).collect();
    times.sort_unstable();
    times[runs / 2]
}
