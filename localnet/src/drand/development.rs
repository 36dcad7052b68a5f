//! A beacon whose key is in this source: it keeps nothing secret, and needs nobody.

use parity_scale_codec::Encode as _;
use sp_core::{Pair as _, ed25519};
use sp_runtime::{BoundedVec, MultiSignature, MultiSigner};
use timelock::{Round, SecretKey, Signature};

use super::types::{BeaconConfiguration, BoundedHash, Pulse, PulsesPayload};
use crate::runtime::{RuntimeCall, UncheckedExtrinsic};

const SEED: [u8; 32] = *b"localnet development beacon seed";

/// The secret key of the development beacon.
#[must_use]
pub fn key() -> SecretKey {
    SecretKey::from_seed(&SEED)
}

/// The development beacon of a chain with a block every `block_ms` milliseconds, as the chain stores it.
///
/// Round 1 was due at the start of 1970, so that every clock finds it running. The period is that of the blocks in whole
/// seconds, at least one: a block rarely brings more than one pulse.
#[must_use]
pub fn configuration(block_ms: u64) -> BeaconConfiguration {
    let public_key = key().public_key().to_bytes();
    let period = u32::try_from(block_ms / 1000).unwrap_or(u32::MAX).max(1);
    let hash = sp_crypto_hashing::sha2_256(&public_key);
    BeaconConfiguration::new(&public_key, period, 0, [&hash, &hash], b"localnet")
}

/// The pulse of a round with its signature.
#[must_use]
pub fn pulse(round: Round, signature: &Signature) -> Pulse {
    let signature = signature.to_bytes();
    let randomness = sp_crypto_hashing::sha2_256(&signature);
    Pulse {
        round,
        randomness: BoundedHash::truncate_from(randomness.to_vec()),
        signature: BoundedVec::truncate_from(signature.to_vec()),
    }
}

/// The extrinsic with which a node reports a pulse in a block. Equal pulses give equal bytes.
#[must_use]
pub fn report(pulse: Pulse, block_number: u32) -> Vec<u8> {
    let reporter = ed25519::Pair::from_seed(&SEED);
    let public = MultiSigner::Ed25519(reporter.public());
    let pulses_payload = PulsesPayload { block_number, pulses: vec![pulse], public };
    let signature = MultiSignature::Ed25519(pulses_payload.using_encoded(|bytes| reporter.sign(bytes)));
    let call = super::Call::write_pulse { pulses_payload, signature: Some(signature) };
    UncheckedExtrinsic::new_bare(RuntimeCall::Drand(call)).encode()
}
