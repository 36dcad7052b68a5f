//! Whether an answer is bound to what was asked.

use incentive::task::ModelDigest;
use incentive::verdict::Fault;
use proof::inference::TokenChain;

use super::{Binding, Received};

/// What the answer to a request has to be bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// Of the tokens of the prompt, as the validator counts them, and the parameters.
    pub request: [u8; 32],
    /// The nonce of the request.
    pub nonce: [u8; 32],
    /// The model that was asked for.
    pub model: ModelDigest,
    /// The seed that follows from them and the miner's hotkey.
    pub seed: [u8; 32],
}

/// Whether the answer names this request and this model, and its chain begins with this seed and runs over these tokens. A
/// miner that has the model from another server knows no digest of it, and names none.
///
/// # Errors
/// [`Fault::WrongBinding`], also for tokens that no head covers.
pub fn binding(received: &Received, bound: &Bound) -> Result<(), Fault> {
    let named = received.binding.is_some_and(|Binding { request, nonce, model, seeded }| {
        seeded
            && request == Some(bound.request)
            && nonce == bound.nonce
            && model.is_none_or(|model| model == bound.model.0)
    });
    let mut chain = TokenChain::new(&bound.seed);
    chain.extend(received.ids.iter().copied());
    if named && received.chain == Some((*chain.head(), received.ids.len())) { Ok(()) } else { Err(Fault::WrongBinding) }
}
