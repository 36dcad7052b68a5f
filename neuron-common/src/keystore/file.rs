//! Reading and writing one key file.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use incentive::units::Hotkey;
use zeroize::Zeroizing;

use super::form::{self, Unusable};
use super::{Keypair, KeystoreError, Password, Passwords, Seal, WalletPath, seal, ss58};

/// Real files have about 700 bytes, twice as many in an Ansible vault.
const MAX_FILE_BYTES: u64 = 16 * 1024;

/// The hotkey of a wallet.
///
/// # Errors
/// [`KeystoreError`] names the file and the remedy.
pub fn load_hotkey(wallet: &WalletPath, passwords: &Passwords) -> Result<Keypair, KeystoreError> {
    let remedy =
        "create it with `btcli wallet new-hotkey`, or choose another with --wallet, --hotkey and --wallet-path";
    load_key(&wallet.hotkey(), passwords).map_err(|error| missing(error, "hotkey", remedy))
}

/// The coldkey of a wallet.
///
/// # Errors
/// [`KeystoreError`] names the file and the remedy.
pub fn load_coldkey(wallet: &WalletPath, passwords: &Passwords) -> Result<Keypair, KeystoreError> {
    let remedy = "run this on the machine that has it, or choose another with --wallet and --wallet-path";
    load_key(&wallet.coldkey(), passwords).map_err(|error| missing(error, "coldkey", remedy))
}

/// The key in `path`: JSON (phrase, else seed, else private key), or a bare seed, private key or phrase, encrypted or not.
///
/// # Errors
/// [`KeystoreError`] names the file and the remedy.
pub fn load_key(path: &Path, passwords: &Passwords) -> Result<Keypair, KeystoreError> {
    let content = read(path)?;
    let plain = match Seal::of(&content) {
        Some(seal) => passwords.open(path, seal, &content)?,
        None => content,
    };
    form::parse(text(path, &plain)?).map_err(|unusable| unusable.at(path))
}

/// The public key that a plain key file or its public half (`…pub.txt`) names.
///
/// # Errors
/// [`KeystoreError`] names the file and the remedy.
pub fn load_public(path: &Path) -> Result<Hotkey, KeystoreError> {
    let content = read(path)?;
    form::parse_public(text(path, &content)?).map_err(|unusable| unusable.at(path))
}

/// How a key file is encrypted; `None` if it is not.
///
/// # Errors
/// [`KeystoreError`] names the file and the remedy.
pub fn seal_of(path: &Path) -> Result<Option<Seal>, KeystoreError> {
    Ok(Seal::of(&read(path)?))
}

/// Whether nobody but its owner may read or write a file; true where the system has no such permissions.
///
/// # Errors
/// [`KeystoreError`] names the file and the remedy.
pub fn is_private(path: &Path) -> Result<bool, KeystoreError> {
    let metadata = fs::metadata(path).map_err(|source| io("read", path, source))?;
    #[cfg(unix)]
    return Ok(std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o077 == 0);
    #[cfg(not(unix))]
    return Ok(!metadata.is_dir());
}

/// The files below `root` that hold a coldkey's secret, sorted: of the first thousand wallets, and none that is unreadable.
#[must_use]
pub fn private_coldkeys(root: &Path) -> Vec<PathBuf> {
    let wallets = fs::read_dir(root).into_iter().flatten().take(1000).flatten();
    let mut found: Vec<_> = wallets.map(|wallet| wallet.path().join("coldkey")).filter(|path| path.is_file()).collect();
    found.sort();
    found
}

/// Writes `key` as the hotkey of a wallet with its public half, encrypted if there is a password, as Bittensor's tools do.
///
/// A key that is there already stays as it is; another one is never overwritten.
///
/// # Errors
/// [`KeystoreError`] names the file and the remedy.
pub fn write_hotkey(wallet: &WalletPath, key: &Keypair, password: Option<&Password>) -> Result<(), KeystoreError> {
    write_key(&wallet.hotkey(), &wallet.hotkey_public(), key, password)
}

