//! Upgrades in the middle of a run (`dev_upgrade`).
//!
//! The runtime is native code, so an upgrade changes what a client depends on: the versions that signatures cover, and the
//! [`Form`] of the interface. It travels in its block's header, takes effect when that block ends, and is part of the
//! state from then on: like `:code` on a real chain, it is there at every later block and gone when the block is reverted.
//!
//! - `form`: what the metadata says under a form
//! - `dialect`: how calls of that form are read

use frame_support::{
    parameter_types,
    traits::{Get, PostTransactions},
};
use parity_scale_codec::{Decode, DecodeAll as _, Encode};
use serde::{Deserialize, Serialize};
use sp_core::{OpaqueMetadata, storage::well_known_keys};
use sp_runtime::{Digest, DigestItem, generic::DigestItem::PreRuntime};
use sp_version::RuntimeVersion;

use super::{Runtime, System, VERSION};

mod dialect;
mod form;

pub use dialect::{Dialect, DialectError};
pub use form::Form;

/// Marks the header item that orders an upgrade.
const ENGINE_ID: [u8; 4] = *b"dev_";

parameter_types! {
    /// The upgrade that is in force; absent until the first one.
    pub storage InForce: Option<Upgrade> = None;
}

/// What the runtime is replaced by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Upgrade {
    /// The new version; must rise.
    pub spec_version: u32,
    /// The version of the extrinsics' form, which signatures cover as well.
    #[serde(default = "transaction_version")]
    pub transaction_version: u32,
    /// How the interface looks from now on.
    #[serde(default)]
    pub form: Form,
}

const fn transaction_version() -> u32 {
    VERSION.transaction_version
}

impl Upgrade {
    /// The header item that orders this upgrade.
    #[must_use]
    pub fn order(&self) -> Digest {
        Digest { logs: vec![PreRuntime(ENGINE_ID, self.encode())] }
    }

    /// What this header item orders, if it is such an item.
    fn ordered(item: &DigestItem) -> Option<Self> {
        match item {
            PreRuntime(ENGINE_ID, order) => Self::decode_all(&mut order.as_slice()).ok(),
            _ => None,
        }
    }
}

/// Whether the runtime after this block is another one than before it.
#[must_use]
pub fn happened(digest: &Digest) -> bool {
    digest.logs.contains(&DigestItem::RuntimeEnvironmentUpdated)
}

/// The version in force: what `System.Version` says and signatures are checked against.
pub struct Version;

impl Get<RuntimeVersion> for Version {
    fn get() -> RuntimeVersion {
        match InForce::get() {
            None => VERSION,
            Some(Upgrade { spec_version, transaction_version, .. }) => {
                RuntimeVersion { spec_version, transaction_version, ..VERSION }
            }
        }
    }
}

/// Puts the upgrade of this block into force, after its last extrinsic.
pub struct Ordered;

impl PostTransactions for Ordered {
    fn post_transactions() {
        let Some(upgrade) = System::digest().logs.iter().find_map(Upgrade::ordered) else { return };
        InForce::set(&Some(upgrade));
        // Clients that watch the code see it change.
        let code = sp_io::storage::get(well_known_keys::CODE).unwrap_or_default();
        let next = [b"native:".as_slice(), &sp_io::hashing::blake2_256(&(code.to_vec(), upgrade).encode())].concat();
        sp_io::storage::set(well_known_keys::CODE, &next);
        System::deposit_log(DigestItem::RuntimeEnvironmentUpdated);
    }
}

/// The form in force; the runtime's own where there is no state, as in tools that only decode.
#[must_use]
pub fn form() -> Form {
    let stored = sp_externalities::with_externalities(|state| state.storage(&InForce::key())).flatten();
    let upgrade = stored.and_then(|bytes| Option::<Upgrade>::decode(&mut bytes.as_slice()).ok()).flatten();
    upgrade.map_or(Form::Plain, |upgrade| upgrade.form)
}

/// The metadata of this version, 14 to 16, in the form in force.
#[must_use]
pub fn metadata(version: u32) -> Option<OpaqueMetadata> {
    let native = Runtime::metadata_at_version(version)?;
    Some(form().shown(native))
}

#[cfg(test)]
mod tests;
