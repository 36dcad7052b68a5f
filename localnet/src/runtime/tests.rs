use parity_scale_codec::{Decode as _, Encode as _};
use sp_state_machine::BasicExternalities;

use super::*;
use crate::preset::{Preset, genesis_storage};

mod extrinsics;
mod metadata;

pub(super) fn genesis() -> BasicExternalities {
    BasicExternalities::new(genesis_storage(&Preset::dev().plain_weights(), 250).unwrap())
}

pub(super) fn dispatch(method: &str, data: &[u8]) -> Vec<u8> {
    genesis().execute_with(|| api::dispatch(method, data)).expect("known method")
}

#[test]
fn version_is_answered_by_name() {
    let version = RuntimeVersion::decode(&mut &dispatch("Core_version", &[])[..]).unwrap();
    assert_eq!((&*version.spec_name, version.spec_version, version.transaction_version), ("node-subtensor", 425, 1));
}

#[test]
fn metadata_is_served_in_every_version_that_clients_ask_for() {
    let versions = Vec::<u32>::decode(&mut &dispatch("Metadata_metadata_versions", &[])[..]).unwrap();
    for version in [14u32, 15, 16] {
        assert!(versions.contains(&version), "{versions:?}");
        let answer = dispatch("Metadata_metadata_at_version", &version.encode());
        let opaque = Option::<Vec<u8>>::decode(&mut &answer[..]).unwrap().expect("served");
        assert_eq!(&opaque[..5], [b"meta".as_slice(), &[version as u8]].concat());
    }
}

#[test]
fn unknown_methods_are_not_answered() {
    assert!(genesis().execute_with(|| api::dispatch("Core_versions", &[])).is_none());
}

#[test]
fn genesis_code_names_the_interface() {
    let storage = genesis_storage(&Preset::dev(), 250).unwrap();
    let code = storage.top.get(b":code".as_slice()).unwrap();
    assert_eq!((&code[..7], code.len()), (b"native:".as_slice(), 7 + 32));
}

#[test]
fn slot_duration_is_the_block_time() {
    let duration = genesis().execute_with(SlotDurationMs::get);
    assert_eq!(duration, 250);
}
