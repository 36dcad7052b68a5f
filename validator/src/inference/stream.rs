//! One request and its answer as it arrives: bounded in bytes, frames and time, every token with the time of the last byte
//! of its chunk.

use engine::generation::Finish;
use incentive::verdict::Fault;
use proof::fingerprint::Fingerprint;

/// What a miner answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    /// Token ids in their order.
    pub ids: Vec<u32>,
    /// For each of them, microseconds from the first byte of the request to the last byte of its chunk.
    pub arrivals_us: Vec<u64>,
    /// What the answer says that it is bound to.
    pub binding: Option<Binding>,
    /// The last head of the chain of tokens, and how many tokens it covers.
    pub chain: Option<([u8; 32], usize)>,
    /// One for each chunk of 32 tokens, if they were asked for.
    pub fingerprints: Vec<Fingerprint>,
    /// Why it ended; `None` if it broke off or the time was over.
    pub finish: Option<Finish>,
    /// What is wrong with it already.
    pub fault: Option<Fault>,
}

/// What an answer says that it is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Of the tokens of the prompt and the parameters.
    pub request: [u8; 32],
    /// The nonce that was used.
    pub nonce: [u8; 32],
    /// The model, where the miner holds it itself.
    pub model: Option<[u8; 32]>,
}
