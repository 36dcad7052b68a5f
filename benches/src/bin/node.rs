//! The chain in the box: start to listening, resident memory when idle, empty blocks and signed weight extrinsics per second.
//!
//! Start and memory are those of the real program, the rest of the library that is in it. The comparison run side by side
//! is a signature check alone: no chain can take extrinsics faster than it can check them.
//!
//!     cargo build --release -p localnet
//!     cargo run --release -p benches --no-default-features --features node --bin node [-- RUNS]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use localnet::runtime::{Runtime, RuntimeCall, Signature, UncheckedExtrinsic, extensions::immortal};
use localnet::state::StackGuard;
use localnet::subtensor::Call;
use localnet::{LocalNet, Seal};
use parity_scale_codec::{Decode as _, Encode as _};
use sp_core::Pair as _;
use sp_core::sr25519::Pair;
use sp_keyring::Sr25519Keyring::{Alice, Bob};
use sp_runtime::MultiAddress;

/// Weight extrinsics of one run.
const EXTRINSICS: u32 = 5000;
/// Empty blocks of one run.
const BLOCKS: u32 = 3000;
/// How long an idle node is left alone before its memory is read.
const IDLE: Duration = Duration::from_secs(3);

fn main() -> Result<()> {
    let runs: usize = std::env::args().nth(1).map_or(Ok(5), |arg| arg.parse()).context("RUNS is a number")?;
    ensure!(!cfg!(debug_assertions), "a debug build measures the wrong thing; run with --release");
    println!("{}", benches::machine());
    let (starts, memory): (Vec<_>, Vec<_>) =
        (0..runs).map(|_| program()).collect::<Result<Vec<_>>>()?.into_iter().unzip();
    print("start to listening", "ms", &starts);
    print("resident memory, idle", "MiB", &memory);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let blocks = (0..runs).map(|_| runtime.block_on(empty_blocks())).collect::<Result<Vec<_>>>()?;
    print("empty blocks", "per second", &blocks);
    let extrinsics = (0..runs).map(|_| runtime.block_on(weight_extrinsics())).collect::<Result<Vec<_>>>()?;
    print("signed weight extrinsics", "per second", &extrinsics);
    let checks: Vec<f64> = (0..runs).map(|_| signature_checks()).collect();
    print("signature checks alone, one thread", "per second", &checks);
    println!("extrinsics as a share of signature checks: {:.2}", median(&extrinsics) / median(&checks));
    Ok(())
}

fn print(what: &str, unit: &str, values: &[f64]) {
    let (least, most) = values.iter().fold((f64::MAX, f64::MIN), |(a, b), value| (a.min(*value), b.max(*value)));
    println!("{what}: median {:.1} {unit}, {least:.1} to {most:.1}, {} runs", median(values), values.len());
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Milliseconds until the program prints its URL, and MiB that it holds a little later.
fn program() -> Result<(f64, f64)> {
    let path = std::env::current_exe()?.with_file_name("localnet");
    let begin = Instant::now();
    let mut node = Command::new(&path)
        .args(["node", "--port", "0", "--seal", "manual"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("{}: run `cargo build --release -p localnet` first", path.display()))?;
    let measured = observe(&mut node, begin);
    node.kill().context("ending the node")?;
    node.wait()?;
    measured
}

fn observe(node: &mut Child, begin: Instant) -> Result<(f64, f64)> {
    let mut line = String::new();
    BufReader::new(node.stdout.take().context("the node has no output")?).read_line(&mut line)?;
    let milliseconds = begin.elapsed().as_secs_f64() * 1000.0;
    ensure!(line.starts_with("ws://"), "the node said {line:?} instead of its URL");
    std::thread::sleep(IDLE);
    let status = std::fs::read_to_string(format!("/proc/{}/status", node.id()))?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kibibytes: f64 = resident.trim().trim_end_matches(" kB").parse()?;
    Ok((milliseconds, kibibytes / 1024.0))
}

async fn empty_blocks() -> Result<f64> {
    let net = LocalNet::builder().start().await?;
    let begin = Instant::now();
    net.produce(BLOCKS).await?;
    let rate = f64::from(BLOCKS) / begin.elapsed().as_secs_f64();
    net.shutdown().await;
    Ok(rate)
}

/// One hotkey sets weights again and again: every extrinsic is validated by the pool and executed in a block.
async fn weight_extrinsics() -> Result<f64> {
    let net = LocalNet::builder().seal(Seal::Interval(100)).start().await?;
    let register = RuntimeCall::SubtensorModule(Call::<Runtime>::register_network { hotkey: Bob.to_account_id() });
    net.engine().submit(signed(&net, &Alice.pair(), 0, register), None)?;
    net.produce(1).await?;
    let bob = Bob.pair();
    let extrinsics: Vec<_> = (0..EXTRINSICS).map(|nonce| signed(&net, &bob, nonce, weights(nonce))).collect();
    let begin = Instant::now();
    let engine = net.engine().clone();
    let sender = std::thread::Builder::new()
        .stack_size(StackGuard::BYTES)
        .spawn(move || extrinsics.into_iter().try_for_each(|extrinsic| engine.submit(extrinsic, None).map(|_| ())))?;
    sender.join().ok().context("the sender panicked")??;
    let mut heads = net.chain().heads();
    while nonce_of_bob(&net)? < EXTRINSICS {
        ensure!(begin.elapsed() < Duration::from_secs(120), "stuck at nonce {}", nonce_of_bob(&net)?);
        heads.changed().await?;
    }
    let rate = f64::from(EXTRINSICS) / begin.elapsed().as_secs_f64();
    net.shutdown().await;
    Ok(rate)
}

fn weights(nonce: u32) -> RuntimeCall {
    let value = u16::try_from(nonce % 60_000).unwrap_or_default() + 1;
    RuntimeCall::SubtensorModule(Call::set_weights { netuid: 1, dests: vec![0], weights: vec![value], version_key: 0 })
}

fn nonce_of_bob(net: &LocalNet) -> Result<u32> {
    let state = net.chain().state(&net.chain().best());
    let answer = state.call("AccountNonceApi_account_nonce", Bob.to_account_id().as_ref())?;
    Ok(u32::decode(&mut &*answer)?)
}

fn signed(net: &LocalNet, who: &Pair, nonce: u32, call: RuntimeCall) -> Vec<u8> {
    let genesis = net.chain().genesis().hash;
    let version = localnet::runtime::VERSION;
    // The implicit part: versions, genesis twice (an immortal era is born there), no metadata hash.
    let implicit = (version.spec_version, version.transaction_version, genesis, genesis, 0u8);
    let extra = immortal(nonce);
    let payload = (&call, &extra, implicit).encode();
    let signature = Signature::Sr25519(who.sign(&payload));
    UncheckedExtrinsic::new_signed(call, MultiAddress::Id(who.public().0.into()), signature, extra).encode()
}

fn signature_checks() -> f64 {
    let (pair, message) = (Bob.pair(), [7; 128]);
    let signature = pair.sign(&message);
    let begin = Instant::now();
    let good = (0..EXTRINSICS).filter(|_| Pair::verify(&signature, message, &pair.public())).count();
    assert_eq!(good, EXTRINSICS as usize, "an honest signature was refused");
    f64::from(EXTRINSICS) / begin.elapsed().as_secs_f64()
}
