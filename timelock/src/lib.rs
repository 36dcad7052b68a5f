//! Time-lock encryption to a drand beacon: anyone may encrypt now to a round of the future, and nobody can decrypt
//! before the beacon has signed that round.
//!
//! Pure functions: no IO, no clock, randomness is an argument. The bytes are those of subtensor's commit-reveal,
//! version 4; `PROTOCOL.md` describes them, "Time-locked weights". In the order of use:
//!
//! - [`beacon`]: who signs, since when, how often; times and rounds
//! - [`key`]: the beacon's public key, its signatures, and the secret of a beacon of one's own
//! - [`seal`]: encrypt to a round, decrypt with its signature
//! - [`payload`]: weights, as they are committed
//!
//! Everything that arrives as bytes is hostile: lengths are bounded before they are used, and points are checked to
//! lie in the right group.

pub mod beacon;
mod error;
pub mod key;
mod pairing;
pub mod payload;
pub mod seal;
mod wire;

pub use beacon::{Beacon, QUICKNET_HASH, QUICKNET_KEY, Round};
pub use error::Error;
pub use key::{PublicKey, SecretKey, Signature};
pub use payload::WeightsPayload;
pub use seal::{MAX_CIPHERTEXT, MAX_MESSAGE, RANDOMNESS, decrypt, encrypt};
