//! The beacon that runs in the node: when its pulses come, and when not.

use localnet::{
    Clock, LocalNet, Preset, Seal,
    drand::{self, development, types::PulsesPayload},
    preset::BeaconChoice,
    runtime::{Runtime, RuntimeCall, UncheckedExtrinsic},
};
use parity_scale_codec::{Decode, Encode as _};
use sp_keyring::Sr25519Keyring::Alice;
use subxt::rpcs::rpc_params;

use crate::client::rpc;

const GENESIS: u64 = 1_700_000_000;
/// Six seconds per block.
const FIXED: Clock = Clock::Fixed { genesis_ms: GENESIS * 1000, step_ms: 6000 };

fn builder() -> localnet::node::Builder {
    // Clients are told half a second, so that a round is one second: six per block.
    LocalNet::builder().seal(Seal::Manual).clock(FIXED).block_ms(500).self_check(true)
}

fn stored<V: Decode>(net: &LocalNet, key: &[u8]) -> Option<V> {
    let chain = net.chain();
    let value = chain.state(&chain.best()).value(None, key).expect("reads");
    value.map(|bytes| V::decode(&mut &*bytes).expect("decodes"))
}

fn last_round(net: &LocalNet) -> Option<u64> {
    stored(net, &drand::LastStoredRound::<Runtime>::hashed_key())
}

fn has(net: &LocalNet, round: u64) -> bool {
    stored::<drand::types::Pulse>(net, &drand::Pulses::<Runtime>::hashed_key_for(round)).is_some()
}

/// The round that is due in a block.
fn due(block: u64) -> u64 {
    GENESIS + 6 * block + 1
}

#[tokio::test]
async fn every_round_comes_in_the_first_block_after_its_time() {
    let net = builder().start().await.expect("starts");
    net.produce(1).await.expect("produces");
    assert_eq!(last_round(&net), Some(due(1)));
    assert!(!has(&net, due(1) - 1), "the chain starts with the newest");
    net.produce(1).await.expect("produces");
    assert_eq!(last_round(&net), Some(due(2)));
    assert!((due(1)..=due(2)).all(|round| has(&net, round)));
    // The time of the block, then one extrinsic for each pulse.
    assert_eq!(net.chain().best().body.len(), 7);
}

#[tokio::test]
async fn withheld_pulses_come_later_or_never() {
    let net = builder().start().await.expect("starts");
    net.produce(1).await.expect("produces");
    let client = rpc(&net).await;
    client.request::<serde_json::Value>("dev_withholdPulses", rpc_params![]).await.expect("answers");
    net.produce(4).await.expect("produces");
    assert_eq!(last_round(&net), Some(due(1)));
    client.request::<serde_json::Value>("dev_withholdPulses", rpc_params![false]).await.expect("answers");
    net.produce(1).await.expect("produces");
    assert!((due(1)..=due(6)).all(|round| has(&net, round)));
    // After a long pause what is too old stays away.
    net.withhold_pulses(true).await.expect("obeys");
    net.produce(150).await.expect("produces");
    net.withhold_pulses(false).await.expect("obeys");
    net.produce(1).await.expect("produces");
    assert!(!has(&net, due(6) + 1) && !has(&net, due(157) - 600) && has(&net, due(157) - 599));
    net.produce(20).await.expect("catches up");
    assert_eq!(last_round(&net), Some(due(177)));
}

#[tokio::test]
async fn the_journal_keeps_what_was_withheld() {
    let dir = tempfile::tempdir().expect("directory");
    let start = || builder().base_path(Some(dir.path().to_owned())).start();
    let net = start().await.expect("starts");
    net.produce(2).await.expect("produces");
    net.withhold_pulses(true).await.expect("obeys");
    let head = net.produce(3).await.expect("produces");
    net.shutdown().await;
    let net = start().await.expect("starts again");
    assert_eq!((net.head(), last_round(&net)), (head, Some(due(2))));
    net.produce(1).await.expect("goes on");
    assert_eq!(last_round(&net), Some(due(6)));
}

#[tokio::test]
async fn quicknets_pulses_are_brought_from_outside() {
    let preset = Preset { beacon: BeaconChoice::Quicknet, ..Preset::dev() };
    let net = builder().preset(preset).seal(Seal::Instant).start().await.expect("starts");
    net.produce(3).await.expect("produces");
    assert_eq!((last_round(&net), net.chain().best().body.len()), (None, 1));
    let signature = "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39";
    let signature: [u8; 48] = hex::decode(signature).expect("hex").try_into().expect("48 bytes");
    let pulse = development::pulse(1000, &timelock::Signature::from_bytes(&signature).expect("a point"));
    let pulses_payload = PulsesPayload { block_number: 3, pulses: vec![pulse], public: Alice.public().into() };
    let signature = Some(sp_runtime::MultiSignature::Sr25519(Alice.sign(&pulses_payload.encode())));
    let call = RuntimeCall::Drand(drand::Call::write_pulse { pulses_payload, signature });
    let extrinsic = format!("0x{}", hex::encode(UncheckedExtrinsic::new_bare(call).encode()));
    let mut heads = net.chain().heads();
    rpc(&net).await.request::<String>("author_submitExtrinsic", rpc_params![extrinsic]).await.expect("is taken");
    heads.wait_for(|head| head.number == 4).await.expect("a block is made of it");
    assert!(has(&net, 1000));
}

#[tokio::test]
async fn blocks_made_in_a_hurry_take_the_beacon_along() {
    let net = LocalNet::builder().block_ms(1000).self_check(true).start().await.expect("starts");
    net.produce(1).await.expect("produces");
    let first = last_round(&net).expect("a pulse");
    net.produce(30).await.expect("produces");
    assert!(last_round(&net).expect("a pulse") >= first + 30);
    assert!(has(&net, first + 15));
}