/// Writes `key` as the coldkey of a wallet with its public half, encrypted if there is a password.
///
/// # Errors
/// As [`write_hotkey`].
pub fn write_coldkey(wallet: &WalletPath, key: &Keypair, password: Option<&Password>) -> Result<(), KeystoreError> {
    write_key(&wallet.coldkey(), &wallet.coldkey_public(), key, password)
}

/// Files 0600, folders 0700, each complete or not at all.
fn write_key(path: &Path, public: &Path, key: &Keypair, password: Option<&Password>) -> Result<(), KeystoreError> {
    match owner(path, public)? {
        Some(there) if there != key.hotkey() => {
            return Err(KeystoreError::Exists { path: path.to_owned(), existing: ss58(&there) });
        }
        Some(_) if path.exists() => return Ok(()),
        Some(_) | None => {}
    }
    let unwritten = |_| KeystoreError::Sealing { path: path.to_owned(), reason: "it has no JSON form" };
    let plain = form::render(key).map_err(unwritten)?;
    let sealed = password.map(|password| seal::close(&plain, password)).transpose();
    let sealed = sealed.map_err(|reason| KeystoreError::Sealing { path: path.to_owned(), reason })?;
    write(public, &form::render_public(&key.hotkey(), key.scheme()).map_err(unwritten)?)?;
    write(path, sealed.as_ref().unwrap_or(&plain))
}

/// Whose files lie there already: the secret tells if it is plain, else the public half, which may have stayed alone.
fn owner(path: &Path, public: &Path) -> Result<Option<Hotkey>, KeystoreError> {
    match read(path) {
        Ok(content) if Seal::of(&content).is_none() => {
            form::parse(text(path, &content)?).map(|key| Some(key.hotkey())).map_err(|unusable| unusable.at(path))
        }
        Ok(_) => load_public(public).map(Some),
        Err(KeystoreError::Missing { .. }) => match load_public(public) {
            Ok(key) => Ok(Some(key)),
            Err(KeystoreError::Missing { .. }) => Ok(None),
            Err(other) => Err(other),
        },
        Err(other) => Err(other),
    }
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeystoreError> {
    let failed = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::NotFound => {
            KeystoreError::Missing { what: "key", path: path.to_owned(), remedy: "check the path" }
        }
        _ => io("read", path, source),
    };
    // Large enough that it never grows: what it grew out of would not be wiped.
    let mut content = Zeroizing::new(Vec::with_capacity(MAX_FILE_BYTES as usize + 64));
    fs::File::open(path).map_err(failed)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut content).map_err(failed)?;
    if content.len() as u64 > MAX_FILE_BYTES {
        return Err(KeystoreError::TooLarge { path: path.to_owned(), limit: MAX_FILE_BYTES });
    }
    Ok(content)
}

fn text<'a>(path: &Path, content: &'a [u8]) -> Result<&'a str, KeystoreError> {
    std::str::from_utf8(content).map_err(|_| Unusable::Form("it is not text").at(path))
}

fn write(path: &Path, content: &[u8]) -> Result<(), KeystoreError> {
    let failed = |source| io("write", path, source);
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder).map_err(failed)?;
    // Made anew with mode 0600 under a name of its own; what fails on the way is removed with it.
    let mut file = tempfile::Builder::new().prefix(".new-key-").tempfile_in(folder).map_err(failed)?;
    file.write_all(content).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    // The name is durable once the folder is.
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}

fn io(action: &'static str, path: &Path, source: std::io::Error) -> KeystoreError {
    KeystoreError::Io { action, path: path.to_owned(), source }
}

/// Says which key is missing where the caller knows it.
fn missing(error: KeystoreError, what: &'static str, remedy: &'static str) -> KeystoreError {
    match error {
        KeystoreError::Missing { path, .. } => KeystoreError::Missing { what, path, remedy },
        other => other,
    }
}

impl Unusable {
    fn at(self, path: &Path) -> KeystoreError {
        let path = path.to_owned();
        match self {
            Self::Form(reason) => KeystoreError::Format { path, reason },
            Self::Polkadot => KeystoreError::Polkadot { path },
            Self::PublicOnly => KeystoreError::PublicOnly { path },
            Self::Mismatch { stated, derived } => KeystoreError::AddressMismatch { path, stated, derived },
        }
    }
}
