//! Why a key cannot be used, and what to do about it.

use std::path::PathBuf;

/// Why a key could not be read or written. No variant carries a byte of key material or of a password.
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
    #[error("no {what} at {path}; {remedy}")]
    Missing {
        /// `hotkey`, `coldkey` or `key`.
        what: &'static str,
        /// The file that was looked for.
        path: PathBuf,
        /// What to do.
        remedy: &'static str,
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
    /// Neither JSON with a secret nor a bare seed, private key or phrase, or an encrypted file that is not whole.
    #[error(
        "{path} is no Bittensor key file: {reason}; restore it with `btcli wallet regen-hotkey` or `regen-coldkey`"
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A keystore of another program.
    #[error(
        "{path} is a polkadot.js export, which no neuron reads; import it with `btcli wallet regen-coldkey --json-path {path}`"
    )]
    Polkadot {
        /// The file.
        path: PathBuf,
    },
    /// A public file where a secret is needed.
    #[error("{path} holds only the public key; point --hotkey or --wallet at the key itself")]
    PublicOnly {
        /// The file.
        path: PathBuf,
    },
    /// The secret derives another address than the file states, under either scheme.
    #[error(
        "{path} states address {stated}, but its secret derives {derived}; restore it with `btcli wallet regen-hotkey` or `regen-coldkey`"
    )]
    AddressMismatch {
        /// The file.
        path: PathBuf,
        /// The address in the file.
        stated: String,
        /// The address of the secret.
        derived: String,
    },
    /// An encrypted file, and nowhere a password.
    #[error(
        "{path} is encrypted and there is no password for it; name a file that holds it (--password-file), set the variable {variable} as `btcli` does, or start this in a terminal"
    )]
    NoPassword {
        /// The encrypted file.
        path: PathBuf,
        /// The variable that may hold the password.
        variable: String,
    },
    /// A place that should hold a password and does not.
    #[error("{origin} gives no password: {reason}")]
    BadPassword {
        /// The variable or file.
        origin: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The password is another, or the file was changed: the two cannot be told apart.
    #[error("{path} does not open with the password from {origin}; it is another password, or the file was changed")]
    WrongPassword {
        /// The encrypted file.
        path: PathBuf,
        /// Where the password came from.
        origin: String,
    },
    /// Another key is there already.
    #[error("{path} already holds another key ({existing}); remove it by hand if it is not needed")]
    Exists {
        /// The file.
        path: PathBuf,
        /// Address of the key that is there, or that it is encrypted.
        existing: String,
    },
    /// A seed, phrase or derivation path that gives no key.
    #[error("not a secret: {0}")]
    Secret(&'static str),
    /// A file cannot be encrypted.
    #[error("cannot encrypt {path}: {reason}")]
    Sealing {
        /// The file that was to be written.
        path: PathBuf,
        /// What failed.
        reason: &'static str,
    },
    /// The system gave no randomness.
    #[error("the system gave no randomness for a new key: {0}")]
    Randomness(getrandom::Error),
}
