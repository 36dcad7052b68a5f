//! Small windows for tests.
#![allow(dead_code, reason = "every test binary uses a part")]

use std::sync::Arc;

use incentive::policy::ComputePolicy;
use incentive::units::{Block, Hotkey, NetUid};
use proof::{Challenge, Commitment, Digest, Opening, RowKernel, Sample, Solver, Weights, open, sample};

/// A policy for tests: two chains, eight rounds.
pub fn policy(width: u32, layers: u32, rows: u32, openings: u32) -> ComputePolicy {
    ComputePolicy { width, layers, rows, openings, chains_max: 2, rounds_max: 8 }
}

/// A challenge whose nonce tells it from others.
pub fn challenge(compute: ComputePolicy, nonce: u8) -> Challenge {
    Challenge { genesis: [1; 32], netuid: NetUid(7), block: Block(1234), nonce: [nonce; 32], compute }
}

/// One of several hotkeys.
pub fn hotkey(byte: u8) -> Hotkey {
    Hotkey([byte; 32])
}

/// Everything that passes between one miner and one validator in a window.
#[derive(Clone)]
pub struct Session {
    pub weights: Arc<Weights>,
    pub commitment: Commitment,
    pub samples: Vec<Sample>,
    pub opening: Opening,
}

impl Session {
    /// An honest miner that runs two chains of `rounds` rounds.
    pub fn honest(challenge: &Challenge, miner: Hotkey, rounds: u32, secret: [u8; 32], kernel: &dyn RowKernel) -> Self {
        Self::with_rounds(challenge, miner, &[rounds, rounds], secret, kernel)
    }

    /// An honest miner that runs as many rounds on each chain.
    pub fn with_rounds(
        challenge: &Challenge,
        miner: Hotkey,
        rounds: &[u32],
        secret: [u8; 32],
        kernel: &dyn RowKernel,
    ) -> Self {
        let weights = Arc::new(Weights::resident(challenge).expect("the test policy is valid"));
        let mut solvers: Vec<_> =
            (0..).zip(rounds).map(|(chain, _)| Solver::new(weights.clone(), &miner, chain)).collect();
        for (solver, rounds) in solvers.iter_mut().zip(rounds) {
            for _ in 0..*rounds {
                solver.next_round(kernel).expect("the test policy admits the round");
            }
        }
        let roots = |solver: &Solver| -> Vec<Digest> { solver.chain().roots().to_vec() };
        let commitment = Commitment { hotkey: miner, chains: solvers.iter().map(roots).collect() };
        let samples = sample(&secret, challenge, &commitment);
        let opening = open(&solvers.iter().collect::<Vec<_>>(), kernel, &samples).expect("all rows were computed");
        Self { weights, commitment, samples, opening }
    }

    /// The validator's judgement.
    pub fn verify(&self, kernel: &dyn RowKernel) -> Result<(), incentive::verdict::Fault> {
        proof::verify(&self.weights, kernel, &self.commitment, &self.samples, &self.opening)
    }
}

/// A kernel that is one function of a column and a row.
pub struct Dots(pub fn(&[i8], &[i8]) -> i32);

impl RowKernel for Dots {
    fn multiply(&self, weights: &[i8], inputs: &[i8], width: usize, out: &mut [i32]) {
        for (row, out) in inputs.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
            for (column, out) in weights.chunks_exact(width).zip(out) {
                *out = (self.0)(column, row);
            }
        }
    }
}

/// Rounds to the nearest bf16, ties to even.
pub fn bf16(value: f32) -> f32 {
    let bits = value.to_bits();
    f32::from_bits((bits + 0x7fff + ((bits >> 16) & 1)) & 0xffff_0000)
}
