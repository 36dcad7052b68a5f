//! Bittensor's wallet files: the hotkey of a neuron is read where the owner's other tools put it.
//!
//! A wallet is a folder `<root>/<name>` with the coldkey (never needed here) and `hotkeys/<hotkey>`, by default plain JSON.

mod file;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};

use incentive::units::Hotkey;
use sp_core::crypto::{Pair as _, Ss58AddressFormat, Ss58Codec as _};
use sp_core::sr25519;
use zeroize::Zeroizing;

pub use file::{load_hotkey, load_key, load_public, write_hotkey};

/// The address format of Bittensor and of Substrate at large.
const SS58_FORMAT: u16 = 42;

/// Where a hotkey lies: `<root>/<name>/hotkeys/<hotkey>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalletPath {
    root: PathBuf,
    name: String,
    hotkey: String,
}

/// An sr25519 key pair. The secret is wiped on drop and never printed.
#[derive(Clone)]
pub struct Keypair {
    pair: sr25519::Pair,
    seed: Option<Zeroizing<[u8; 32]>>,
}

/// Why a key could not be read or written. No variant carries a byte of key material.
#[derive(Debug, thiserror::Error)]
pub enum KeystoreError {
    /// A wallet or hotkey name that is empty or would leave the wallet folder.
    #[error("{what} {name:?} is not a file name; use letters, digits, '-', '_' and '.' ({flag})")]
    Name {
        /// `wallet` or `hotkey`.
        what: &'static str,
        /// The name as given.
        name: String,
        /// The flag that sets it.
        flag: &'static str,
    },
    /// No such file.
    #[error(
        "no hotkey at {path}; create it with `btcli wallet new-hotkey`, or choose another with --wallet, --hotkey and --wallet-path"
    )]
    Missing {
        /// The file that was looked for.
        path: PathBuf,
    },
    /// The file is there and cannot be read or written.
    #[error("cannot {action} key file {path}: {source}; check its owner and permissions")]
    Io {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Larger than any key file.
    #[error("{path} is larger than {limit} bytes and therefore no key file; check --wallet-path and --hotkey")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The bound in bytes.
        limit: u64,
    },
    /// A password protects the file.
    #[error(
        "{path} is encrypted ({format}); encrypted key files are not supported yet: make a hotkey without password \
         (`btcli wallet new-hotkey --no-use-password`) and register that one"
    )]
    Encrypted {
        /// The file.
        path: PathBuf,
        /// Which format its first bytes announce.
        format: &'static str,
    },
    /// Neither JSON with a secret nor a bare seed, private key or phrase.
    #[error("{path} is no Bittensor key file: {reason}; restore it with `btcli wallet regen-hotkey`")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A public file where a secret is needed.
    #[error("{path} holds only the public key; point --hotkey at the key itself")]
    PublicOnly {
        /// The file.
        path: PathBuf,
    },
    /// An ed25519 key: neurons sign with sr25519.
    #[error("{path} holds an ed25519 key; neurons sign with sr25519: make a new hotkey with `btcli wallet new-hotkey`")]
    Ed25519 {
        /// The file.
        path: PathBuf,
    },
    /// The secret derives another address than the file states.
    #[error(
        "{path} states address {stated}, but its secret derives {derived}; restore it with `btcli wallet regen-hotkey`"
    )]
    AddressMismatch {
        /// The file.
        path: PathBuf,
        /// The address in the file.
        stated: String,
        /// The address of the secret.
        derived: String,
    },
    /// Another key is there already.
    #[error("{path} already holds another key ({existing}); remove it by hand if it is not needed")]
    Exists {
        /// The file.
        path: PathBuf,
        /// Address of the key that is there.
        existing: String,
    },
    /// A seed, phrase or derivation path that gives no key.
    #[error("not a secret: {0}")]
    Secret(&'static str),
    /// The system gave no randomness.
    #[error("the system gave no randomness for a new key: {0}")]
    Randomness(getrandom::Error),
}

// === impl WalletPath ===

impl WalletPath {
    /// The hotkey `hotkey` of wallet `name` below `root`. `~/` is the home folder; `name` may be `wallet/hotkey`.
    ///
    /// # Errors
    /// If a name is empty or would leave the wallet folder.
    pub fn new(root: &Path, name: &str, hotkey: &str) -> Result<Self, KeystoreError> {
        let (name, hotkey) = name.split_once('/').unwrap_or((name, hotkey));
        Ok(Self {
            root: expand_home(root),
            name: checked("wallet", "--wallet", name)?,
            hotkey: checked("hotkey", "--hotkey", hotkey)?,
        })
    }

