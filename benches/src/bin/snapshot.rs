//! A whole subnet in one look: a snapshot of 256 neurons over loopback, and what it costs in requests.
//!
//! The comparison run side by side is the bare request for the head, which no snapshot can undercut.
//!
//!     cargo run --release -p benches --no-default-features --features node --bin snapshot [-- RUNS]

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use incentive::units::NetUid;
use localnet::runtime::Runtime;
use localnet::subtensor::BurnIncreaseMult;
use localnet::{LocalNet, Seal};
use neuron_common::chain::{ChainClient, ChainConfig, Role, Value};
use neuron_common::keystore::Keypair;
use parity_scale_codec::Encode as _;

/// As many as a subnet holds.
const NEURONS: u16 = 256;
/// Registrations in one extrinsic.
const BATCH: usize = 64;

#[tokio::main]
async fn main() -> Result<()> {
    let runs: usize = std::env::args().nth(1).map_or(Ok(200), |arg| arg.parse()).context("RUNS is a number")?;
    ensure!(!cfg!(debug_assertions), "a debug build measures the wrong thing; run with --release");
    println!("{}", benches::machine());
    let net = LocalNet::builder().seal(Seal::Instant).start().await?;
    let chain = ChainClient::connect(&ChainConfig::at(net.url()), Role::Owner).await?;
    let netuid = full_subnet(&net, &chain).await?;
    // The first one also reads the metadata.
    let first = chain.snapshot(netuid, None).await?;
    ensure!(first.neurons.len() == usize::from(NEURONS) && first.neurons.iter().skip(1).all(|n| n.axon.is_some()));

    let before = net.requests().counts();
    chain.snapshot(netuid, None).await?;
    for (method, count) in difference(&before, &net.requests().counts()) {
        println!("one snapshot asks {count} times {method}");
    }
    let (mut snapshots, mut heads) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        let begin = Instant::now();
        chain.snapshot(netuid, None).await?;
        snapshots.push(begin.elapsed().as_secs_f64() * 1000.0);
        let begin = Instant::now();
        chain.head().await?;
        heads.push(begin.elapsed().as_secs_f64() * 1000.0);
    }
    print(&format!("snapshot of {NEURONS} neurons"), &mut snapshots);
    print("head alone, side by side", &mut heads);
    net.shutdown().await;
    Ok(())
}

fn difference(before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>) -> Vec<(String, u64)> {
    let more = after.iter().map(|(method, count)| (method.clone(), count - before.get(method).unwrap_or(&0)));
    more.filter(|(_, count)| *count > 0).collect()
}

fn print(what: &str, values: &mut [f64]) {
    values.sort_by(f64::total_cmp);
    let at = |part: f64| values.get((values.len() as f64 * part) as usize).copied().unwrap_or(f64::NAN);
    println!("{what}: median {:.2} ms, 99 % {:.2} ms, {} runs", at(0.5), at(0.99), values.len());
}

/// A subnet on which every place is taken and announced, after an epoch.
async fn full_subnet(net: &LocalNet, chain: &ChainClient) -> Result<NetUid> {
    let (owner, miners) = (Keypair::from_uri("//Alice")?, Keypair::from_uri("//Bob")?);
    let netuid = chain.register_network(&owner, Keypair::generate()?.hotkey()).await?;
    chain.start_call(&owner, netuid).await?;
    steady_price(chain, &owner, netuid).await?;
    let keys = (1..NEURONS).map(|_| Keypair::generate()).collect::<Result<Vec<_>, _>>()?;
    for some in keys.chunks(BATCH) {
        let calls = some.iter().map(|key| registration(netuid, key)).collect::<Vec<_>>();
        let calls = ("calls".to_owned(), Value::unnamed_composite(calls));
        chain.call(&miners, "Utility", "batch_all", vec![calls]).await?;
    }
    for (key, last) in keys.iter().zip(1..=u8::MAX) {
        let address = SocketAddr::from((Ipv4Addr::new(203, 0, 113, last), 8091));
        chain.announce(key, netuid, address).await?;
    }
    net.produce(40).await?;
    Ok(netuid)
}

/// Registrations at a price that does not rise: 255 at the usual pace cost more TAO than there is.
async fn steady_price(chain: &ChainClient, root: &Keypair, netuid: NetUid) -> Result<()> {
    let key = BurnIncreaseMult::<Runtime>::hashed_key_for(netuid.get());
    let one = (1_u128 << 64).encode();
    let item = Value::unnamed_composite([Value::from_bytes(key), Value::from_bytes(one)]);
    let items = ("items".to_owned(), Value::unnamed_composite([item]));
    chain.sudo(root, "System", "set_storage", vec![items]).await?;
    Ok(())
}

fn registration(netuid: NetUid, key: &Keypair) -> Value {
    let fields = [("netuid", Value::from(netuid.get())), ("hotkey", Value::from_bytes(key.hotkey().0))];
    Value::unnamed_variant("SubtensorModule", [Value::named_variant("burned_register", fields)])
}
