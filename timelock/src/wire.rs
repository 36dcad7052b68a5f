//! The bytes of a ciphertext: arkworks' compressed form of the chain's `TLECiphertext`.
//!
//! `U` (96) ‖ len `V` (32) ‖ len `W` (32) ‖ len body ‖ len suite; the body is len (text and tag) ‖ len nonce (12).
//! Every length is a u64, little-endian.

use crate::Error;
use crate::pairing::Block;

/// The one cipher suite.
const SUITE: &[u8] = b"AES_GCM_";
/// Bytes of a compressed point of G2.
const POINT: usize = 96;
/// Bytes of a length.
const LENGTH: usize = 8;
/// Bytes of the body's nonce.
pub(crate) const NONCE: usize = 12;
/// Bytes of the body's tag.
const TAG: usize = 16;
/// How much longer a ciphertext is than its message.
pub(crate) const OVERHEAD: usize = POINT + 2 * (LENGTH + 32) + 3 * LENGTH + TAG + NONCE + LENGTH + SUITE.len();

/// The parts of a ciphertext.
pub(crate) struct Parts<'a> {
    /// r·G2, compressed.
    pub u: &'a [u8; POINT],
    /// The masked sigma.
    pub v: &'a Block,
    /// The masked body key.
    pub w: &'a Block,
    /// The body: encrypted message and tag.
    pub text: &'a [u8],
    /// The body's nonce.
    pub nonce: &'a [u8; NONCE],
}

impl<'a> Parts<'a> {
    /// The whole ciphertext.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(self.text.len() + 2 * LENGTH + NONCE);
        put(&mut body, self.text);
        put(&mut body, self.nonce);
        let mut bytes = Vec::with_capacity(OVERHEAD - TAG + self.text.len());
        bytes.extend_from_slice(self.u);
        put(&mut bytes, self.v);
        put(&mut bytes, self.w);
        put(&mut bytes, &body);
        put(&mut bytes, SUITE);
        bytes
    }

    /// Takes a ciphertext apart without copying it; nothing may be left over.
    pub(crate) fn from_bytes(bytes: &'a [u8]) -> Result<Self, Error> {
        let (u, rest) = bytes.split_first_chunk().ok_or(Error::Malformed("it ends inside U"))?;
        let (v, rest) = take(rest, "V")?;
        let (w, rest) = take(rest, "W")?;
        let (body, rest) = take(rest, "the body")?;
        let (suite, rest) = take(rest, "the cipher suite")?;
        let (text, tail) = take(body, "the encrypted message")?;
        let (nonce, tail) = take(tail, "the nonce")?;
        if !rest.is_empty() || !tail.is_empty() {
            return Err(Error::Malformed("bytes are left over"));
        }
        if suite != SUITE {
            return Err(Error::Malformed("the cipher suite is unknown"));
        }
        Ok(Self { u, v: fixed(v, "V")?, w: fixed(w, "W")?, text, nonce: fixed(nonce, "the nonce")? })
    }
}

fn put(bytes: &mut Vec<u8>, field: &[u8]) {
    bytes.extend_from_slice(&(field.len() as u64).to_le_bytes());
    bytes.extend_from_slice(field);
}

/// Splits a field off that is preceded by its length.
fn take<'a>(bytes: &'a [u8], field: &'static str) -> Result<(&'a [u8], &'a [u8]), Error> {
    let (length, rest) = bytes.split_first_chunk::<LENGTH>().ok_or(Error::Malformed(field))?;
    let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| Error::Malformed(field))?;
    rest.split_at_checked(length).ok_or(Error::Malformed(field))
}

fn fixed<'a, const LEN: usize>(bytes: &'a [u8], field: &'static str) -> Result<&'a [u8; LEN], Error> {
    bytes.try_into().map_err(|_| Error::Malformed(field))
}
