//! After the window: the secret is revealed, rows are opened and recomputed.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use incentive::policy::Policy;
use incentive::verdict::Fault;
use neuron_common::keystore;
use neuron_common::wire::{self, OpenRequest, OpenResponse};
use parity_scale_codec::Encode as _;
use proof::{Challenge, Claim, Commitment, Digest, Opening, RowKernel, Sample, Weights};
use reqwest::StatusCode;
use tokio::time::timeout;

use super::{Collected, Dispatch, Target, read};

/// Openings on their way at once: bounds memory, not the deadline, which each has of its own.
const AT_ONCE: usize = 64;

/// A signed opening, not verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What was asked for.
    pub samples: Vec<Sample>,
    /// What came.
    pub opening: Opening,
}

/// Fetches the opening of every miner that committed to something; results in the order of `collected`.
pub async fn openings(
    dispatch: &Dispatch,
    collected: &[Collected],
    challenge: &Challenge,
    policy: &Policy,
    secret: &Digest,
) -> Vec<Result<Answer, Fault>> {
    let deadline = Duration::from_millis(policy.window.opening_deadline_ms.into());
    let asked: Vec<_> = collected.iter().map(|one| in_time(dispatch, one, challenge, secret, deadline)).collect();
    stream::iter(asked).buffered(AT_ONCE).collect().await
}

async fn in_time(
    dispatch: &Dispatch,
    one: &Collected,
    challenge: &Challenge,
    secret: &Digest,
    deadline: Duration,
) -> Result<Answer, Fault> {
    let commitment = one.outcome.as_ref().map_err(|fault| *fault)?;
    let answer = opening(dispatch, &one.target, commitment, challenge, secret);
    timeout(deadline, answer).await.unwrap_or(Err(Fault::OpeningRefused))
}

async fn opening(
    dispatch: &Dispatch,
    target: &Target,
    commitment: &Commitment,
    challenge: &Challenge,
    secret: &Digest,
) -> Result<Answer, Fault> {
    let window = challenge.id();
    let counted = commitment.chains.iter().map(|roots| u32::try_from(roots.len()).unwrap_or(u32::MAX)).collect();
    let body = OpenRequest { version: wire::VERSION, window, secret: *secret, counted }.encode();
    let response = dispatch.signed(target, wire::OPEN_PATH, &body).send().await.map_err(|_| Fault::OpeningRefused)?;
    if response.status() != StatusCode::OK {
        return Err(Fault::OpeningRefused);
    }
    // The policy of a running validator is valid.
    let shape = proof::Shape::new(&challenge.compute).map_err(|_| Fault::Malformed)?;
    let limit = Opening::encoded_len(&shape);
    let body = read(response, OpenResponse::limit(limit)).await.ok_or(Fault::OpeningRefused)?;
    let OpenResponse { opening, signature } = wire::decode_opening(&body, limit).map_err(|_| Fault::Malformed)?;
    let samples = proof::sample(secret, challenge, commitment);
    let digest = proof::opening_digest(&window, &target.hotkey, &samples, &opening);
    if !keystore::verify(&target.hotkey, &digest, &signature) {
        return Err(Fault::BadSignature);
    }
    Ok(Answer { samples, opening })
}

/// Recomputes all opened rows in one pass over the layers; results in the order of `collected`. Blocks.
#[must_use]
pub fn verify(
    weights: &Weights,
    kernel: &dyn RowKernel,
    collected: &[Collected],
    answers: &[Result<Answer, Fault>],
) -> Vec<Result<(), Fault>> {
    let claims: Vec<Claim<'_>> = collected
        .iter()
        .zip(answers)
        .filter_map(|(one, answer)| {
            let (commitment, answer) = (one.outcome.as_ref().ok()?, answer.as_ref().ok()?);
            Some(Claim { commitment, samples: &answer.samples, opening: &answer.opening })
        })
        .collect();
    let mut verified = proof::verify_batch(weights, kernel, &claims).into_iter();
    collected
        .iter()
        .zip(answers)
        .map(|(one, answer)| match (&one.outcome, answer) {
            (Err(fault), _) | (Ok(_), Err(fault)) => Err(*fault),
            (Ok(_), Ok(_)) => verified.next().unwrap_or(Err(Fault::Malformed)),
        })
        .collect()
}
