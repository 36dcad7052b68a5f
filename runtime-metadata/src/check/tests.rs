use parity_scale_codec::Encode;
use scale_info::form::PortableForm;
use scale_info::{Field as ChainField, Path, PortableType, Type, TypeDef, TypeDefComposite, TypeDefPrimitive, Variant};
use subxt::ext::frame_metadata::v16::{RuntimeMetadataV16, StorageEntryType, StorageHasher};
use subxt::ext::frame_metadata::{RuntimeMetadata, RuntimeMetadataPrefixed};

use super::*;
use crate::items::{AXONS, GET_METAGRAPH, SERVE_AXON, SET_MECHANISM_WEIGHTS, TEMPO};

/// The main network's runtime, spec version 424, as the chain serves it: V16.
const FINNEY: &[u8] = include_bytes!("../../artifacts/finney-424-v16.scale");

/// The one item that the main network at 424 does not have.
const NEWER: &str = "SubtensorModule.SubnetEpochConsensus differs and is handled: only newer runtimes have it";

fn finney() -> Metadata {
    Metadata::decode_from(FINNEY).unwrap()
}

/// The main network's metadata after an invented upgrade.
fn upgraded(change: impl FnOnce(&mut RuntimeMetadataV16)) -> Metadata {
    let mut prefixed = RuntimeMetadataPrefixed::decode(&mut &*FINNEY).unwrap();
    let RuntimeMetadata::V16(v16) = &mut prefixed.1 else { panic!("not V16") };
    change(v16);
    Metadata::decode_from(&prefixed.encode()).unwrap()
}

/// What was found of one item.
fn verdict(metadata: &Metadata, item: &str) -> String {
    let report = check(metadata);
    report.entries.iter().find(|entry| entry.name == item).unwrap_or_else(|| panic!("{item} is no item")).to_string()
}

/// Everything that differs from the main network.
fn differences(report: &Report) -> Vec<String> {
    let differs = |entry: &&Entry| entry.status != Status::Found && entry.to_string() != NEWER;
    report.entries.iter().filter(differs).map(ToString::to_string).collect()
}

/// A call of the subtensor pallet.
fn call_of<'a>(v16: &'a mut RuntimeMetadataV16, name: &str) -> &'a mut Variant<PortableForm> {
    let pallet = v16.pallets.iter().find(|pallet| pallet.name == "SubtensorModule").unwrap();
    let id = pallet.calls.as_ref().unwrap().ty.id as usize;
    let TypeDef::Variant(calls) = &mut v16.types.types[id].ty.type_def else { panic!("no calls") };
    calls.variants.iter_mut().find(|call| call.name == name).unwrap()
}

fn field<'a>(call: &'a mut Variant<PortableForm>, name: &str) -> &'a mut ChainField<PortableForm> {
    call.fields.iter_mut().find(|field| field.name.as_deref() == Some(name)).unwrap()
}

fn primitive(v16: &RuntimeMetadataV16, wanted: &TypeDefPrimitive) -> u32 {
    let found = v16.types.types.iter().find(|ty| ty.ty.type_def == TypeDef::Primitive(wanted.clone()));
    found.unwrap().id
}

/// A new type.
fn declare(v16: &mut RuntimeMetadataV16, name: &str, def: impl Into<TypeDef<PortableForm>>) -> u32 {
    let id = v16.types.types.len() as u32;
    let path = Path::from_segments_unchecked(["runtime".to_owned(), name.to_owned()]);
    v16.types.types.push(PortableType { id, ty: Type::new(path, [], def, Vec::new()) });
    id
}

fn newtype(v16: &mut RuntimeMetadataV16, name: &str, inner: u32) -> u32 {
    let fields = [ChainField { name: None, ty: inner.into(), type_name: None, docs: Vec::new() }];
    declare(v16, name, TypeDefComposite { fields: fields.into() })
}

#[test]
fn the_main_network_offers_everything() {
    let report = check(&finney());
    assert_eq!((report.spec_version, report.transaction_version), (Some(424), Some(1)));
    assert_eq!(differences(&report), [""; 0]);
    assert_eq!(verdict(&finney(), "SubtensorModule.SubnetEpochConsensus"), NEWER);
    assert!(report.entries.len() > ALL.len(), "extensions are checked too");
    for role in [Role::Miner, Role::Validator, Role::Owner] {
        assert!(report.fits(role) && report.cause(role).is_none());
        assert!(report.counts(role)[0] > 10);
    }
}

