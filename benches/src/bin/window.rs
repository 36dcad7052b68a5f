//! One window over many hotkeys on loopback: how close together they start, how long from its close to the last verdict,
//! and how much memory the validator takes.
//!
//! 256 hotkeys that send 60 rounds each, unless told otherwise. The miners live in a process of their own, which has its
//! roots ready beforehand, so that the validator is measured and not they. Policy `dev`.
//!
//!     cargo run --release -p benches --no-default-features --features window --bin window [-- HOTKEYS ROUNDS]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use futures_util::{StreamExt as _, stream};
use incentive::policy::Policy;
use incentive::units::{Block, NetUid, Uid};
use neuron_common::keystore::Keypair;
use neuron_common::wire::{self, OpenRequest, OpenResponse, RootFrame};
use parity_scale_codec::Encode as _;
use proof::{Challenge, Commitment, ScalarKernel, Solver, Weights};
use validator::dispatch::{Dispatch, Target, openings};
use validator::round;

const SERVE: &str = "--serve";

#[tokio::main]
async fn main() -> Result<()> {
    let mut args = std::env::args().skip(1).peekable();
    let serving = args.next_if(|arg| arg == SERVE).is_some();
    let hotkeys = args.next().map_or(Ok(256), |arg| arg.parse()).context("HOTKEYS is a number")?;
    let rounds = args.next().map_or(Ok(60), |arg| arg.parse()).context("ROUNDS is a number")?;
    if serving { serve(hotkeys, rounds).await } else { measure(hotkeys, rounds).await }
}

fn challenge() -> Challenge {
    let compute = Policy::dev().compute;
    Challenge { genesis: [1; 32], netuid: NetUid(2), block: Block(3), nonce: [4; 32], compute }
}

fn key(number: u16) -> Keypair {
    let mut seed = [7; 32];
    seed[..2].copy_from_slice(&number.to_le_bytes());
    Keypair::from_seed(&seed)
}

/// The validator's side.
async fn measure(hotkeys: u16, rounds: u32) -> Result<()> {
    let mut miners = Command::new(std::env::current_exe()?)
        .args([SERVE, &hotkeys.to_string(), &rounds.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .context("starting the miners")?;
    let lines = BufReader::new(miners.stdout.take().context("the miners have no output")?).lines();
    let mut targets = Vec::new();
    for (number, line) in (0..hotkeys).zip(lines) {
        targets.push(Target { uid: Uid(number), hotkey: key(number).hotkey(), address: line?.parse()? });
    }
    let (challenge, policy, secret) = (challenge(), Policy::dev(), [5; 32]);
    let dispatch = Dispatch::new(Arc::new(Keypair::generate()?))?;
    dispatch.connect(&targets).await;
    let before = peak_memory();

    let start = Instant::now();
    let (collected, punctuality) = dispatch.window(&targets, &challenge, &policy, &secret).await;
    let closed = start.elapsed();
    let answers = openings(&dispatch, &collected, &challenge, &policy, &secret).await;
    let opened = start.elapsed();
    let threads = std::thread::available_parallelism()?;
    let verified = tokio::task::spawn_blocking(move || round::verify(&challenge, threads, collected, &answers)).await?;
    let verified = verified.map_err(|reason| anyhow::anyhow!("verification: {reason}"))?;
    let judged = start.elapsed();
    miners.kill()?;
    miners.wait()?;

    println!("machine: {}", benches::machine());
    let accepted = verified.iter().filter(|(_, found)| found.is_ok()).count();
    let counted: u64 = verified.iter().map(|(one, _)| one.rounds()).sum();
    println!("{accepted} of {hotkeys} hotkeys accepted, {counted} rounds counted");
    println!("starts within {:?}, longest standstill {:?}", punctuality.spread, punctuality.lag);
    println!("close to last opening {:?}, close to last verdict {:?}", opened - closed, judged - closed);
    println!("peak memory {} MiB before the window, {} MiB after the last verdict", before >> 20, peak_memory() >> 20);
    Ok(())
}

/// Peak resident bytes of this process; 0 where the system does not tell.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) << 10
}

/// A miner whose work is done before it is asked.
struct Ready {
    key: Keypair,
    solver: Solver,
    frames: Vec<RootFrame>,
}

/// The miners' side: prints one address per hotkey.
async fn serve(hotkeys: u16, rounds: u32) -> Result<()> {
    let weights = Arc::new(Weights::resident(&challenge())?);
    let mut addresses = Vec::new();
    for number in 0..hotkeys {
        addresses.push(listen(Arc::new(ready(key(number), &weights, rounds))).await?);
    }
    let mut stdout = std::io::stdout().lock();
    for address in addresses {
        writeln!(stdout, "{address}")?;
    }
    stdout.flush()?;
    drop(stdout);
    std::future::pending().await
}

fn ready(key: Keypair, weights: &Arc<Weights>, rounds: u32) -> Ready {
    let mut solver = Solver::new(Arc::clone(weights), &key.hotkey(), 0);
    let mut frames = Vec::new();
    while let Some(round) = solver.next_round(&ScalarKernel).filter(|round| round.round <= rounds) {
        let digest = proof::head_digest(weights.id(), &key.hotkey(), 0, round.round, &round.head);
        frames.push(RootFrame { chain: 0, round: round.round, root: round.root, signature: key.sign(&digest) });
        if round.round == rounds {
            break;
        }
    }
    Ready { key, solver, frames }
}

async fn listen(miner: Arc<Ready>) -> Result<SocketAddr> {
    let router = Router::new()
        .route(wire::WINDOW_PATH, post(window))
        .route(wire::OPEN_PATH, post(open))
        .route(wire::HEALTH_PATH, get(|| async { "ok" }))
        .with_state(miner);
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

/// Roots evenly over the first nine tenths of the window.
async fn window(State(miner): State<Arc<Ready>>) -> Response {
    let length = Duration::from_millis(Policy::dev().window.duration_ms.into()) * 9 / 10;
    let pause = length / u32::try_from(miner.frames.len().max(1)).unwrap_or(u32::MAX);
    let frames: Vec<Bytes> = miner.frames.iter().map(|frame| Bytes::from(frame.encode().to_vec())).collect();
    let paced = stream::iter(frames).then(move |frame| async move {
        tokio::time::sleep(pause).await;
        Ok::<_, std::convert::Infallible>(frame)
    });
    Body::from_stream(paced).into_response()
}

async fn open(State(miner): State<Arc<Ready>>, body: Bytes) -> Response {
    let Ok(request) = wire::decode::<OpenRequest>(&body) else { return Response::default() };
    let answer = tokio::task::spawn_blocking(move || {
        let counted = usize::try_from(*request.counted.first()?).ok()?;
        let chains = vec![miner.frames.iter().map(|frame| frame.root).take(counted).collect()];
        let commitment = Commitment { hotkey: miner.key.hotkey(), chains };
        let samples = proof::sample(&request.secret, &challenge(), &commitment);
        let opening = proof::Opening { rows: miner.solver.open(&ScalarKernel, &samples).ok()? };
        let digest = proof::opening_digest(&request.window, &miner.key.hotkey(), &samples, &opening);
        Some(OpenResponse { signature: miner.key.sign(&digest), opening }.encode())
    });
    answer.await.ok().flatten().unwrap_or_default().into_response()
}
