//! `gAAAAA`: a Fernet token (version, time, IV, AES-128-CBC, HMAC-SHA256) under a key that PBKDF2 makes of the password.

use std::num::NonZeroU32;

use aes::Aes128;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use cbc::Decryptor;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockDecryptMut as _, KeyIvInit as _};
use ring::{hmac, pbkdf2};
use zeroize::Zeroizing;

use super::Unopened;
use crate::keystore::Password;

/// The salt of every file.
const SALT: &[u8] = b"Iguesscyborgslikemyselfhaveatendencytobeparanoidaboutourorigins";
const ITERATIONS: NonZeroU32 = match NonZeroU32::new(10_000_000) {
    Some(count) => count,
    None => NonZeroU32::MIN,
};

/// Sixteen bytes that sign, sixteen that encrypt.
pub type Keys = Zeroizing<[u8; 32]>;

/// The keys of a password.
pub fn keys(password: &Password) -> Keys {
    derived(password, ITERATIONS)
}

fn derived(password: &Password, iterations: NonZeroU32) -> Keys {
    let mut keys = Keys::default();
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, SALT, password.bytes(), keys.as_mut());
    keys
}

/// The content of a file.
pub fn open(content: &[u8], keys: impl FnOnce() -> Keys) -> Result<Zeroizing<Vec<u8>>, Unopened> {
    let damaged = Unopened::Form("it is no whole Fernet token");
    let token = URL_SAFE.decode(content.trim_ascii()).map_err(|_| damaged)?;
    let (signed, tag) = token.split_last_chunk::<32>().ok_or(damaged)?;
    // One byte of version and eight of time come before the IV.
    let (iv, sealed) = signed.get(9..).and_then(|rest| rest.split_first_chunk::<16>()).ok_or(damaged)?;
    // Only now: the derivation takes seconds.
    let keys = keys();
    let (signing, encryption) = keys.split_at(16);
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, signing), signed, tag).map_err(|_| Unopened::Password)?;
    let mut plain = Zeroizing::new(sealed.to_vec());
    let cipher = Decryptor::<Aes128>::new_from_slices(encryption, iv).map_err(|_| damaged)?;
    let length = cipher.decrypt_padded_mut::<Pkcs7>(&mut plain).map_err(|_| damaged)?.len();
    plain.truncate(length);
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &[u8] = include_bytes!("../../../tests/wallets/legacy/fernet");
    const PASSWORD: &str = include_str!("../../../tests/wallets/password");

    /// The keys that Python's `cryptography` derives, 10 000 000 iterations: too many for a build without optimisation.
    fn recorded() -> Keys {
        let mut keys = Keys::default();
        hex::decode_to_slice("57a16d9ac139f029e359f151a0a36e764478001d576daf85b520730bf162293a", keys.as_mut())
            .unwrap();
        keys
    }

    #[test]
    fn keys_are_derived_as_recorded() {
        let few = derived(&Password::new(PASSWORD.trim_end()), NonZeroU32::new(1000).unwrap());
        assert_eq!(hex::encode(*few), "ff2acf95b68035c9475d8dd4ffd6c127fbcb54a3b2325d3eea87a6820d518d5e");
        assert_eq!(ITERATIONS.get(), 10_000_000);
    }

    #[test]
    fn a_recorded_token_opens_under_its_keys_alone() {
        let plain = open(TOKEN, recorded).unwrap();
        assert!(plain.starts_with(b"{") && plain.ends_with(b"}"));
        assert_eq!(open(TOKEN, Keys::default), Err(Unopened::Password));
        let mut changed = TOKEN.to_vec();
        changed[40] = if changed[40] == b'A' { b'B' } else { b'A' };
        assert_eq!(open(&changed, recorded), Err(Unopened::Password));
    }

    #[test]
    fn what_is_no_token_is_refused_before_a_key_is_derived() {
        for content in [&b"gAAAAA"[..], b"gAAAAA==", b"gAAAAA%%", &TOKEN[..63]] {
            let outcome = open(content, || panic!("a key was derived")).map(drop);
            assert!(matches!(outcome, Err(Unopened::Form(_))), "{outcome:?}");
        }
    }
}
