use parity_scale_codec::{Decode as _, Encode as _};
use subxt::ext::frame_metadata::{RuntimeMetadata, RuntimeMetadataPrefixed, v16::RuntimeMetadataV16};

use super::*;
use crate::items::{AXONS, GET_METAGRAPH, SET_MECHANISM_WEIGHTS, TEMPO};

const FINNEY: &[u8] = include_bytes!("../../artifacts/finney-424-v16.scale");

fn finney() -> Metadata {
    Metadata::decode_from(FINNEY).unwrap()
}

/// Finney's metadata after an invented upgrade.
fn upgraded(change: impl FnOnce(&mut RuntimeMetadataV16)) -> Metadata {
    let mut prefixed = RuntimeMetadataPrefixed::decode(&mut &*FINNEY).unwrap();
    let RuntimeMetadata::V16(v16) = &mut prefixed.1 else { panic!("not V16") };
    change(v16);
    Metadata::decode_from(&prefixed.encode()).unwrap()
}

fn missing(report: &Report) -> Vec<String> {
    report.missing(Role::Owner).map(ToString::to_string).collect()
}

#[test]
fn the_main_network_offers_everything() {
    let report = check(&finney());
    assert_eq!(report.spec_version, Some(424));
    assert_eq!(missing(&report), [""; 0]);
    assert!(report.entries.len() > ALL.len(), "extensions are checked too");
    assert!(report.entries.iter().any(|entry| {
        entry.name == "extension SubtensorTransactionExtension" && matches!(entry.status, Status::Handled(_))
    }));
}

#[test]
fn a_missing_pallet_is_named_for_every_item_in_it() {
    let metadata = upgraded(|v16| v16.pallets.retain(|pallet| pallet.name != "Sudo"));
    let report = check(&metadata);
    assert_eq!(
        missing(&report),
        ["Sudo.sudo is missing with its whole pallet", "Sudo.Sudid is missing with its whole pallet"]
    );
    assert!(report.fits(Role::Neuron), "a neuron needs no sudo");
    assert!(!report.fits(Role::Owner));
}

#[test]
fn a_missing_runtime_api_is_named() {
    let metadata = upgraded(|v16| v16.apis.retain(|api| api.name != "SubnetInfoRuntimeApi"));
    assert_eq!(missing(&check(&metadata)), ["SubnetInfoRuntimeApi.get_metagraph is missing with its whole API"]);
}

#[test]
fn a_missing_storage_item_is_named() {
    let metadata = upgraded(|v16| {
        let subtensor = v16.pallets.iter_mut().find(|pallet| pallet.name == "SubtensorModule").unwrap();
        subtensor.storage.as_mut().unwrap().entries.retain(|entry| entry.name != "LastEpochBlock");
    });
    assert_eq!(missing(&check(&metadata)), ["SubtensorModule.LastEpochBlock is missing"]);
}

#[test]
fn an_extension_with_unknown_data_is_named() {
    let metadata = upgraded(|v16| {
        let all = &mut v16.extrinsic.transaction_extensions;
        let nonce = all.iter().find(|extension| extension.identifier == "CheckNonce").unwrap().ty;
        all.iter_mut().find(|extension| extension.identifier == "DrandPriority").unwrap().ty = nonce;
    });
    assert_eq!(missing(&check(&metadata)), ["extension DrandPriority wants data that this release does not know"]);
}

#[test]
fn changed_types_and_names_are_found_out() {
    let changed = |item: Item, kind| check_items(&finney(), &[Item { kind, ..item }]).entries.remove(0).to_string();
    assert_eq!(
        changed(TEMPO, Kind::Storage(&["u16"], "u32")),
        "SubtensorModule.Tempo has changed: the value is u16, not u32"
    );
    assert_eq!(changed(TEMPO, Kind::Storage(&[], "u16")), "SubtensorModule.Tempo has another number of keys");
    assert_eq!(
        changed(SET_MECHANISM_WEIGHTS, Kind::Call(&[("netuid", "u16"), ("mechanism", "u8")])),
        "SubtensorModule.set_mechanism_weights wants the unknown argument mecid, wants the unknown argument dests, \
         wants the unknown argument weights, wants the unknown argument version_key, has no argument mechanism"
    );
    assert_eq!(
        changed(GET_METAGRAPH, Kind::Api(&[("netuid", "u16")], &[("hotkey", "AccountId32")])),
        "SubnetInfoRuntimeApi.get_metagraph answers without the field hotkey"
    );
    let renamed = Item { name: "Axon", ..AXONS };
    assert_eq!(check_items(&finney(), &[renamed]).entries[0].to_string(), "SubtensorModule.Axon is missing");
}

#[test]
fn a_newtype_of_the_same_encoding_is_handled() {
    let raw = Item { kind: Kind::Storage(&["u16", "[u8; 32]"], "AxonInfo"), ..AXONS };
    let report = check_items(&finney(), &[raw]);
    assert!(report.fits(Role::Owner));
    assert_eq!(
        report.entries[0].to_string(),
        "SubtensorModule.Axons differs and is handled: a key is AccountId32, encoded like [u8; 32]"
    );
}

#[test]
fn garbage_is_no_metadata() {
    assert!(Metadata::decode_from(&FINNEY[..1000]).is_err());
}
