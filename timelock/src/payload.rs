//! The weights inside a commit: subtensor's `WeightsTlockPayload`.

use parity_scale_codec::{Decode, Encode};

use crate::{Error, MAX_MESSAGE};

/// Weights of one hotkey, to be encrypted for a commit.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct WeightsPayload {
    /// The hotkey that commits, 32 bytes; empty after decoding the older form, which has none.
    pub hotkey: Vec<u8>,
    /// The uids to which the weights belong.
    pub uids: Vec<u16>,
    /// One weight per uid.
    pub values: Vec<u16>,
    /// The subnet's version of the weights, `WeightsVersionKey`.
    pub version_key: u64,
}

/// The form without a hotkey, which the chain still takes.
#[derive(Decode)]
struct WithoutHotkey {
    uids: Vec<u16>,
    values: Vec<u16>,
    version_key: u64,
}

impl WeightsPayload {
    /// Reads what `committer` committed, in either form, as the chain does: what follows the payload or its 32 bytes of
    /// hotkey is ignored.
    ///
    /// # Errors
    ///
    /// [`Error::Hotkey`] when the payload names another hotkey, [`Error::Payload`] when the bytes are of neither form
    /// or longer than any payload.
    pub fn open(bytes: &[u8], committer: &[u8; 32]) -> Result<Self, Error> {
        if bytes.len() > MAX_MESSAGE {
            return Err(Error::Payload);
        }
        match Self::decode(&mut &bytes[..]) {
            Ok(payload) if payload.hotkey.starts_with(committer) => Ok(payload),
            Ok(payload) if payload.hotkey.len() >= committer.len() => Err(Error::Hotkey),
            _ => Self::open_without_hotkey(bytes),
        }
    }

    fn open_without_hotkey(bytes: &[u8]) -> Result<Self, Error> {
        let WithoutHotkey { uids, values, version_key } =
            WithoutHotkey::decode(&mut &bytes[..]).map_err(|_| Error::Payload)?;
        Ok(Self { hotkey: Vec::new(), uids, values, version_key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOTKEY: [u8; 32] = [0x11; 32];

    fn payload() -> WeightsPayload {
        WeightsPayload { hotkey: HOTKEY.to_vec(), uids: vec![0, 258], values: vec![65_535, 1], version_key: 7 }
    }

    #[test]
    fn the_bytes_are_those_of_the_chain() {
        let expected = format!("80{} 0800000201 08ffff0100 0700000000000000", "11".repeat(32)).replace(' ', "");
        assert_eq!(hex::encode(payload().encode()), expected);
        assert_eq!(WeightsPayload::open(&payload().encode(), &HOTKEY), Ok(payload()));
    }

    #[test]
    fn the_form_without_a_hotkey_opens_for_anyone() {
        let old = (vec![0u16, 258], vec![65_535u16, 1], 7u64).encode();
        let opened = WeightsPayload::open(&old, &HOTKEY).unwrap();
        assert_eq!(opened, WeightsPayload { hotkey: Vec::new(), ..payload() });
    }

    #[test]
    fn what_follows_is_ignored() {
        let long = [payload().encode(), vec![0]].concat();
        assert_eq!(WeightsPayload::open(&long, &HOTKEY), Ok(payload()));
    }

    #[test]
    fn a_foreign_hotkey_and_noise_are_refused() {
        assert_eq!(WeightsPayload::open(&payload().encode(), &[0x12; 32]), Err(Error::Hotkey));
        assert_eq!(WeightsPayload::open(&payload().encode()[..20], &HOTKEY), Err(Error::Payload));
        assert_eq!(WeightsPayload::open(&[0xff; 64], &HOTKEY), Err(Error::Payload));
        assert_eq!(WeightsPayload::open(&vec![0; MAX_MESSAGE + 1], &HOTKEY), Err(Error::Payload));
    }
}
