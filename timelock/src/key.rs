//! Keys and signatures of a beacon.

use std::fmt;

use ark_bls12_381::{Bls12_381, Fr, G1Affine, G2Affine};
use ark_ec::pairing::Pairing;
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::Zero;
use ark_ff::field_hashers::{DefaultFieldHasher, HashToField};
use ark_serialize::{CanonicalDeserialize, CanonicalSerialize};
use sha2::Sha256;

use crate::pairing::round_point;
use crate::{Error, Round};

/// What separates the secrets of own beacons from other uses of the same seed.
const SEED_DOMAIN: &[u8] = b"assay/beacon/secret";

/// A beacon's public key: a point of G2 that is not the identity.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(pub(crate) G2Affine);

impl PublicKey {
    /// Bytes of a compressed key.
    pub const LEN: usize = 96;

    /// Reads a compressed key.
    ///
    /// # Errors
    ///
    /// [`Error::PublicKey`] unless the bytes are a point of the prime-order group other than the identity.
    pub fn from_bytes(bytes: &[u8; Self::LEN]) -> Result<Self, Error> {
        match G2Affine::deserialize_compressed(&bytes[..]) {
            Ok(point) if !point.is_zero() => Ok(Self(point)),
            _ => Err(Error::PublicKey),
        }
    }

    /// The compressed key.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        compressed(&self.0)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", Hex(&self.to_bytes()))
    }
}

/// A beacon's signature of one round: a point of G1 that is not the identity.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature(pub(crate) G1Affine);

impl Signature {
    /// Bytes of a compressed signature.
    pub const LEN: usize = 48;

    /// Reads a compressed signature; whether it signs anything is for [`Self::verify`] to say.
    ///
    /// # Errors
    ///
    /// [`Error::Signature`] unless the bytes are a point of the prime-order group other than the identity.
    pub fn from_bytes(bytes: &[u8; Self::LEN]) -> Result<Self, Error> {
        match G1Affine::deserialize_compressed(&bytes[..]) {
            Ok(point) if !point.is_zero() => Ok(Self(point)),
            _ => Err(Error::Signature),
        }
    }

    /// The compressed signature.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        compressed(&self.0)
    }

    /// Whether this is the signature of `round` under `key`.
    #[must_use]
    pub fn verify(&self, key: &PublicKey, round: Round) -> bool {
        let negated = -G2Affine::generator();
        round_point(round).is_ok_and(|point| Bls12_381::multi_pairing([self.0, point], [negated, key.0]).is_zero())
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({})", Hex(&self.to_bytes()))
    }
}

/// The secret of a beacon of one's own, for a chain without drand and for tests.
///
/// The arithmetic is not constant-time: whoever measures the signer may learn the key.
#[derive(Clone)]
pub struct SecretKey(Fr);

impl SecretKey {
    /// The secret that belongs to `seed`; always the same one.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let hasher = <DefaultFieldHasher<Sha256> as HashToField<Fr>>::new(SEED_DOMAIN);
        let [secret] = hasher.hash_to_field::<1>(seed);
        Self(secret)
    }

    /// The key that verifies this secret's signatures, and to which one encrypts.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        PublicKey((G2Affine::generator() * self.0).into_affine())
    }

    /// Signs `round`: the pulse that opens everything encrypted to it.
    ///
    /// # Errors
    ///
    /// [`Error::Curve`], which does not occur: the map to the curve is total.
    pub fn sign(&self, round: Round) -> Result<Signature, Error> {
        Ok(Signature((round_point(round)? * self.0).into_affine()))
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

/// The compressed form of a point that takes exactly `LEN` bytes.
pub(crate) fn compressed<const LEN: usize>(point: &impl CanonicalSerialize) -> [u8; LEN] {
    let mut bytes = [0; LEN];
    let written = point.serialize_compressed(&mut bytes[..]);
    debug_assert!(written.is_ok(), "a point takes a fixed number of bytes");
    bytes
}

struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests;
