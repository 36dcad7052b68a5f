//! What the client writes for runtimes that differ from the one that it was made for.

use incentive::units::{NetUid, Uid, Weight};
use incentive::weights::WeightVector;
use parity_scale_codec::{Decode as _, Encode as _};
use scale_info::form::PortableForm;
use scale_info::{Field, Path, PortableType, Type, TypeDef, TypeDefComposite, TypeDefPrimitive, Variant};
use subxt::OfflineClient;
use subxt::config::substrate::{SpecVersionForRange, SubstrateExtrinsicParamsBuilder};
use subxt::ext::frame_metadata::v16::{RuntimeMetadataV16, StorageEntryType, StorageHasher};
use subxt::ext::frame_metadata::{RuntimeMetadata, RuntimeMetadataPrefixed};

use super::super::weights::weights_call;
use super::*;

/// The main network's runtime, spec version 424.
const FINNEY: &[u8] = include_bytes!("../../../../runtime-metadata/artifacts/finney-424-v16.scale");
/// What weights are on it.
const WEIGHTS: &str = "0777010000080100020008ffff64000000000000000000";

type Offline = subxt::client::OfflineClientAtBlock<SubstrateConfig>;

/// The main network after an invented upgrade.
fn upgraded(change: impl FnOnce(&mut RuntimeMetadataV16)) -> Offline {
    let mut prefixed = RuntimeMetadataPrefixed::decode(&mut &*FINNEY).unwrap();
    let RuntimeMetadata::V16(v16) = &mut prefixed.1 else { panic!("not V16") };
    change(v16);
    let metadata = Metadata::decode_from(&prefixed.encode()).unwrap();
    let versions = SpecVersionForRange { block_range: 0..u64::MAX, spec_version: 425, transaction_version: 2 };
    let config = SubstrateConfig::builder()
        .set_genesis_hash([7; 32].into())
        .set_metadata_for_spec_versions([(425, metadata.arc())])
        .set_spec_version_for_block_ranges([versions])
        .build();
    OfflineClient::new_with_config(config).at_block(1000u64).unwrap()
}

fn call_of<'a>(v16: &'a mut RuntimeMetadataV16, name: &str) -> &'a mut Variant<PortableForm> {
    let pallet = v16.pallets.iter().find(|pallet| pallet.name == "SubtensorModule").unwrap();
    let id = pallet.calls.as_ref().unwrap().ty.id as usize;
    let TypeDef::Variant(calls) = &mut v16.types.types[id].ty.type_def else { panic!("no calls") };
    calls.variants.iter_mut().find(|call| call.name == name).unwrap()
}

fn primitive(v16: &RuntimeMetadataV16, wanted: &TypeDefPrimitive) -> u32 {
    v16.types.types.iter().find(|ty| ty.ty.type_def == TypeDef::Primitive(wanted.clone())).unwrap().id
}

fn newtype(v16: &mut RuntimeMetadataV16, inner: u32) -> u32 {
    let id = v16.types.types.len() as u32;
    let fields = vec![Field { name: None, ty: inner.into(), type_name: None, docs: Vec::new() }];
    let path = Path::from_segments_unchecked(["runtime".to_owned(), "SubnetId".to_owned()]);
    v16.types.types.push(PortableType { id, ty: Type::new(path, [], TypeDefComposite { fields }, Vec::new()) });
    id
}

fn vector() -> WeightVector {
    WeightVector { uids: vec![Uid(1), Uid(2)], values: vec![Weight(65535), Weight(100)] }
}

/// The bytes that the client would sign there.
fn weights(at: &Offline) -> String {
    let call = adapted(at.metadata_ref(), &weights_call(NetUid(1), &vector(), 0));
    hex::encode(at.tx().call_data(&call).unwrap())
}

/// What `check` says of this item, and that it says "handled".
fn handled(at: &Offline, item: &Item) {
    let report = runtime_metadata::check(at.metadata_ref());
    let name = item.to_string();
    let entry = report.entries.iter().find(|entry| entry.name == name).unwrap();
    assert!(matches!(entry.status, runtime_metadata::Status::Handled(_)), "{entry}");
}

#[test]
fn a_runtime_without_differences_gets_the_recorded_bytes() {
    assert_eq!(weights(&upgraded(|_| {})), WEIGHTS);
}

#[test]
fn a_moved_call_gets_its_new_index() {
    let at = upgraded(|v16| {
        call_of(v16, "set_mechanism_weights").index = 200;
        v16.pallets.iter_mut().find(|pallet| pallet.name == "SubtensorModule").unwrap().index = 9;
    });
    assert_eq!(weights(&at), format!("09c8{}", &WEIGHTS[4..]));
}

#[test]
fn arguments_in_another_order_follow_it() {
    let at = upgraded(|v16| call_of(v16, "set_mechanism_weights").fields.swap(2, 3));
    assert_eq!(weights(&at), "0777010000".to_owned() + "08ffff6400" + "0801000200" + "0000000000000000");
}

#[test]
fn a_new_optional_argument_is_none() {
    let at = upgraded(|v16| {
        let option = v16.types.types.iter().find(|ty| ty.ty.path.ident().as_deref() == Some("Option")).unwrap().id;
        let new = Field { name: Some("hint".into()), ty: option.into(), type_name: None, docs: Vec::new() };
        call_of(v16, "set_mechanism_weights").fields.push(new);
    });
    handled(&at, &items::SET_MECHANISM_WEIGHTS);
    assert_eq!(weights(&at), format!("{WEIGHTS}00"));
}