    /// The folder of the wallet.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.root.join(&self.name)
    }

    /// The file with the hotkey's secret.
    #[must_use]
    pub fn hotkey(&self) -> PathBuf {
        self.folder().join("hotkeys").join(&self.hotkey)
    }

    /// The file with the hotkey's public half.
    #[must_use]
    pub fn hotkey_public(&self) -> PathBuf {
        self.folder().join("hotkeys").join(format!("{}pub.txt", self.hotkey))
    }
}

fn checked(what: &'static str, flag: &'static str, name: &str) -> Result<String, KeystoreError> {
    let good = !name.is_empty()
        && name.len() <= 255
        && !name.chars().all(|c| c == '.')
        && !name.contains(['/', '\\'])
        && !name.chars().any(char::is_control);
    if good { Ok(name.to_owned()) } else { Err(KeystoreError::Name { what, name: name.to_owned(), flag }) }
}

fn expand_home(path: &Path) -> PathBuf {
    match (path.strip_prefix("~"), std::env::home_dir()) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => path.to_owned(),
    }
}

// === impl Keypair ===

impl Keypair {
    /// A new random key.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub fn generate() -> Result<Self, KeystoreError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut()).map_err(KeystoreError::Randomness)?;
        Ok(Self::from_seed(&seed))
    }

    /// The key of a 32-byte mini-secret.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self { pair: sr25519::Pair::from_seed(seed), seed: Some(Zeroizing::new(*seed)) }
    }

    /// The key of a BIP39 phrase without a password, as Bittensor's tools derive it.
    ///
    /// # Errors
    /// If the words are no valid phrase.
    pub fn from_phrase(phrase: &str) -> Result<Self, KeystoreError> {
        let (pair, seed) = sr25519::Pair::from_phrase(phrase.trim(), None)
            .map_err(|_| KeystoreError::Secret("not a valid BIP39 phrase"))?;
        Ok(Self { pair, seed: Some(Zeroizing::new(seed)) })
    }

    /// The key of a Substrate secret URI; `//Alice` and the like are the well-known development keys.
    ///
    /// # Errors
    /// If the text is no secret URI.
    pub fn from_uri(uri: &str) -> Result<Self, KeystoreError> {
        let (pair, seed) = sr25519::Pair::from_string_with_seed(uri, None)
            .map_err(|_| KeystoreError::Secret("not a valid secret URI"))?;
        Ok(Self { pair, seed: seed.map(Zeroizing::new) })
    }

    /// The key of an expanded 64-byte private key.
    fn from_private(private: &[u8; 64]) -> Result<Self, KeystoreError> {
        let pair = sr25519::Pair::from_seed_slice(private)
            .map_err(|_| KeystoreError::Secret("not a valid sr25519 private key"))?;
        Ok(Self { pair, seed: None })
    }

    /// The public half.
    #[must_use]
    pub fn hotkey(&self) -> Hotkey {
        Hotkey(self.pair.public().0)
    }

    /// A signature over `message` in the context `substrate`; sr25519 signatures are randomised.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.pair.sign(message).0
    }
}

impl fmt::Debug for Keypair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keypair").field("address", &ss58(&self.hotkey())).finish_non_exhaustive()
    }
}

/// Whether `signature` is `hotkey`'s over `message`.
#[must_use]
pub fn verify(hotkey: &Hotkey, message: &[u8], signature: &[u8; 64]) -> bool {
    let (signature, public) = (sr25519::Signature::from_raw(*signature), sr25519::Public::from_raw(hotkey.0));
    sr25519::Pair::verify(&signature, message, &public)
}

/// The address of a key, as wallets and explorers show it (format 42).
#[must_use]
pub fn ss58(hotkey: &Hotkey) -> String {
    sr25519::Public::from_raw(hotkey.0).to_ss58check_with_version(Ss58AddressFormat::custom(SS58_FORMAT))
}

/// The key of an address in format 42; `None` when the checksum, format or length is wrong.
#[must_use]
pub fn parse_ss58(address: &str) -> Option<Hotkey> {
    if address.len() > 64 {
        return None;
    }
    let (public, format) = sr25519::Public::from_ss58check_with_version(address).ok()?;
    (format == Ss58AddressFormat::custom(SS58_FORMAT)).then_some(Hotkey(public.0))
}
