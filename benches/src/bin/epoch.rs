//! How long an epoch of a full subnet takes: 256 neurons, 64 permits, dense weights, one core.
//!
//!     cargo run --release -p benches --no-default-features --bin epoch [-- RUNS]

use std::time::{Duration, Instant};

use anyhow::Context;
use benches::machine;
use incentive::yuma::{self, BondRule, Epoch, LiquidAlpha, Mechanism, Neuron, Voice};

const NEURONS: u16 = 256;
const PERMITS: u16 = 64;
const EMISSION: u64 = 148_000_000_000;

/// Epochs in the loop of a simulation: as many as a subnet of tempo 360 runs in 50 days.
const SIMULATED: u32 = 1000;

fn main() -> anyhow::Result<()> {
    let runs = std::env::args().nth(1).map(|runs| runs.parse::<usize>()).transpose().context("RUNS is a number")?;
    let runs = runs.unwrap_or(21).max(1);
    println!("machine: {}", machine());
    println!("command: cargo run --release -p benches --no-default-features --bin epoch -- {runs}");
    println!(
        "{NEURONS} neurons, {PERMITS} permits, every validator weighs all; arithmetic of runtime {}",
        incentive::RUNTIME
    );
    let liquid = LiquidAlpha { low: 45_875, high: 58_982, steepness: 1000 };
    let rules =
        [("Yuma2", BondRule::Classic), ("Yuma3", BondRule::Yuma3), ("Yuma3, liquid alpha", BondRule::Liquid(liquid))];
    for (name, rule) in rules {
        let (epoch, mut mechanism) = subnet(rule);
        // The bonds of the second epoch on are dense, as they stay.
        step(&epoch, &mut mechanism);
        let mut times: Vec<Duration> = (0..runs)
            .map(|_| {
                let start = Instant::now();
                std::hint::black_box(yuma::run(std::hint::black_box(&epoch), &mechanism, EMISSION));
                start.elapsed()
            })
            .collect();
        times.sort_unstable();
        let ms = |at: usize| times[at].as_secs_f64() * 1e3;
        println!("{name}: {:.2} ms median of {runs}, {:.2} to {:.2}", ms(runs / 2), ms(0), ms(runs - 1));
        println!("  {SIMULATED} epochs, bonds carried over: {:.2} s", simulate(&epoch, mechanism).as_secs_f64());
    }
    Ok(())
}

/// A subnet whose validators agree up to some noise, so that medians, clipping and bonds have work to do.
fn subnet(rule: BondRule) -> (Epoch, Mechanism) {
    let mut noise = Noise(1);
    let neuron = |uid: u16| Neuron {
        alpha_stake: if uid < PERMITS { (1 + u64::from(uid)) * 1_000_000_000_000 } else { 0 },
        permit: uid < PERMITS,
        registered: 1,
        ..Neuron::default()
    };
    let epoch = Epoch {
        block: 10_000,
        tempo: 360,
        last_step: 9_640,
        activity_cutoff: 5_000,
        max_validators: PERMITS,
        kappa: 32_767,
        bonds_penalty: u16::MAX,
        bonds_moving_average: 900_000,
        bond_rule: rule,
        neurons: (0..NEURONS).map(neuron).collect(),
        ..Epoch::default()
    };
    let quality: Vec<u16> = (0..NEURONS).map(|_| noise.below(60_000)).collect();
    let mut row = || (0..).zip(&quality).map(|(uid, worth)| (uid, worth + 1 + noise.below(5_000))).collect();
    let voice =
        |uid| Voice { last_update: 9_900, weights: if uid < PERMITS { row() } else { Vec::new() }, ..Voice::default() };
    (epoch, Mechanism { voices: (0..NEURONS).map(voice).collect() })
}

/// Runs an epoch and stores its bonds.
fn step(epoch: &Epoch, mechanism: &mut Mechanism) {
    let bonds = yuma::run(epoch, mechanism, EMISSION).bonds;
    for (voice, bonds) in mechanism.voices.iter_mut().zip(bonds) {
        voice.bonds = bonds;
    }
}

fn simulate(epoch: &Epoch, mut mechanism: Mechanism) -> Duration {
    let start = Instant::now();
    for _ in 0..SIMULATED {
        step(epoch, &mut mechanism);
    }
    start.elapsed()
}

/// Numbers that look random and are the same in every run.
struct Noise(u64);

impl Noise {
    fn below(&mut self, limit: u16) -> u16 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % u64::from(limit)) as u16
    }
}
