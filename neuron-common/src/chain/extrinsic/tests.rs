use incentive::units::{NetUid, Rao, Uid, Weight};
use incentive::weights::WeightVector;
use runtime_metadata::items;
use subxt::client::OfflineClientAtBlock;
use subxt::config::substrate::SpecVersionForRange;
use subxt::{Metadata, OfflineClient};

use scale_value::Composite;
use subxt::tx::DynamicPayload;

use super::super::commit::commit_call;
use super::super::owner::{add_stake_call, burned_register_call};
use super::super::weights::weights_call;
use super::*;

/// The main network's runtime, spec version 424.
const FINNEY: &[u8] = include_bytes!("../../../../runtime-metadata/artifacts/finney-424-v16.scale");
const GENESIS: &str = "2f0555cc76fc2840a25a6ea3b9637146806f1f44b090c175ffde2a7e5ab36c03";

fn finney() -> OfflineClientAtBlock<SubstrateConfig> {
    let metadata = Metadata::decode_from(FINNEY).unwrap().arc();
    let genesis: [u8; 32] = hex::decode(GENESIS).unwrap().try_into().unwrap();
    let config = SubstrateConfig::builder()
        .set_genesis_hash(genesis.into())
        .set_metadata_for_spec_versions([(424, metadata)])
        .set_spec_version_for_block_ranges([SpecVersionForRange {
            block_range: 0..u64::MAX,
            spec_version: 424,
            transaction_version: 1,
        }])
        .build();
    OfflineClient::new_with_config(config).at_block(1000u64).unwrap()
}

fn encoded(call: &Call) -> String {
    hex::encode(finney().tx().call_data(call).unwrap())
}

fn named<const N: usize>(fields: [(&str, Value); N]) -> Composite<()> {
    Composite::Named(fields.map(|(name, value)| (name.to_owned(), value)).into())
}

fn alice() -> Keypair {
    Keypair::from_uri("//Alice").unwrap()
}

const ALICE: &str = "d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d";

fn vector() -> WeightVector {
    WeightVector { uids: vec![Uid(1), Uid(2)], values: vec![Weight(65535), Weight(100)] }
}

#[test]
fn weights_are_encoded_as_on_the_main_network() {
    assert_eq!(encoded(&weights_call(NetUid(1), &vector(), 0)), "0777010000080100020008ffff64000000000000000000");
}

#[test]
fn commits_are_encoded_as_on_the_main_network() {
    assert_eq!(encoded(&commit_call(NetUid(1), &[1, 2], 1000)), "0776010000080102e8030000000000000400");
}

#[test]
fn registration_and_stake_are_encoded_as_on_the_main_network() {
    let hotkey = alice().hotkey();
    assert_eq!(encoded(&burned_register_call(NetUid(1), hotkey)), format!("07070100{ALICE}"));
    assert_eq!(
        encoded(&add_stake_call(hotkey, NetUid(1), Rao(1_000_000_000))),
        format!("0702{ALICE}010000ca9a3b00000000")
    );
}

#[test]
fn an_address_is_encoded_as_on_the_main_network() {
    let arguments = [
        Value::from(1u16),
        Value::from(1u32),
        Value::from(16_909_060u128),
        Value::from(8091u16),
        Value::from(4u8),
        Value::from(4u8),
        Value::from(0u8),
        Value::from(0u8),
    ];
    assert_eq!(
        encoded(&runtime::call(items::SERVE_AXON, arguments)),
        "0704010001000000040302010000000000000000000000009b1f04040000"
    );
}

#[test]
fn arguments_are_found_by_name_and_not_by_place() {
    let reversed = match weights_call(NetUid(1), &vector(), 0).call_data() {
        Composite::Named(fields) => Composite::Named(fields.iter().rev().cloned().collect()),
        Composite::Unnamed(_) => panic!("arguments have names"),
    };
    let item = items::SET_MECHANISM_WEIGHTS;
    let reversed = DynamicPayload::new(item.pallet(), item.name(), reversed);
    assert_eq!(encoded(&reversed), encoded(&weights_call(NetUid(1), &vector(), 0)));
}

#[test]
fn what_does_not_fit_the_runtime_is_refused() {
    let tx = finney().tx();
    let too_large = runtime::call(items::START_CALL, [Value::from(65_536u32)]);
    assert!(tx.call_data(&too_large).is_err());
    let unknown = DynamicPayload::new("SubtensorModule", "set_mechanism_weightz", named([]));
    assert!(tx.call_data(&unknown).is_err());
    let missing = DynamicPayload::new("SubtensorModule", "start_call", named([]));
    assert!(tx.call_data(&missing).is_err());
}

/// Extensions, era, nonce and address as recorded for spec 424. The signature is random, so it is verified instead.
#[test]
fn an_extrinsic_has_the_main_networks_extensions() {
    let at = finney();
    let call = DynamicPayload::new("System", "remark", named([("remark", Value::from_bytes([0]))]));
    let params = |mortal: bool| {
        let builder = SubstrateExtrinsicParamsBuilder::new().nonce(5);
        if mortal { builder.mortal_from_unchecked(LIFETIME, 1000, [7; 32].into()) } else { builder.immortal() }.build()
    };
    let versions = "a801000001000000";
    let mut signable = at.tx().create_signable_offline(&call, params(false)).unwrap();
    let payload = signable.signer_payload().unwrap();
    assert_eq!(hex::encode(&payload), format!("0000040000140000{versions}{GENESIS}{GENESIS}00"));

    let key = alice();
    let bytes = hex::encode(signable.sign(&Signer(&key)).unwrap().into_encoded());
    let (head, rest) = bytes.split_at(8 + 64 + 2);
    let (signature, tail) = rest.split_at(128);
    assert_eq!((head, tail), (format!("ad018400{ALICE}01").as_str(), "0014000000000400"));
    let signature: [u8; 64] = hex::decode(signature).unwrap().try_into().unwrap();
    assert!(crate::keystore::verify(&key.hotkey(), &payload, &signature));

    let mortal = at.tx().create_signable_offline(&call, params(true)).unwrap().signer_payload().unwrap();
    let born = "07".repeat(32);
    assert_eq!(hex::encode(mortal), format!("000004008606140000{versions}{GENESIS}{born}00"));
}

#[test]
fn weights_never_outlive_their_epoch_and_leave_room_for_another_attempt() {
    for left in SHORTEST_LIFETIME..1000 {
        let lifetime = weights_lifetime(left);
        assert!(lifetime.is_power_of_two() && lifetime <= left, "{left}");
        assert!(left < 16 || 2 * lifetime <= left, "{left}");
    }
    assert_eq!([0, 4, 15, 16, 36, 127, 128, 360].map(weights_lifetime), [4, 4, 8, 8, 16, 32, 64, 64]);
}
