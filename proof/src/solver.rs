//! The miner's side: rounds as fast as the kernel goes, and the opened rows afterwards.

use std::sync::Arc;

use incentive::units::Hotkey;

use crate::chain::Chain;
use crate::digest::Digest;
use crate::kernel::RowKernel;
use crate::merkle;
use crate::opening::{OpenedRow, Opening};
use crate::rows::{Inputs, pack};
use crate::sample::Sample;
use crate::weights::Weights;

/// One chain of one hotkey in one window. Keeps the leaf hashes only (32 bytes per row) and recomputes opened rows.
pub struct Solver {
    weights: Arc<Weights>,
    chain: Chain,
    leaves: Vec<Vec<Digest>>,
}

/// A finished round, to be signed and sent at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Round {
    /// The chain it belongs to.
    pub chain: u16,
    /// Its number, from 1.
    pub round: u32,
    /// The root over its rows.
    pub root: Digest,
    /// The head after it: what [`crate::head_digest`] signs.
    pub head: Digest,
}

/// An opening that was asked for and cannot be given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The sample names a row that was not computed.
    #[error("no row {} in round {} of chain {}: only computed rows can be opened", .0.row, .0.round, .0.chain)]
    Unknown(Sample),
    /// The kernel broke, so its rows would be proven fraud.
    #[error("the device broke while it computed the opened rows: open them with another kernel")]
    Broken,
}

impl Solver {
    /// A chain before its first round.
    #[must_use]
    pub fn new(weights: Arc<Weights>, hotkey: &Hotkey, chain: u16) -> Self {
        let chain = Chain::new(weights.challenge(), hotkey, chain);
        Self { weights, chain, leaves: Vec::new() }
    }

    /// The rounds so far.
    #[must_use]
    pub const fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Computes the next round; `None` when the policy admits no more, or when the kernel broke.
    pub fn next_round(&mut self, kernel: &dyn RowKernel) -> Option<Round> {
        let shape = *self.weights.shape();
        let round = self.chain.rounds() + 1;
        if round > shape.rounds_max {
            return None;
        }
        let chain = self.chain.index();
        let leaves = kernel.leaves(&self.weights, self.chain.head(), chain, round)?;
        let root = merkle::root(&leaves);
        self.leaves.push(leaves);
        let head = self.chain.push(root);
        Some(Round { chain, round, root, head })
    }

    /// Recomputes and opens rows of this chain.
    ///
    /// # Errors
    /// A sample names a row that this solver did not compute, or the kernel broke.
    pub fn open(&self, kernel: &dyn RowKernel, samples: &[Sample]) -> Result<Vec<OpenedRow>, OpenError> {
        Ok(open(&[self], kernel, samples)?.rows)
    }

    fn leaves(&self, sample: &Sample) -> Option<&[Digest]> {
        let leaves = self.leaves.get(sample.round.checked_sub(1)? as usize)?;
        ((sample.row as usize) < leaves.len()).then_some(leaves)
    }
}

/// Recomputes and opens the sampled rows of a hotkey's chains, in the order of the samples, in one pass over the layers.
///
/// # Errors
/// A sample names a row that none of the solvers computed, or the kernel broke.
pub fn open(solvers: &[&Solver], kernel: &dyn RowKernel, samples: &[Sample]) -> Result<Opening, OpenError> {
    let Some(first) = solvers.first() else {
        return samples.first().map_or(Ok(Opening { rows: Vec::new() }), |sample| Err(OpenError::Unknown(*sample)));
    };
    let width = first.weights.shape().width;
    let mut rows = vec![0; samples.len() * width];
    let mut paths = Vec::with_capacity(samples.len());
    for (sample, values) in samples.iter().zip(rows.chunks_exact_mut(width)) {
        let unknown = || OpenError::Unknown(*sample);
        let solver = solvers.iter().find(|solver| solver.chain.index() == sample.chain).ok_or_else(unknown)?;
        let leaves = solver.leaves(sample).ok_or_else(unknown)?;
        let before = solver.chain.head_after(sample.round - 1).ok_or_else(unknown)?;
        Inputs::after(before).fill(sample.row, width, values);
        paths.push(merkle::path(leaves, sample.row as usize));
    }
    kernel.forward(&first.weights, &mut rows);
    if kernel.broken() {
        return Err(OpenError::Broken);
    }
    let packed = rows.chunks_exact(width).map(pack);
    Ok(Opening { rows: packed.zip(paths).map(|(packed, path)| OpenedRow { packed, path }).collect() })
}