/// The two forms that lie beside this repository where it is developed.
#[test]
fn both_forms_of_the_main_networks_metadata_give_the_same_report() {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/metadata");
    for name in ["finney-424-v16.scale", "finney-424-v15.scale"] {
        match std::fs::read(format!("{beside}/{name}")) {
            Ok(bytes) => assert_eq!(check(&Metadata::decode_from(&bytes).unwrap()), check(&finney()), "{name}"),
            Err(_) => println!("{beside}/{name} is not there: only the copy in this repository is checked"),
        }
    }
}

#[test]
fn a_renamed_call_is_missing() {
    let metadata = upgraded(|v16| call_of(v16, "set_mechanism_weights").name = "set_weights_of_mechanism".into());
    assert_eq!(
        differences(&check(&metadata)),
        ["SubtensorModule.set_mechanism_weights is missing"],
        "and nothing else is said"
    );
    let report = check(&metadata);
    assert!(!report.fits(Role::Validator) && report.fits(Role::Miner), "a miner sets no weights");
    assert_eq!(report.cause(Role::Validator).unwrap(), "SubtensorModule.set_mechanism_weights is missing");
    assert!(report.obstacle(&SET_MECHANISM_WEIGHTS).is_some() && report.obstacle(&SERVE_AXON).is_none());
}

#[test]
fn a_new_argument_is_handled_only_if_it_may_be_left_out() {
    let with = |optional: bool| {
        upgraded(move |v16| {
            let option = v16.types.types.iter().find(|ty| ty.ty.path.ident().as_deref() == Some("Option"));
            let ty = if optional { option.unwrap().id } else { primitive(v16, &TypeDefPrimitive::U64) };
            let new = ChainField { name: Some("hint".into()), ty: ty.into(), type_name: None, docs: Vec::new() };
            call_of(v16, "serve_axon").fields.push(new);
        })
    };
    assert_eq!(
        verdict(&with(true), "SubtensorModule.serve_axon"),
        "SubtensorModule.serve_axon differs and is handled: the new argument hint is given as None"
    );
    assert_eq!(
        verdict(&with(false), "SubtensorModule.serve_axon"),
        "SubtensorModule.serve_axon wants the unknown argument hint"
    );
    let known: Vec<_> = SERVE_AXON.arguments().collect();
    assert_eq!(optional_arguments(&with(true), "SubtensorModule", "serve_axon", &known), ["hint"]);
    assert_eq!(optional_arguments(&with(false), "SubtensorModule", "serve_axon", &known), [""; 0]);
}

#[test]
fn an_argument_that_is_gone_is_missing() {
    let metadata = upgraded(|v16| {
        call_of(v16, "serve_axon").fields.retain(|field| field.name.as_deref() != Some("placeholder2"));
    });
    let expected = "SubtensorModule.serve_axon has no argument placeholder2";
    assert_eq!(verdict(&metadata, "SubtensorModule.serve_axon"), expected);
}

#[test]
fn a_newtype_is_handled_wherever_it_stands() {
    let metadata = upgraded(|v16| {
        let u16 = primitive(v16, &TypeDefPrimitive::U16);
        let new = newtype(v16, "SubnetId", u16);
        field(call_of(v16, "serve_axon"), "netuid").ty = new.into();
        let api = v16.apis.iter_mut().find(|api| api.name == "SubnetInfoRuntimeApi").unwrap();
        api.methods.iter_mut().find(|method| method.name == "get_metagraph").unwrap().inputs[0].ty = new.into();
    });
    assert_eq!(
        verdict(&metadata, "SubtensorModule.serve_axon"),
        "SubtensorModule.serve_axon differs and is handled: netuid is SubnetId, encoded like u16"
    );
    assert_eq!(
        verdict(&metadata, "SubnetInfoRuntimeApi.get_metagraph"),
        "SubnetInfoRuntimeApi.get_metagraph differs and is handled: netuid is SubnetId, encoded like u16"
    );
    assert!(check(&metadata).fits(Role::Miner));
}

