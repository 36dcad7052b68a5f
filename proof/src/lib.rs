//! The proof of compute: what a miner computes, how it commits to it, what a validator draws and how it checks.
//!
//! Pure functions on owned values: no IO, no clock, no randomness of its own. The bytes are specified in
//! `PROTOCOL.md`, "Compute proof". In the order in which a window uses them:
//!
//! - [`window`]: at which block a window opens
//! - [`challenge`]: what a window asks; its id is the window id
//! - [`shape`]: the validated dimensions of a policy, and the bounds that keep every accumulator exact
//! - [`weights`]: the matrices and salts that all hotkeys of a window share
//! - [`kernel`]: exact integer rows times matrix, the seam to other devices
//! - [`rows`]: where rows come from, how they pass the layers, how they are packed
//! - [`merkle`]: a round's rows under one root
//! - [`chain`]: heads that bind all roots so far
//! - [`solver`]: the miner's side
//! - [`mod@sample`]: which rows a validator opens
//! - [`opening`]: the answer, decoded within bounds
//! - [`mod@verify`]: the validator's side
//! - [`digest`]: domain-separated hashes and what gets signed
//!
//! And for answers of models [`inference`]: seeds, and the chain over their tokens (`PROTOCOL.md`, "Seeded sampling"), and
//! [`fingerprint`]: their activations.

pub mod chain;
pub mod challenge;
pub mod digest;
pub mod fingerprint;
pub mod inference;
pub mod kernel;
pub mod merkle;
pub mod opening;
pub mod rows;
pub mod sample;
pub mod shape;
pub mod solver;
pub mod verify;
pub mod weights;
pub mod window;

pub use chain::{Chain, Commitment, Step};
pub use challenge::Challenge;
pub use digest::{Digest, head_digest, opening_digest, policy_digest, secret_commitment};
pub use kernel::{RowKernel, ScalarKernel};
pub use opening::{OpenedRow, Opening};
pub use sample::{Sample, sample};
pub use shape::Shape;
pub use solver::{OpenError, Round, Solver, open};
pub use verify::{Claim, verify, verify_batch};
pub use weights::Weights;
