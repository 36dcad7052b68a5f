//! Bittensor's wallet files: keys are read and written where the owner's other tools keep them, as those write them.
//!
//! A wallet is a folder `<root>/<name>` with `coldkey`, `coldkeypub.txt`, `hotkeys/<hotkey>` and `hotkeys/<hotkey>pub.txt`.
//! A neuron that runs needs the hotkey alone; the coldkey, which owns the money, signs registrations and stakes.

mod address;
mod error;
mod file;
mod form;
mod keypair;
mod password;
mod path;
mod scheme;
mod seal;
#[cfg(test)]
mod tests;

pub use address::{parse_ss58, ss58};
pub use error::KeystoreError;
pub use file::{
    is_private, load_coldkey, load_hotkey, load_key, load_public, private_coldkeys, seal_of, write_coldkey,
    write_hotkey,
};
pub use keypair::Keypair;
pub use password::{Password, Passwords, variable};
pub use path::WalletPath;
pub use scheme::{Scheme, SignedMessage, verify, verify_batch};
pub use seal::Seal;
