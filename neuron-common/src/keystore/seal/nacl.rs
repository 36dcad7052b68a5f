//! `$NACL`: 24 bytes of nonce, 16 of tag, and the content under XSalsa20-Poly1305 (NaCl's secretbox).

use argon2::{Algorithm, Argon2, Params, Version};
use crypto_secretbox::XSalsa20Poly1305;
use crypto_secretbox::aead::{Aead as _, KeyInit as _};
use zeroize::Zeroizing;

use super::Unopened;
use crate::keystore::Password;

/// The first bytes of a file.
pub const PREFIX: &[u8] = b"$NACL";
/// Bytes of a nonce.
pub const NONCE: usize = 24;

/// The salt of every file: whoever has the file has to guess only the password, so a good one matters.
const SALT: [u8; 16] = [0x13, 0x71, 0x83, 0xdf, 0xf1, 0x5a, 0x09, 0xbc, 0x9c, 0x90, 0xb5, 0x51, 0x87, 0x39, 0xe9, 0xb1];
/// libsodium's `MEMLIMIT_SENSITIVE` in KiB.
const MEMORY: u32 = 524_288;
/// libsodium's `OPSLIMIT_SENSITIVE` for Argon2i.
const PASSES: u32 = 8;

/// The key of a password.
pub type Key = Zeroizing<[u8; 32]>;

/// Argon2i 1.3 with libsodium's parameters for sensitive data.
pub fn key(password: &Password) -> Result<Key, Unopened> {
    let failed = |_| Unopened::Form("its key cannot be derived: 512 MiB of memory are needed");
    let params = Params::new(MEMORY, PASSES, 1, Some(32)).map_err(failed)?;
    let mut key = Key::default();
    Argon2::new(Algorithm::Argon2i, Version::V0x13, params)
        .hash_password_into(password.bytes(), &SALT, key.as_mut())
        .map_err(failed)?;
    Ok(key)
}

/// The content of a file.
pub fn open(content: &[u8], key: &Key) -> Result<Zeroizing<Vec<u8>>, Unopened> {
    let sealed = content.strip_prefix(PREFIX).and_then(|rest| rest.split_first_chunk::<NONCE>());
    let (nonce, sealed) = sealed.ok_or(Unopened::Form("it is cut short"))?;
    let opened = XSalsa20Poly1305::new(key.as_ref().into()).decrypt(nonce.into(), sealed);
    opened.map(Zeroizing::new).map_err(|_| Unopened::Password)
}

/// A file with this content.
pub fn close(plain: &[u8], key: &Key, nonce: [u8; NONCE]) -> Result<Vec<u8>, &'static str> {
    let sealed = XSalsa20Poly1305::new(key.as_ref().into()).encrypt((&nonce).into(), plain);
    Ok([PREFIX, &nonce, &sealed.map_err(|_| "it is too long")?].concat())
}
