//! The validator's side: every opened row must lie under its root and be the row that the challenge asks for.

use incentive::verdict::Fault;

use crate::chain::{Chain, Commitment};
use crate::digest::Digest;
use crate::kernel::{RowKernel, ScalarKernel};
use crate::merkle;
use crate::opening::Opening;
use crate::rows::{Inputs, pack};
use crate::sample::Sample;
use crate::weights::Weights;

/// What one hotkey committed to, what was asked of it, and what it answered.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// The counted roots.
    pub commitment: &'a Commitment,
    /// The rows that were asked for.
    pub samples: &'a [Sample],
    /// The answer; its signature has been checked.
    pub opening: &'a Opening,
}

/// Checks one opening.
///
/// # Errors
/// The first fault in this order: [`Fault::Malformed`] when counts or lengths are not those of the policy,
/// [`Fault::WrongPath`] when a row does not lie under its root, [`Fault::WrongRow`] when a row is not the one that the
/// challenge asks for.
pub fn verify(
    weights: &Weights,
    kernel: &dyn RowKernel,
    commitment: &Commitment,
    samples: &[Sample],
    opening: &Opening,
) -> Result<(), Fault> {
    verify_batch(weights, kernel, &[Claim { commitment, samples, opening }]).pop().unwrap_or(Err(Fault::Malformed))
}

/// Checks the openings of many hotkeys of one window in one pass over the layers; results in the order of the claims.
#[must_use]
pub fn verify_batch(weights: &Weights, kernel: &dyn RowKernel, claims: &[Claim<'_>]) -> Vec<Result<(), Fault>> {
    let placed: Vec<_> = claims.iter().map(|claim| check_paths(weights, claim)).collect();
    let passed: Vec<_> = claims
        .iter()
        .zip(&placed)
        .filter_map(|(claim, heads)| Some((*claim, heads.as_ref().ok()?.as_slice())))
        .collect();
    let mut judged = check_rows(weights, kernel, &passed).into_iter();
    // There is one judgement for each claim that passed.
    placed
        .iter()
        .map(|heads| {
            heads.as_ref().map_err(|fault| *fault).and_then(|_| judged.next().unwrap_or(Err(Fault::Malformed)))
        })
        .collect()
}

/// Checks counts, lengths and paths; returns the head before the round of each sample.
fn check_paths(weights: &Weights, claim: &Claim<'_>) -> Result<Vec<Digest>, Fault> {
    let shape = weights.shape();
    let rows = &claim.opening.rows;
    let chains = &claim.commitment.chains;
    let bounded = chains.len() <= usize::from(shape.chains_max)
        && chains.iter().all(|roots| roots.len() <= shape.rounds_max as usize)
        && rows.len() == claim.samples.len()
        && rows.iter().all(|row| row.packed.len() == shape.packed_len() && row.path.len() == shape.depth());
    if !bounded {
        return Err(Fault::Malformed);
    }
    let chains = claim.commitment.replay(weights.challenge());
    let mut heads = Vec::with_capacity(rows.len());
    for (sample, row) in claim.samples.iter().zip(rows) {
        let (head, root) = place(&chains, sample, shape.rows).ok_or(Fault::WrongPath)?;
        let leaf = merkle::leaf(sample.chain, sample.round, sample.row, &row.packed);
        if merkle::climb(leaf, sample.row, &row.path) != *root {
            return Err(Fault::WrongPath);
        }
        heads.push(*head);
    }
    Ok(heads)
}

/// The head before a sample's round and the root of it.
fn place<'a>(chains: &'a [Chain], sample: &Sample, rows: usize) -> Option<(&'a Digest, &'a Digest)> {
    let chain = chains.get(usize::from(sample.chain)).filter(|_| (sample.row as usize) < rows)?;
    let before = sample.round.checked_sub(1)?;
    Some((chain.head_after(before)?, chain.roots().get(before as usize)?))
}

/// Recomputes every row through all layers. A kernel that breaks costs time and no verdict: the reference does it again.
fn check_rows(weights: &Weights, kernel: &dyn RowKernel, claims: &[(Claim<'_>, &[Digest])]) -> Vec<Result<(), Fault>> {
    let mut rows = recompute(weights, kernel, claims);
    if kernel.broken() {
        rows = recompute(weights, &ScalarKernel, claims);
    }
    let mut rows = rows.chunks_exact(weights.shape().width);
    claims
        .iter()
        .map(|(claim, _)| {
            // Every row is taken, right or wrong, so that the next claim meets its own.
            let wrong =
                claim.opening.rows.iter().zip(&mut rows).filter(|(row, values)| row.packed != pack(values)).count();
            if wrong == 0 { Ok(()) } else { Err(Fault::WrongRow) }
        })
        .collect()
}

/// The true rows of all samples, in their order.
fn recompute(weights: &Weights, kernel: &dyn RowKernel, claims: &[(Claim<'_>, &[Digest])]) -> Vec<i8> {
    let width = weights.shape().width;
    let total = claims.iter().map(|(_, heads)| heads.len()).sum::<usize>();
    let mut rows = vec![0; total * width];
    let places = claims.iter().flat_map(|(claim, heads)| claim.samples.iter().zip(*heads));
    for (values, (sample, head)) in rows.chunks_exact_mut(width).zip(places) {
        Inputs::after(head).fill(sample.row, width, values);
    }
    kernel.forward(weights, &mut rows);
    rows
}
