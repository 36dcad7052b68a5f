//! Golden vectors of an independent implementation (`vectors/generate.py`).

mod common;

use common::Session;
use incentive::policy::{ComputePolicy, Policy};
use incentive::units::{Block, Hotkey, NetUid};
use parity_scale_codec::{DecodeAll, Encode};
use proof::rows::{mix32, pack, unpack};
use proof::{Challenge, Opening, ScalarKernel, Weights};
use serde_json::Value;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../vectors/compute.json")).expect("the vectors are JSON")
}

fn hex32(value: &Value) -> [u8; 32] {
    hex::decode(value.as_str().expect("a string")).expect("hex").try_into().expect("32 bytes")
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

fn challenge(vectors: &Value) -> Challenge {
    let (fields, compute) = (&vectors["challenge"], &vectors["challenge"]["compute"]);
    let dimension = |name: &str| number(&compute[name]) as u32;
    Challenge {
        genesis: hex32(&fields["genesis"]),
        netuid: NetUid(number(&fields["netuid"]) as u16),
        block: Block(number(&fields["block"])),
        nonce: hex32(&fields["nonce"]),
        compute: ComputePolicy {
            width: dimension("width"),
            layers: dimension("layers"),
            rows: dimension("rows"),
            openings: dimension("openings"),
            chains_max: dimension("chains_max") as u16,
            rounds_max: dimension("rounds_max"),
        },
    }
}

#[test]
fn challenge_weights_and_salts_are_as_specified() {
    let vectors = vectors();
    let challenge = challenge(&vectors);
    assert_eq!(hex::encode(challenge.encode()), vectors["challenge_encoded"]);
    assert_eq!(challenge.id(), hex32(&vectors["id"]));
    assert_eq!(challenge.seed(&Hotkey(hex32(&vectors["hotkey"]))), hex32(&vectors["seed"]));
    for weights in [Weights::new(&challenge), Weights::resident(&challenge)] {
        let weights = weights.expect("a valid policy");
        let bytes: Vec<u8> =
            (0..3).flat_map(|layer| weights.layer(layer).into_owned()).map(i8::cast_unsigned).collect();
        assert_eq!(hex::encode(&bytes[..32]), vectors["weights_first"]);
        assert_eq!(blake3::hash(&bytes).to_hex().as_str(), vectors["weights_blake3"]);
        assert_eq!(serde_json::json!(weights.salts(0)[..4]), vectors["salts_first"]);
        assert_eq!(weights.salts(2)[31], number(&vectors["salts_last"]) as u32);
    }
}

#[test]
fn a_whole_session_is_as_specified() {
    let vectors = vectors();
    let challenge = challenge(&vectors);
    let (miner, secret) = (Hotkey(hex32(&vectors["hotkey"])), hex32(&vectors["secret"]));
    let session = Session::with_rounds(&challenge, miner, &[2, 0, 3], secret, &ScalarKernel);
    assert_eq!(
        serde_json::json!(
            session
                .commitment
                .chains
                .iter()
                .map(|roots| roots.iter().map(hex::encode).collect::<Vec<_>>())
                .collect::<Vec<_>>()
        ),
        vectors["roots"]
    );
    for (chain, heads) in session.commitment.replay(&challenge).iter().zip(vectors["heads"].as_array().expect("chains"))
    {
        for (round, head) in (0..).zip(heads.as_array().expect("heads")) {
            assert_eq!(chain.head_after(round), Some(&hex32(head)));
        }
    }
    let samples: Vec<_> = session.samples.iter().map(|sample| (sample.chain, sample.round, sample.row)).collect();
    assert_eq!(serde_json::json!(samples), vectors["samples"]);
    assert_eq!(hex::encode(session.opening.encode()), vectors["opening"]);
    let given = hex::decode(vectors["opening"].as_str().expect("a string")).expect("hex");
    assert_eq!(Opening::decode_all(&mut &given[..]).as_ref(), Ok(&session.opening));
    assert_eq!(Opening::encoded_len(session.weights.shape()), given.len());
    assert_eq!(session.verify(&ScalarKernel), Ok(()));
    let digest = proof::opening_digest(&challenge.id(), &miner, &session.samples, &session.opening);
    assert_eq!(digest, hex32(&vectors["opening_digest"]));
    let head = hex32(&vectors["heads"][2][3]);
    assert_eq!(proof::head_digest(&challenge.id(), &miner, 2, 3, &head), hex32(&vectors["head_digest_2_3"]));
    assert_eq!(proof::secret_commitment(&secret), hex32(&vectors["secret_commitment"]));
}

#[test]
fn small_pieces_are_as_specified() {
    let vectors = vectors();
    for pair in vectors["mix32"].as_array().expect("pairs") {
        assert_eq!(u64::from(mix32(number(&pair[0]) as u32)), number(&pair[1]));
    }
    let values: Vec<i8> = serde_json::from_value(vectors["pack"]["values"].clone()).expect("values");
    assert_eq!(hex::encode(pack(&values)), vectors["pack"]["packed"]);
    assert_eq!(unpack(&pack(&values)), values);
}

/// Encodings and digests of the presets, and of `production` with two models.
#[test]
fn policies_are_as_specified() {
    let vectors = &vectors()["policies"];
    let inference = serde_json::from_value(vectors["inference"].clone()).expect("a table of models");
    let models = Policy { inference: Some(inference), ..Policy::production() };
    assert_eq!(models.validate(), Ok(()));
    for (name, policy) in [("dev", Policy::dev()), ("production", Policy::production()), ("models", models)] {
        assert_eq!(hex::encode(policy.encode()), vectors["encoded"][name], "{name}");
        assert_eq!(proof::policy_digest(&policy), hex32(&vectors[name]), "{name}");
        let given = hex::decode(vectors["encoded"][name].as_str().expect("a string")).expect("hex");
        assert_eq!(Policy::decode_all(&mut &given[..]), Ok(policy), "{name}");
    }
}

#[test]
fn windows_open_as_specified() {
    let vectors = &vectors()["window"];
    for opening in vectors["openings"].as_array().expect("cases") {
        let hashes: Vec<[u8; 32]> = (1..=20u16)
            .map(|offset| {
                let mut bytes = vec![number(&opening["case"]) as u8];
                bytes.extend(offset.to_le_bytes());
                blake3::derive_key("assay test block", &bytes)
            })
            .collect();
        let netuid = NetUid(number(&vectors["netuid"]) as u16);
        assert_eq!(proof::window::opening_offset(&hashes, netuid, 20), Some(number(&opening["offset"])));
    }
}