#[test]
fn a_newtype_changes_no_byte() {
    let at = upgraded(|v16| {
        let u16 = primitive(v16, &TypeDefPrimitive::U16);
        let new = newtype(v16, u16);
        call_of(v16, "set_mechanism_weights").fields[0].ty = new.into();
    });
    handled(&at, &items::SET_MECHANISM_WEIGHTS);
    assert_eq!(weights(&at), WEIGHTS);
}

#[test]
fn a_wider_argument_is_written_wider() {
    let at = upgraded(|v16| {
        let u32 = primitive(v16, &TypeDefPrimitive::U32);
        call_of(v16, "set_mechanism_weights").fields[0].ty = u32.into();
    });
    handled(&at, &items::SET_MECHANISM_WEIGHTS);
    assert_eq!(weights(&at), format!("077701000000{}", &WEIGHTS[8..]));
}

/// The tempo of subnet 1 in a runtime: its key, and what these bytes are read as.
fn tempo(at: &Offline, value: &[u8]) -> (String, u16) {
    let address = dynamic::storage::<Vec<Value>, u16>(items::TEMPO.pallet(), items::TEMPO.name());
    let entry = at.storage().entry(address).unwrap();
    let key = entry.fetch_key(vec![Value::from(1u16)]).unwrap();
    let pallet = at.metadata_ref().pallet_by_name("SubtensorModule").unwrap();
    let ty = pallet.storage().unwrap().entry_by_name("Tempo").unwrap().value_ty();
    let read = subxt::ext::scale_decode::DecodeAsType::decode_as_type(&mut &*value, ty, at.metadata_ref().types());
    (hex::encode(key), read.unwrap())
}

#[test]
fn storage_with_another_hasher_key_and_value_is_found_and_read() {
    let prefix = "658faa385070e074c85bf6b568cf05557641384bb339f3758acddfd7053d3317";
    assert_eq!(tempo(&upgraded(|_| {}), &[0x68, 1]), (format!("{prefix}0100"), 360));
    let at = upgraded(|v16| {
        let (u16, u32) = (primitive(v16, &TypeDefPrimitive::U16), primitive(v16, &TypeDefPrimitive::U32));
        let netuid = newtype(v16, u16);
        let subtensor = v16.pallets.iter_mut().find(|pallet| pallet.name == "SubtensorModule").unwrap();
        let entries = &mut subtensor.storage.as_mut().unwrap().entries;
        let tempo = entries.iter_mut().find(|entry| entry.name == "Tempo").unwrap();
        tempo.default = vec![0; 4];
        tempo.ty =
            StorageEntryType::Map { hashers: vec![StorageHasher::Twox64Concat], key: netuid.into(), value: u32.into() };
    });
    handled(&at, &items::TEMPO);
    let hashed = "f1577fbf1d628fdd"; // XXH64 of 0100, by an implementation of its own
    assert_eq!(tempo(&at, &[0x68, 1, 0, 0]), (format!("{prefix}{hashed}0100"), 360));
}

#[test]
fn the_next_signature_covers_the_new_versions() {
    let at = upgraded(|_| {});
    let call = any_call("System", "remark", vec![("remark".into(), Value::from_bytes([0]))]);
    let params = || SubstrateExtrinsicParamsBuilder::new().nonce(5).immortal().build();
    let payload = at.tx().create_signable_offline(&call, params()).unwrap().signer_payload().unwrap();
    let (versions, genesis) = ("a901000002000000", "07".repeat(32));
    assert_eq!(hex::encode(payload), format!("0000040000140000{versions}{genesis}{genesis}00"));
}

#[test]
fn a_new_extension_without_data_changes_no_byte_and_one_with_data_cannot_be_signed() {
    let signed = |data: bool| {
        let at = upgraded(|v16| {
            let extensions = &mut v16.extrinsic.transaction_extensions;
            let named = |name: &str| extensions.iter().find(|extension| extension.identifier == name).unwrap().clone();
            let mut new = if data { named("CheckNonce") } else { named("CheckWeight") };
            "NewOne".clone_into(&mut new.identifier);
            let index = u32::try_from(extensions.len()).unwrap();
            extensions.push(new);
            for all in v16.extrinsic.transaction_extensions_by_version.values_mut() {
                all.push(index.into());
            }
        });
        let call = any_call("System", "remark", vec![("remark".into(), Value::from_bytes([0]))]);
        let params = SubstrateExtrinsicParamsBuilder::new().nonce(5).immortal().build();
        let cause = runtime_metadata::check(at.metadata_ref()).cannot_sign();
        let signable = at.tx().create_signable_offline(&call, params);
        (cause, signable.and_then(|signable| signable.signer_payload()).ok())
    };
    let (cause, payload) = signed(false);
    assert_eq!((cause, payload.is_some()), (None, true));
    let (cause, payload) = signed(true);
    assert_eq!(cause.as_deref(), Some("NewOne wants data that this release does not know"));
    assert!(payload.is_none(), "the report is right");
}