#[test]
fn a_number_may_become_wider_and_not_narrower() {
    let version = |ty: TypeDefPrimitive| {
        let metadata = upgraded(move |v16| {
            let ty = primitive(v16, &ty);
            field(call_of(v16, "serve_axon"), "version").ty = ty.into();
        });
        verdict(&metadata, "SubtensorModule.serve_axon")
    };
    assert_eq!(version(TypeDefPrimitive::U32), "SubtensorModule.serve_axon found");
    assert_eq!(
        version(TypeDefPrimitive::U64),
        "SubtensorModule.serve_axon differs and is handled: version is u64, wider than u32"
    );
    for (ty, name) in [(TypeDefPrimitive::U16, "u16"), (TypeDefPrimitive::Str, "str"), (TypeDefPrimitive::I32, "i32")] {
        let expected = format!("SubtensorModule.serve_axon has changed: version is {name}, not u32");
        assert_eq!(version(ty), expected);
    }
}

#[test]
fn storage_is_found_under_another_hasher() {
    let metadata = upgraded(|v16| {
        let subtensor = v16.pallets.iter_mut().find(|pallet| pallet.name == "SubtensorModule").unwrap();
        let entries = &mut subtensor.storage.as_mut().unwrap().entries;
        let tempo = entries.iter_mut().find(|entry| entry.name == "Tempo").unwrap();
        let StorageEntryType::Map { hashers, .. } = &mut tempo.ty else { panic!("no map") };
        hashers[0] = StorageHasher::Twox64Concat;
    });
    assert_eq!(
        verdict(&metadata, "SubtensorModule.Tempo"),
        "SubtensorModule.Tempo differs and is handled: a key is hashed with Twox64Concat, not Identity"
    );
}

#[test]
fn what_is_gone_is_named_for_every_item_in_it() {
    let no_sudo = check(&upgraded(|v16| v16.pallets.retain(|pallet| pallet.name != "Sudo")));
    assert_eq!(
        differences(&no_sudo),
        ["Sudo.sudo is missing with its whole pallet", "Sudo.Sudid is missing with its whole pallet"]
    );
    assert!(no_sudo.fits(Role::Validator) && !no_sudo.fits(Role::Owner), "a neuron needs no sudo");
    let no_api = check(&upgraded(|v16| v16.apis.retain(|api| api.name != "SubnetInfoRuntimeApi")));
    assert_eq!(differences(&no_api), ["SubnetInfoRuntimeApi.get_metagraph is missing with its whole API"]);
    let gone = |pallet: &'static str, name: &'static str| {
        check(&upgraded(|v16| {
            let pallet = v16.pallets.iter_mut().find(|found| found.name == pallet).unwrap();
            pallet.storage.as_mut().unwrap().entries.retain(|entry| entry.name != name);
            pallet.constants.retain(|constant| constant.name != name);
        }))
    };
    assert_eq!(differences(&gone("SubtensorModule", "LastEpochBlock")), ["SubtensorModule.LastEpochBlock is missing"]);
    assert_eq!(differences(&gone("Aura", "SlotDuration")), ["Aura.SlotDuration is missing"]);
}

#[test]
fn an_event_that_is_watched_must_be_there() {
    let metadata = upgraded(|v16| {
        let system = v16.pallets.iter().find(|pallet| pallet.name == "System").unwrap();
        let id = system.event.as_ref().unwrap().ty.id as usize;
        let TypeDef::Variant(events) = &mut v16.types.types[id].ty.type_def else { panic!("no events") };
        events.variants.iter_mut().find(|event| event.name == "ExtrinsicFailed").unwrap().name = "Failed".into();
    });
    assert_eq!(differences(&check(&metadata)), ["System.ExtrinsicFailed is missing"]);
}

