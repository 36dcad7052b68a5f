//! Domain-separated hashes: every use of BLAKE3 has a context of its own, so no hash can stand for another.

use incentive::policy::Policy;
use incentive::units::Hotkey;
use parity_scale_codec::Encode;

use crate::opening::Opening;
use crate::sample::Sample;

/// A BLAKE3 hash: window ids, seeds, heads, roots, leaves.
pub type Digest = [u8; 32];

/// BLAKE3 in key derivation mode over the concatenation of `parts`.
pub(crate) fn derive(context: &str, parts: &[&[u8]]) -> Digest {
    *hasher(context, parts).finalize().as_bytes()
}

/// The hasher behind [`derive`], for those who need more than 32 bytes of output.
pub(crate) fn hasher(context: &str, parts: &[&[u8]]) -> blake3::Hasher {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    for part in parts {
        hasher.update(part);
    }
    hasher
}

/// The policy as both sides compare it before they work together.
#[must_use]
pub fn policy_digest(policy: &Policy) -> Digest {
    derive("assay policy v1", &[&policy.encode()])
}

/// What a hotkey signs with every root: the head binds all roots of the chain up to this round.
#[must_use]
pub fn head_digest(window: &Digest, hotkey: &Hotkey, chain: u16, round: u32, head: &Digest) -> Digest {
    derive("assay head v1", &[window, &hotkey.0, &chain.to_le_bytes(), &round.to_le_bytes(), head])
}

/// What a hotkey signs with an opening. The samples are part of it, so that a failed opening is evidence for third
/// parties: nobody can present it as the answer to another question.
#[must_use]
pub fn opening_digest(window: &Digest, hotkey: &Hotkey, samples: &[Sample], opening: &Opening) -> Digest {
    derive("assay opening v1", &[window, &hotkey.0, &samples.encode(), &opening.encode()])
}

/// What a validator commits to before a window, so that its samples can be recomputed afterwards and not be chosen.
#[must_use]
pub fn secret_commitment(secret: &[u8; 32]) -> Digest {
    derive("assay secret v1", &[secret])
}
