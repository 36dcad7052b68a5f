//! Hashing to the curve and the pairing, as the scheme fixes them.

use ark_bls12_381::{Bls12_381, Fr, G1Affine, G1Projective, G2Affine, g1};
use ark_ec::hashing::HashToCurve;
use ark_ec::hashing::curve_maps::wb::WBMap;
use ark_ec::hashing::map_to_curve_hasher::MapToCurveBasedHasher;
use ark_ec::pairing::Pairing;
use ark_ff::PrimeField;
use ark_ff::field_hashers::DefaultFieldHasher;
use ark_serialize::CanonicalSerialize;
use sha2::{Digest, Sha256};

use crate::{Error, Round};

/// Thirty-two bytes: a hash, a key, a mask.
pub(crate) type Block = [u8; 32];

/// The domain of drand's signatures in G1 (RFC 9380 suite without a prefix of its own).
const DOMAIN: &[u8] = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_";
/// A compressed element of the target group: twelve coordinates of 48 bytes.
const TARGET_LEN: usize = 576;

type RoundHasher = MapToCurveBasedHasher<G1Projective, DefaultFieldHasher<Sha256>, WBMap<g1::Config>>;

/// The point that the beacon signs for `round`: the hash of the round number, big-endian, hashed to G1.
pub(crate) fn round_point(round: Round) -> Result<G1Affine, Error> {
    let hasher = RoundHasher::new(DOMAIN).map_err(|_| Error::Curve)?;
    hasher.hash(&hash(&[&round.to_be_bytes()])).map_err(|_| Error::Curve)
}

/// SHA-256 of the serialised pairing of `left` and `right`.
pub(crate) fn pairing_hash(left: G1Affine, right: G2Affine) -> Result<Block, Error> {
    let mut bytes = Vec::with_capacity(TARGET_LEN);
    Bls12_381::pairing(left, right).serialize_compressed(&mut bytes).map_err(|_| Error::Curve)?;
    Ok(hash(&[&bytes]))
}

/// The blinding scalar, bound to both secrets of a ciphertext.
pub(crate) fn blinding(sigma: &Block, key: &Block) -> Fr {
    Fr::from_be_bytes_mod_order(&hash(&[sigma, key]))
}

/// SHA-256 of the concatenated parts.
pub(crate) fn hash(parts: &[&[u8]]) -> Block {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// Bitwise exclusive or.
pub(crate) fn xor(left: &Block, right: &Block) -> Block {
    std::array::from_fn(|at| left[at] ^ right[at])
}
