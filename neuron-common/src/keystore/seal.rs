//! Encrypted key files: the form that is written today, and two older ones that are only read.

mod fernet;
pub(super) mod nacl;
mod vault;

use zeroize::Zeroizing;

use super::Password;

/// How a key file is encrypted; its first bytes tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seal {
    /// `$NACL`: XSalsa20-Poly1305 under Argon2i. What Bittensor's tools write.
    Nacl,
    /// `$ANSIBLE_VAULT`: AES-256-CTR under PBKDF2.
    AnsibleVault,
    /// `gAAAAA`: Fernet under PBKDF2.
    Fernet,
}

/// Why a sealed file does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unopened {
    /// The authentication fails: another password, or a changed file.
    Password,
    /// Not the form of a sealed file.
    Form(&'static str),
}

impl Seal {
    /// The seal of a file's content, if it has one.
    #[must_use]
    pub fn of(content: &[u8]) -> Option<Self> {
        [Self::Nacl, Self::AnsibleVault, Self::Fernet].into_iter().find(|seal| content.starts_with(seal.prefix()))
    }

    /// The first bytes.
    const fn prefix(self) -> &'static [u8] {
        match self {
            Self::Nacl => nacl::PREFIX,
            Self::AnsibleVault => b"$ANSIBLE_VAULT",
            Self::Fernet => b"gAAAAA",
        }
    }

    /// Decrypts a file's content. Takes a second or more, and 512 MiB for [`Seal::Nacl`]: so it was chosen.
    pub(super) fn open(self, content: &[u8], password: &Password) -> Result<Zeroizing<Vec<u8>>, Unopened> {
        match self {
            Self::Nacl => nacl::open(content, &nacl::key(password)?),
            Self::AnsibleVault => vault::open(content, password),
            Self::Fernet => fernet::open(content, || fernet::keys(password)),
        }
    }
}

/// Encrypts a file's content as [`Seal::Nacl`].
pub(super) fn close(plain: &[u8], password: &Password) -> Result<Vec<u8>, &'static str> {
    let mut nonce = [0; nacl::NONCE];
    getrandom::fill(&mut nonce).map_err(|_| "the system gave no randomness")?;
    let key = nacl::key(password).map_err(|_| "the key could not be derived")?;
    nacl::close(plain, &key, nonce)
}
