//! Reading and writing one key file.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;

use incentive::units::Hotkey;
use serde::Deserialize;
use sp_core::crypto::{Pair as _, Ss58Codec as _};
use zeroize::Zeroizing;

use super::{Keypair, KeystoreError, WalletPath, parse_ss58, ss58};

/// Real files have about 700 bytes.
const MAX_FILE_BYTES: u64 = 16 * 1024;

/// The fields of Bittensor's JSON that matter here; what else stands in it is skipped.
#[derive(Deserialize)]
struct Fields {
    #[serde(rename = "secretPhrase")]
    phrase: Option<Zeroizing<String>>,
    #[serde(rename = "secretSeed")]
    seed: Option<Zeroizing<String>>,
    #[serde(rename = "privateKey")]
    private: Option<Zeroizing<String>>,
    #[serde(rename = "publicKey")]
    public: Option<String>,
    /// Old files carry the name with a leading space.
    #[serde(rename = "ss58Address", alias = " ss58Address")]
    address: Option<String>,
    /// Marks an export of polkadot.js, which is encrypted in its own way.
    encoding: Option<serde::de::IgnoredAny>,
}

/// The hotkey of a wallet.
///
/// # Errors
/// [`KeystoreError`] names the file and the remedy.
pub fn load_hotkey(wallet: &WalletPath) -> Result<Keypair, KeystoreError> {
    load_key(&wallet.hotkey())
}

/// The key in `path`: JSON (phrase, else seed, else private key), or a bare seed, private key or phrase.
///
/// # Errors
/// [`KeystoreError`] names the file and the remedy.
pub fn load_key(path: &Path) -> Result<Keypair, KeystoreError> {
    let content = read(path)?;
    let text = content.trim();
    if !text.starts_with('{') {
        return bare(text).ok_or_else(|| format_error(path, "neither JSON nor a seed, private key or phrase"));
    }
    let fields = parse(path, text)?;
    let key = match (&fields.phrase, &fields.seed, &fields.private) {
        (Some(phrase), _, _) => Keypair::from_phrase(phrase).ok(),
        (None, Some(seed), _) => bytes::<32>(seed).map(|seed| Keypair::from_seed(&seed)),
        (None, None, Some(private)) => bytes::<64>(private).and_then(|private| Keypair::from_private(&private).ok()),
        (None, None, None) => {
            return Err(KeystoreError::PublicOnly { path: path.to_owned() });
        }
    };
    let key = key.ok_or_else(|| format_error(path, "its secret is not valid"))?;
    match &fields.address {
        Some(stated) if *stated != ss58(&key.hotkey()) => Err(mismatch(path, &fields, stated, &key)),
        _ => Ok(key),
    }
}

/// The public key that a key file or its public half (`…pub.txt`) names.
///
/// # Errors
/// [`KeystoreError`] names the file and the remedy.
pub fn load_public(path: &Path) -> Result<Hotkey, KeystoreError> {
    let content = read(path)?;
    let fields = parse(path, content.trim())?;
    let stated = fields.address.as_deref().and_then(parse_ss58);
    let public = fields.public.and_then(|public| bytes::<32>(&public)).map(|public| Hotkey(*public));
    match (stated, public) {
        (Some(stated), Some(public)) if stated != public => {
            Err(format_error(path, "publicKey and ss58Address name different keys"))
        }
        (Some(key), _) | (None, Some(key)) => Ok(key),
        (None, None) => Err(format_error(path, "it names no public key")),
    }
}

