//! Addresses: SS58 in the format of Bittensor and of Substrate at large.

use incentive::units::Hotkey;
use sp_core::crypto::{Ss58AddressFormat, Ss58Codec as _};
use sp_core::sr25519;

/// The address format of Bittensor.
const SS58_FORMAT: u16 = 42;

/// The address of a key, as wallets and explorers show it (format 42). It does not tell the key's scheme.
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
