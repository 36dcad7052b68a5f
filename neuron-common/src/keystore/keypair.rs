//! Keys in memory.

use std::fmt;

use ed25519_dalek::{Signer as _, SigningKey};
use incentive::units::Hotkey;
use schnorrkel::SecretKey;
use sp_core::crypto::Pair as _;
use sp_core::{ed25519, sr25519};
use zeroize::Zeroizing;

use super::scheme::transcript;
use super::{KeystoreError, Scheme, ss58};

/// A key pair of either scheme. The secret is wiped on drop and never printed.
#[derive(Clone)]
pub struct Keypair {
    pair: Pair,
    address: String,
    phrase: Option<Zeroizing<String>>,
    seed: Option<Zeroizing<[u8; 32]>>,
}

/// Both wipe their secret on drop. A Schnorr pair is four times the size of the other, hence the box.
#[derive(Clone)]
enum Pair {
    Sr25519(Box<schnorrkel::Keypair>),
    Ed25519(Box<SigningKey>),
}

impl Keypair {
    /// A new random sr25519 key.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub fn generate() -> Result<Self, KeystoreError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut()).map_err(KeystoreError::Randomness)?;
        Ok(Self::from_seed(&seed))
    }

    /// The sr25519 key of a 32-byte mini-secret.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self::seeded(Scheme::Sr25519, seed)
    }

    /// The key of a 32-byte seed: a mini-secret for sr25519, the secret key of RFC 8032 for ed25519.
    #[must_use]
    pub fn seeded(scheme: Scheme, seed: &[u8; 32]) -> Self {
        let pair = match scheme {
            Scheme::Sr25519 => Pair::Sr25519(Box::new(sr25519::Pair::from_seed(seed).into())),
            Scheme::Ed25519 => Pair::Ed25519(Box::new(SigningKey::from_bytes(seed))),
        };
        Self { seed: Some(Zeroizing::new(*seed)), ..Self::of(pair) }
    }

    /// The key of a BIP39 phrase without a password, as Bittensor's tools derive it.
    ///
    /// # Errors
    /// If the words are no valid phrase.
    pub fn from_phrase(scheme: Scheme, phrase: &str) -> Result<Self, KeystoreError> {
        let phrase = phrase.trim();
        let (_, seed) =
            sr25519::Pair::from_phrase(phrase, None).map_err(|_| KeystoreError::Secret("not a valid BIP39 phrase"))?;
        let seed = Zeroizing::new(seed);
        Ok(Self { phrase: Some(Zeroizing::new(phrase.to_owned())), ..Self::seeded(scheme, &seed) })
    }

    /// The sr25519 key of a Substrate secret URI; `//Alice` and the like are the well-known development keys.
    ///
    /// # Errors
    /// If the text is no secret URI.
    pub fn from_uri(uri: &str) -> Result<Self, KeystoreError> {
        Self::derived(Scheme::Sr25519, uri)
    }

    /// The key of a Substrate secret URI under either scheme.
    ///
    /// # Errors
    /// If the text is no secret URI, or ed25519 cannot derive its path (it knows only hard junctions, `//`).
    pub fn derived(scheme: Scheme, uri: &str) -> Result<Self, KeystoreError> {
        let refused = |_| KeystoreError::Secret("not a valid secret URI");
        match scheme {
            Scheme::Sr25519 => {
                let pair = sr25519::Pair::from_string(uri, None).map_err(refused)?;
                Ok(Self::of(Pair::Sr25519(Box::new(pair.into()))))
            }
            Scheme::Ed25519 => {
                let pair = ed25519::Pair::from_string(uri, None).map_err(refused)?;
                let seed = Zeroizing::new(pair.seed());
                Ok(Self::of(Pair::Ed25519(Box::new(SigningKey::from_bytes(&seed)))))
            }
        }
    }

    /// The key of what wallet files call `privateKey`: 64 bytes (expanded) for sr25519, 32 for ed25519.
    pub(super) fn from_private(scheme: Scheme, private: &[u8]) -> Option<Self> {
        let pair = match scheme {
            Scheme::Sr25519 => Pair::Sr25519(Box::new(SecretKey::from_bytes(private).ok()?.to_keypair())),
            Scheme::Ed25519 => Pair::Ed25519(Box::new(SigningKey::from_bytes(private.try_into().ok()?))),
        };
        Some(Self::of(pair))
    }

    /// What wallet files call `privateKey`.
    pub(super) fn private(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(match &self.pair {
            Pair::Sr25519(pair) => Zeroizing::new(pair.secret.to_bytes()).to_vec(),
            Pair::Ed25519(key) => Zeroizing::new(key.to_bytes()).to_vec(),
        })
    }

    pub(super) const fn phrase(&self) -> Option<&Zeroizing<String>> {
        self.phrase.as_ref()
    }

    pub(super) const fn seed(&self) -> Option<&Zeroizing<[u8; 32]>> {
        self.seed.as_ref()
    }

    fn of(pair: Pair) -> Self {
        let address = ss58(&public(&pair));
        Self { pair, address, phrase: None, seed: None }
    }

    /// The public half; of a coldkey as well.
    #[must_use]
    pub fn hotkey(&self) -> Hotkey {
        public(&self.pair)
    }

    /// The address (SS58, format 42).
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// How it signs.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        match &self.pair {
            Pair::Sr25519(_) => Scheme::Sr25519,
            Pair::Ed25519(_) => Scheme::Ed25519,
        }
    }

    /// A signature over `message`; sr25519 signs in the context `substrate`, and never twice the same.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        match &self.pair {
            Pair::Sr25519(pair) => pair.sign(transcript(message)).to_bytes(),
            Pair::Ed25519(key) => key.sign(message).to_bytes(),
        }
    }
}

fn public(pair: &Pair) -> Hotkey {
    Hotkey(match pair {
        Pair::Sr25519(pair) => pair.public.to_bytes(),
        Pair::Ed25519(key) => key.verifying_key().to_bytes(),
    })
}

impl fmt::Debug for Keypair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keypair")
            .field("scheme", &self.scheme())
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
