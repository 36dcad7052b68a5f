//! How much the node takes. Not run by default; `cargo test --release -p localnet --test node load -- --ignored --nocapture`.

use std::{
    thread,
    time::{Duration, Instant},
};

use localnet::{LocalNet, Seal, runtime::RuntimeCall, state::StackGuard, subtensor::Call};
use parity_scale_codec::Decode as _;
use sp_keyring::Sr25519Keyring::{Alice, Bob};

use crate::extrinsic::{signed, signed_by};

/// Weight extrinsics that are sent.
const COUNT: u32 = 5000;

fn subnet_call(call: Call<localnet::runtime::Runtime>) -> RuntimeCall {
    RuntimeCall::SubtensorModule(call)
}

fn weights(nonce: u32) -> RuntimeCall {
    let value = u16::try_from(nonce % 60_000).expect("small") + 1;
    subnet_call(Call::set_weights { netuid: 1, dests: vec![0], weights: vec![value], version_key: 0 })
}

/// A subnet whose only neuron has the hotkey of Bob.
async fn subnet() -> LocalNet {
    let net = LocalNet::builder().seal(Seal::Interval(100)).start().await.expect("starts");
    let register = subnet_call(Call::register_network { hotkey: Bob.to_account_id() });
    net.engine().submit(signed(&net, Alice, 0, register), None).expect("taken");
    net.produce(1).await.expect("produces");
    net
}

fn nonce_of_bob(net: &LocalNet) -> u32 {
    let state = net.chain().state(&net.chain().best());
    let answer = state.call("AccountNonceApi_account_nonce", Bob.to_account_id().as_ref()).expect("answers");
    u32::decode(&mut &*answer).expect("decodes")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures"]
async fn weight_extrinsics_per_second() {
    let net = subnet().await;
    let bob = Bob.pair();
    let extrinsics: Vec<_> = (0..COUNT).map(|nonce| signed_by(&net, &bob, nonce, weights(nonce))).collect();
    let begin = Instant::now();
    let engine = net.engine().clone();
    let sender = thread::Builder::new().stack_size(StackGuard::BYTES).spawn(move || {
        for extrinsic in extrinsics {
            engine.submit(extrinsic, None).expect("taken");
        }
    });
    sender.expect("thread").join().expect("all taken");
    let taken = begin.elapsed();
    let mut heads = net.chain().heads();
    while nonce_of_bob(&net) < COUNT {
        assert!(begin.elapsed() < Duration::from_secs(120), "stuck at nonce {}", nonce_of_bob(&net));
        heads.changed().await.expect("goes on");
    }
    let rate = f64::from(COUNT) / begin.elapsed().as_secs_f64();
    eprintln!(
        "{COUNT} set_weights: taken in {taken:?}, all included after {:?}: {rate:.0} per second",
        begin.elapsed()
    );
    eprintln!("blocks: {}, trie: {} bytes", net.head().number, net.chain().store().bytes());
    assert!(cfg!(debug_assertions) || rate >= 1000.0);
}

#[tokio::test]
#[ignore = "measures"]
async fn empty_blocks_per_second() {
    let net = LocalNet::builder().start().await.expect("starts");
    let (begin, bytes) = (Instant::now(), net.chain().store().bytes());
    net.produce(3000).await.expect("produces");
    let rate = 3000.0 / begin.elapsed().as_secs_f64();
    eprintln!("{rate:.0} empty blocks per second, {} trie bytes each", (net.chain().store().bytes() - bytes) / 3000);
    assert!(cfg!(debug_assertions) || rate >= 1000.0);
}

#[tokio::test]
#[ignore = "measures"]
async fn start_to_listening() {
    let begin = Instant::now();
    let net = LocalNet::builder().start().await.expect("starts");
    eprintln!("listening after {:?}", begin.elapsed());
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or("VmRSS unknown");
    eprintln!("{resident} with the test around it");
    net.shutdown().await;
}