#[test]
fn a_new_variant_of_an_enum_does_not_matter_and_a_lost_one_does() {
    let system = |change: fn(&mut Vec<Variant<PortableForm>>)| {
        let metadata = upgraded(|v16| {
            let all = v16.types.types.iter_mut();
            let mut errors = all.filter(|ty| ty.ty.path.segments == ["sp_runtime", "DispatchError"]);
            let TypeDef::Variant(variants) = &mut errors.next().unwrap().ty.type_def else { panic!("no enum") };
            change(&mut variants.variants);
        });
        verdict(&metadata, "System.ExtrinsicFailed")
    };
    let more = system(|variants| {
        let new = Variant { name: "Tired".into(), index: 99, ..variants[0].clone() };
        variants.insert(0, new);
    });
    assert_eq!(more, "System.ExtrinsicFailed found");
    let less = system(|variants| variants.retain(|variant| variant.name != "Module"));
    assert_eq!(less, "System.ExtrinsicFailed a field has no variant Module");
}

#[test]
fn an_extension_may_come_without_data_and_not_with_it() {
    let drand = |name: &'static str, data: bool| {
        check(&upgraded(move |v16| {
            let all = &mut v16.extrinsic.transaction_extensions;
            let nonce = all.iter().find(|extension| extension.identifier == "CheckNonce").unwrap().ty;
            let found = all.iter_mut().find(|extension| extension.identifier == "DrandPriority").unwrap();
            name.clone_into(&mut found.identifier);
            if data {
                found.ty = nonce;
            }
        }))
    };
    assert_eq!(differences(&drand("NewOne", false)), ["NewOne differs and is handled: new, without data"]);
    for name in ["NewOne", "DrandPriority"] {
        let report = drand(name, true);
        let cause = format!("{name} wants data that this release does not know");
        assert_eq!(differences(&report), [cause.as_str()]);
        assert_eq!(report.cannot_sign(), Some(cause.clone()));
        assert_eq!(report.obstacle(&SERVE_AXON), Some(cause), "no call can be signed");
        assert_eq!(report.obstacle(&TEMPO), None, "and everything can be read");
    }
}

#[test]
fn another_place_of_the_signature_is_found_out() {
    let metadata = upgraded(|v16| {
        let all = v16.types.types.iter_mut();
        let mut found = all.filter(|ty| ty.ty.path.ident().as_deref() == Some("MultiSignature"));
        let TypeDef::Variant(signature) = &mut found.next().unwrap().ty.type_def else { panic!("no enum") };
        signature.variants.iter_mut().for_each(|variant| variant.index += 1);
    });
    let cause = "signed extrinsic has the signature Sr25519 at index 2, not 1";
    assert_eq!(differences(&check(&metadata)), [cause]);
}

#[test]
fn changed_expectations_are_found_out() {
    let changed = |item: Item, kind| check_items(&finney(), &[item.expecting(kind)]).entries.remove(0).to_string();
    let key = (Hasher::Identity, Ty::U16);
    let keys: &'static [_] = Box::leak(Box::new([key]));
    assert_eq!(changed(TEMPO, Kind::Storage(&[], Ty::U16)), "SubtensorModule.Tempo has another number of keys");
    assert_eq!(
        changed(TEMPO, Kind::Storage(keys, Ty::Bool)),
        "SubtensorModule.Tempo has changed: the value is u16, not bool"
    );
    assert_eq!(
        changed(TEMPO, Kind::Storage(keys, Ty::U8)),
        "SubtensorModule.Tempo differs and is handled: the value is u16, read as u8"
    );
    assert_eq!(
        changed(GET_METAGRAPH, Kind::Api(&[("netuid", Ty::U16)], &[("hotkey", Ty::ACCOUNT)])),
        "SubnetInfoRuntimeApi.get_metagraph the answer has no field hotkey"
    );
    assert_eq!(changed(AXONS, Kind::Storage(&[], Ty::U16)), "SubtensorModule.Axons has another number of keys");
}

#[test]
fn the_report_can_be_read_by_programs() {
    let json = serde_json::to_value(check(&finney())).unwrap();
    assert_eq!(json["spec_version"], 424);
    let first = &json["items"][0];
    assert_eq!(first["name"], "SubtensorModule.set_mechanism_weights");
    assert_eq!((&first["kind"], &first["status"]), (&"call".into(), &"found".into()));
    assert_eq!((&first["roles"], &first["difference"]), (&["validator"][..].into(), &serde_json::Value::Null));
}

#[test]
fn garbage_is_no_metadata() {
    assert!(Metadata::decode_from(&FINNEY[..1000]).is_err());
}
