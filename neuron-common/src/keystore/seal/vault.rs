//! `$ANSIBLE_VAULT;1.1;AES256`: in hex, three lines in hex: salt, HMAC-SHA256 of the ciphertext, ciphertext (AES-256-CTR).

use std::num::NonZeroU32;

use aes::Aes256;
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit as _, StreamCipher as _};
use ring::{hmac, pbkdf2};
use zeroize::Zeroizing;

use super::Unopened;
use crate::keystore::Password;

const HEADER: &[u8] = b"$ANSIBLE_VAULT;1.1;AES256";
/// AES works on blocks of this many bytes; the content is padded to whole ones.
const BLOCK: usize = 16;
const ITERATIONS: NonZeroU32 = match NonZeroU32::new(10_000) {
    Some(count) => count,
    None => NonZeroU32::MIN,
};

/// The content of a file.
pub fn open(content: &[u8], password: &Password) -> Result<Zeroizing<Vec<u8>>, Unopened> {
    let damaged = Unopened::Form("it is no whole Ansible vault of version 1.1");
    let body = content.strip_prefix(HEADER).ok_or(damaged)?;
    let digits: Vec<u8> = body.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let inner = hex::decode(digits).map_err(|_| damaged)?;
    let mut lines = inner.split(|byte| *byte == b'\n').map(hex::decode);
    let (Some(Ok(salt)), Some(Ok(tag)), Some(Ok(sealed)), None) =
        (lines.next(), lines.next(), lines.next(), lines.next())
    else {
        return Err(damaged);
    };
    // 32 bytes of key, 32 of HMAC key, 16 of counter.
    let mut keys = Zeroizing::new([0; 80]);
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ITERATIONS, &salt, password.bytes(), keys.as_mut());
    let (Some((key, rest)), Some(counter)) = (keys.split_first_chunk::<32>(), keys.last_chunk::<BLOCK>()) else {
        return Err(damaged);
    };
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, &rest[..32]), &sealed, &tag).map_err(|_| Unopened::Password)?;
    let mut plain = Zeroizing::new(sealed);
    Ctr128BE::<Aes256>::new(key.into(), counter.into()).apply_keystream(&mut plain);
    unpad(&mut plain).ok_or(damaged)?;
    Ok(plain)
}

/// Takes off the padding of PKCS #7: `n` bytes of value `n`.
fn unpad(plain: &mut Vec<u8>) -> Option<()> {
    let count = usize::from(*plain.last()?);
    let content = plain.len().checked_sub(count).filter(|_| (1..=BLOCK).contains(&count))?;
    if plain[content..].iter().any(|byte| usize::from(*byte) != count) {
        return None;
    }
    plain.truncate(content);
    Some(())
}
