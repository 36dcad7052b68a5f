//! The two signature schemes of Bittensor's keys, and checking signatures.

use std::sync::LazyLock;

use incentive::units::Hotkey;
use schnorrkel::context::{SigningContext, SigningTranscript};
use schnorrkel::{PublicKey, Signature};
use serde::{Deserialize, Serialize};
use sp_core::crypto::Pair as _;
use sp_core::ed25519;

/// The context under which Substrate signs with sr25519.
static CONTEXT: LazyLock<SigningContext> = LazyLock::new(|| SigningContext::new(b"substrate"));

/// How a key signs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// Schnorr on Ristretto: what Bittensor's tools make unless told otherwise.
    #[default]
    Sr25519,
    /// EdDSA.
    Ed25519,
}

/// A signature and what it should be over.
#[derive(Clone, Copy, Debug)]
pub struct SignedMessage<'a> {
    /// Who should have signed.
    pub signer: Hotkey,
    /// Under which scheme; [`Scheme::of`] tells it where nobody declares one.
    pub scheme: Scheme,
    /// What should have been signed.
    pub message: &'a [u8],
    /// The signature.
    pub signature: &'a [u8; 64],
}

// === impl Scheme ===

impl Scheme {
    /// The name in `btauth/1`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sr25519 => "sr25519",
            Self::Ed25519 => "ed25519",
        }
    }

    /// The number that wallet files call `cryptoType`.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Ed25519 => 0,
            Self::Sr25519 => 1,
        }
    }

    /// The scheme of a name or of a number in digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "sr25519" | "1" => Some(Self::Sr25519),
            "ed25519" | "0" => Some(Self::Ed25519),
            _ => None,
        }
    }

    /// The other scheme.
    pub(super) const fn other(self) -> Self {
        match self {
            Self::Sr25519 => Self::Ed25519,
            Self::Ed25519 => Self::Sr25519,
        }
    }

    /// Which scheme made a signature: sr25519 marks its signatures in a bit that ed25519 leaves clear.
    #[must_use]
    pub const fn of(signature: &[u8; 64]) -> Self {
        if signature[63] & 0x80 == 0 { Self::Ed25519 } else { Self::Sr25519 }
    }

    /// Whether `signature` is the signer's over `message` under this very scheme.
    ///
    /// Ed25519 is judged by the rules of ZIP 215, as the chain judges it.
    #[must_use]
    pub fn verify(self, signer: &Hotkey, message: &[u8], signature: &[u8; 64]) -> bool {
        match self {
            Self::Sr25519 => match (PublicKey::from_bytes(&signer.0), Signature::from_bytes(signature)) {
                (Ok(key), Ok(signature)) => key.verify(transcript(message), &signature).is_ok(),
                _ => false,
            },
            Self::Ed25519 => ed25519::Pair::verify(
                &ed25519::Signature::from_raw(*signature),
                message,
                &ed25519::Public::from_raw(signer.0),
            ),
        }
    }
}

/// What sr25519 signs of a message.
pub(super) fn transcript(message: &[u8]) -> impl SigningTranscript {
    CONTEXT.bytes(message)
}

/// Whether `signature` is `signer`'s over `message`, under the scheme that the signature shows.
///
/// An address does not tell its scheme, and the chain accepts either of an account; so does this.
#[must_use]
pub fn verify(signer: &Hotkey, message: &[u8], signature: &[u8; 64]) -> bool {
    Scheme::of(signature).verify(signer, message, signature)
}

/// [`Scheme::verify`] for many signatures at less than half the work each; one answer for each, in order.
///
/// The sr25519 signatures are checked by one equation with random weights. Only if that fails is each checked by itself, so
/// a bad signature never costs another its acceptance, and costs the caller at most half as much again as checking singly.
#[must_use]
pub fn verify_batch(items: &[SignedMessage<'_>]) -> Vec<bool> {
    let mut batch: Vec<usize> = (0..items.len()).filter(|&index| items[index].scheme == Scheme::Sr25519).collect();
    // Signatures of one key stand together: their key is decoded and multiplied once.
    batch.sort_unstable_by_key(|&index| items[index].signer);
    let together = batch.len() > 1 && equation_holds(&batch, items);
    items
        .iter()
        .map(|item| match item.scheme {
            Scheme::Sr25519 if together => true,
            scheme => scheme.verify(&item.signer, item.message, item.signature),
        })
        .collect()
}

fn equation_holds(batch: &[usize], items: &[SignedMessage<'_>]) -> bool {
    let (mut keys, mut signatures) = (Vec::with_capacity(batch.len()), Vec::with_capacity(batch.len()));
    for &index in batch {
        let item = &items[index];
        let known = keys.last().filter(|last: &&PublicKey| last.to_bytes() == item.signer.0).copied();
        let key = known.map_or_else(|| PublicKey::from_bytes(&item.signer.0), Ok);
        let (Ok(key), Ok(signature)) = (key, Signature::from_bytes(item.signature)) else { return false };
        keys.push(key);
        signatures.push(signature);
    }
    let transcripts = batch.iter().map(|&index| transcript(items[index].message));
    schnorrkel::verify_batch(transcripts, &signatures, &keys, true).is_ok()
}
