//! Encryption to a round: Boneh-Franklin FullIdent over BLS12-381 for the key, AES-256-GCM for the body.
//!
//! The identity is the round, the beacon is the authority, and its signature of the round is the decryption key.

use aes_gcm::aead::Aead;
use aes_gcm::{Aes256Gcm, KeyInit};
use ark_bls12_381::G2Affine;
use ark_ec::{AffineRepr, CurveGroup};
use ark_serialize::CanonicalDeserialize;

use crate::key::compressed;
use crate::pairing::{Block, blinding, hash, pairing_hash, round_point, xor};
use crate::wire::{NONCE, OVERHEAD, Parts};
use crate::{Error, PublicKey, Round, Signature};

/// Bytes of randomness that one encryption takes: body key, sigma, nonce.
pub const RANDOMNESS: usize = 32 + 32 + NONCE;
/// The longest ciphertext that the chain takes (`MaxEncryptedBytes` of a commit).
pub const MAX_CIPHERTEXT: usize = 5000;
/// The longest message that fits.
pub const MAX_MESSAGE: usize = MAX_CIPHERTEXT - OVERHEAD;

/// Encrypts `message` so that only the signature of `round` by `key` opens it; 244 bytes are added.
///
/// `randomness` must be fresh and unpredictable for each message: whoever knows it can decrypt at once.
///
/// # Errors
///
/// [`Error::MessageTooLong`] above [`MAX_MESSAGE`] bytes.
pub fn encrypt(message: &[u8], round: Round, key: &PublicKey, randomness: &[u8; RANDOMNESS]) -> Result<Vec<u8>, Error> {
    if message.len() > MAX_MESSAGE {
        return Err(Error::MessageTooLong(message.len()));
    }
    let (body_key, sigma, nonce) = split(randomness);
    let r = blinding(&sigma, &body_key);
    let mask = pairing_hash((round_point(round)? * r).into_affine(), key.0)?;
    let text = cipher(&body_key).encrypt((&nonce).into(), message).map_err(|_| Error::MessageTooLong(message.len()))?;
    let parts = Parts {
        u: &compressed(&(G2Affine::generator() * r).into_affine()),
        v: &xor(&sigma, &mask),
        w: &xor(&body_key, &hash(&[&sigma])),
        text: &text,
        nonce: &nonce,
    };
    Ok(parts.to_bytes())
}

/// Decrypts with the signature of the round to which `ciphertext` was encrypted.
///
/// # Errors
///
/// [`Error::CiphertextTooLong`] above [`MAX_CIPHERTEXT`] bytes, [`Error::Malformed`] for anything that is not exactly
/// of the prescribed form, [`Error::NotOpened`] when the signature is another one or a single bit was changed.
pub fn decrypt(ciphertext: &[u8], signature: &Signature) -> Result<Vec<u8>, Error> {
    if ciphertext.len() > MAX_CIPHERTEXT {
        return Err(Error::CiphertextTooLong(ciphertext.len()));
    }
    let parts = Parts::from_bytes(ciphertext)?;
    let u = G2Affine::deserialize_compressed(&parts.u[..]).map_err(|_| Error::Malformed("U is no point of G2"))?;
    let sigma = xor(parts.v, &pairing_hash(signature.0, u)?);
    let body_key = xor(parts.w, &hash(&[&sigma]));
    if (G2Affine::generator() * blinding(&sigma, &body_key)).into_affine() != u {
        return Err(Error::NotOpened);
    }
    cipher(&body_key).decrypt(parts.nonce.into(), parts.text).map_err(|_| Error::NotOpened)
}

fn cipher(key: &Block) -> Aes256Gcm {
    Aes256Gcm::new(key.into())
}

/// Body key, sigma and nonce, in this order.
fn split(randomness: &[u8; RANDOMNESS]) -> (Block, Block, [u8; NONCE]) {
    (
        std::array::from_fn(|at| randomness[at]),
        std::array::from_fn(|at| randomness[32 + at]),
        std::array::from_fn(|at| randomness[64 + at]),
    )
}

#[cfg(test)]
mod tests;