/// Writes `key` as an unencrypted hotkey with its public half: files 0600, folders 0700, complete or not at all.
///
/// For development networks. The same key may be written again; another one is never overwritten.
///
/// # Errors
/// [`KeystoreError`] names the file and the remedy.
pub fn write_hotkey(wallet: &WalletPath, key: &Keypair) -> Result<(), KeystoreError> {
    let path = wallet.hotkey();
    match load_key(&path) {
        Ok(existing) if existing.hotkey() == key.hotkey() => return Ok(()),
        Ok(existing) => {
            return Err(KeystoreError::Exists { path, existing: ss58(&existing.hotkey()) });
        }
        Err(KeystoreError::Missing { .. }) => {}
        Err(other) => return Err(other),
    }
    let public = format!("0x{}", hex::encode(key.hotkey().0));
    let mut json = serde_json::json!({
        "accountId": public, "publicKey": public, "ss58Address": ss58(&key.hotkey()), "cryptoType": 1,
    });
    write(&wallet.hotkey_public(), json.to_string().as_bytes())?;
    let private = Zeroizing::new(key.pair.to_raw_vec());
    json["privateKey"] = format!("0x{}", hex::encode(&*private)).into();
    if let Some(seed) = &key.seed {
        json["secretSeed"] = format!("0x{}", hex::encode(seed.as_ref())).into();
    }
    write(&path, json.to_string().as_bytes())
}

fn read(path: &Path) -> Result<Zeroizing<String>, KeystoreError> {
    let failed = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::NotFound => KeystoreError::Missing { path: path.to_owned() },
        _ => KeystoreError::Io { action: "read", path: path.to_owned(), source },
    };
    let mut content = Zeroizing::new(Vec::with_capacity(4096));
    fs::File::open(path).map_err(failed)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut content).map_err(failed)?;
    if content.len() as u64 > MAX_FILE_BYTES {
        return Err(KeystoreError::TooLarge { path: path.to_owned(), limit: MAX_FILE_BYTES });
    }
    for (prefix, format) in [("$NACL", "NaCl"), ("$ANSIBLE_VAULT", "Ansible Vault"), ("gAAAAA", "Fernet")] {
        if content.starts_with(prefix.as_bytes()) {
            return Err(KeystoreError::Encrypted { path: path.to_owned(), format });
        }
    }
    let text = std::str::from_utf8(&content).map_err(|_| format_error(path, "it is not text"))?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// The parser's own message may quote the file, so it is dropped.
fn parse(path: &Path, text: &str) -> Result<Fields, KeystoreError> {
    let fields: Fields =
        serde_json::from_str(text).map_err(|_| format_error(path, "its JSON does not have Bittensor's fields"))?;
    if fields.encoding.is_some() {
        return Err(format_error(path, "it is a polkadot.js export"));
    }
    Ok(fields)
}

fn bare(text: &str) -> Option<Keypair> {
    if let Some(seed) = bytes::<32>(text) {
        return Some(Keypair::from_seed(&seed));
    }
    if let Some(private) = bytes::<64>(text) {
        return Keypair::from_private(&private).ok();
    }
    Keypair::from_phrase(text).ok()
}

fn bytes<const N: usize>(text: &str) -> Option<Zeroizing<[u8; N]>> {
    let mut bytes = Zeroizing::new([0; N]);
    hex::decode_to_slice(text.strip_prefix("0x").unwrap_or(text), bytes.as_mut()).ok()?;
    Some(bytes)
}

/// Tells an ed25519 key from a damaged file, by what the same secret gives under that scheme.
fn mismatch(path: &Path, fields: &Fields, stated: &str, key: &Keypair) -> KeystoreError {
    use sp_core::ed25519;
    let pair = match (&fields.phrase, &fields.seed) {
        (Some(phrase), _) => ed25519::Pair::from_phrase(phrase, None).ok().map(|(pair, _)| pair),
        (None, Some(seed)) => bytes::<32>(seed).map(|seed| ed25519::Pair::from_seed(&seed)),
        (None, None) => None,
    };
    let path = path.to_owned();
    match pair.map(|pair| pair.public().to_ss58check_with_version(super::SS58_FORMAT.into())) {
        Some(address) if address == stated => KeystoreError::Ed25519 { path },
        _ => KeystoreError::AddressMismatch { path, stated: stated.to_owned(), derived: ss58(&key.hotkey()) },
    }
}

fn format_error(path: &Path, reason: &'static str) -> KeystoreError {
    KeystoreError::Format { path: path.to_owned(), reason }
}

fn write(path: &Path, content: &[u8]) -> Result<(), KeystoreError> {
    let failed = |source| KeystoreError::Io { action: "write", path: path.to_owned(), source };
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder).map_err(failed)?;
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&temporary).map_err(failed)?;
    file.write_all(content).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&temporary, path).map_err(failed)
}
