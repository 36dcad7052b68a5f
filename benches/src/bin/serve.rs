//! What the miner's HTTP API adds to the engine behind it, and whether it holds out.
//!
//! The engine is a stub that emits tokens at a fixed pace, 2,000 a second over all streams unless told otherwise, without using the
//! processor. The miner lives in a process of its own, so that its memory is measured alone.
//!
//! - `overhead`: 32 streams at once, directly on the stub and over HTTP with signed requests: time to the first token and
//!   tokens a second, side by side. The two take turns.
//! - `soak`: 200 streams for 300 seconds, of which every other breaks off at random: memory over time, slots that are left
//!   behind, time between tokens.
//!
//! ```text
//! cargo run --release -p benches --no-default-features --features serve --bin serve -- overhead [STREAMS TOKENS_PER_S]
//! cargo run --release -p benches --no-default-features --features serve --bin serve -- soak [STREAMS SECONDS TOKENS_PER_S]
//! ```

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result, ensure};
use axum::routing::get;
use futures_util::future::join_all;
use incentive::units::{Block, Hotkey, NetUid, Rao, Uid};
use miner::inference::Identity;
use miner::inference::access::{Access, Keys};
use miner::inference::backend::{Backend, Completion, Delta, Prompt};
use miner::inference::config::InferenceConfig;
use miner::inference::metrics::Metrics;
use miner::inference::service::Service;
use miner::inference::stub::{Pace, Stub};
use miner::serve::{Door, serve};
use miner::view::View;
use neuron_common::auth;
use neuron_common::chain::{BlockRef, Neuron, Snapshot};
use neuron_common::keystore::Keypair;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

const SERVE: &str = "--serve";
const PATH: &str = "/v1/completions";
const PROMPT: &str = "What an engine without a model says is always the same.";
/// Tokens of an answer when the overhead is measured: two seconds at the default pace.
const ANSWER: usize = 125;
/// Turns of the overhead.
const TURNS: usize = 5;
/// How often memory is read in a soak.
const SAMPLES: u32 = 30;

#[tokio::main]
async fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize, default: usize| {
        args.get(index).map_or(Ok(default), |arg| arg.parse()).with_context(|| format!("argument {index} is a number"))
    };
    match args.first().map(String::as_str) {
        Some(SERVE) => server(number(1, 32)?, number(2, 2000)?).await,
        Some("overhead") => overhead(number(1, 32)?, number(2, 2000)?).await,
        Some("soak") => soak(number(1, 200)?, number(2, 300)?, number(3, 2000)?).await,
        _ => anyhow::bail!("say `overhead` or `soak`"),
    }
}

fn stub(streams: usize, rate: usize) -> Stub {
    Stub::new("stub", Pace::Every(Duration::from_secs_f64(streams as f64 / rate as f64)), usize::MAX)
}

fn keys() -> Result<(Keypair, Keypair)> {
    Ok((Keypair::from_uri("//Miner")?, Keypair::from_uri("//Alice")?))
}

// The miner's process.

async fn server(streams: usize, rate: usize) -> Result<()> {
    let (own, validator) = keys()?;
    let config = InferenceConfig { anyone: true, ..InferenceConfig::default() };
    let (_view, view) = watch::channel(View { snapshot: Arc::new(snapshot(validator.hotkey())), window: None });
    let access = Access::new(own.hotkey(), view, Keys::default(), config.anyone, config.api_keys_stake);
    let identity = Identity { genesis: [1; 32], netuid: NetUid(1), own: own.hotkey() };
    let stub = stub(streams, rate);
    let running = stub.running();
    let service = Service::new(&config, vec![(Arc::new(stub), streams)], access, identity, Metrics::default());
    let queue = Arc::clone(&service.model("stub").map_err(|_| anyhow::anyhow!("the stub is not served"))?.queue);
    let state = get(async move || format!("{} {} {}", *running.borrow(), queue.running(), queue.waiting()));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let routes = service.routes().route("/state", state);
    let metrics = miner::metrics::Metrics::default();
    serve(listener, routes, Door::new(8 * streams), metrics, CancellationToken::new()).await;
    Ok(())
}

fn snapshot(validator: Hotkey) -> Snapshot {
    let neuron = Neuron {
        uid: Uid(0),
        hotkey: validator,
        coldkey: validator,
        registered: Block(1),
        axon: None,
        validator_permit: true,
        active: true,
        last_update: Block(0),
        incentive: 0,
        dividends: 0,
        emission: Rao(0),
        stake: Rao(1),
    };
    Snapshot {
        block: BlockRef { number: Block(1), hash: [1; 32] },
        netuid: NetUid(1),
        tempo: 360,
        last_epoch_block: Block(0),
        epoch_index: 0,
        weights_rate_limit: 0,
        weights_version_key: 0,
        commit_reveal: false,
        owner_uid: None,
        neurons: vec![neuron],
    }
}

/// The process, ended with this value.
struct Miner {
    child: Child,
    url: String,
    http: reqwest::Client,
    hotkey: Hotkey,
}

impl Miner {
    fn start(streams: usize, rate: usize) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args([SERVE, &streams.to_string(), &rate.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .context("starting the miner")?;
        let output = child.stdout.take().context("the miner has no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let http = reqwest::Client::builder().no_proxy().tcp_nodelay(true).build()?;
        Ok(Self { child, url: format!("http://{}", line.trim()), http, hotkey: keys()?.0.hotkey() })
    }

    /// A request that is ready to be sent: what signing costs the caller is not the miner's.
    fn request(&self, tokens: usize, signer: Option<&Keypair>) -> reqwest::RequestBuilder {
        let body = json!({ "model": "stub", "prompt": PROMPT, "max_tokens": tokens, "stream": true });
        let body = body.to_string().into_bytes();
        let mut request = self.http.post(format!("{}{PATH}", self.url));
        if let Some(key) = signer {
            request = request.headers(auth::sign(key, "POST", PATH, &body, &self.hotkey, SystemTime::now()));
        }
        request.body(body)
    }

    /// Answers of the engine, slots, and places in the queue that are taken.
    async fn state(&self) -> Result<Vec<usize>> {
        let text = self.http.get(format!("{}/state", self.url)).send().await?.text().await?;
        text.split(' ').map(|number| number.parse().context("a number")).collect()
    }

    /// Resident memory in KiB.
    fn memory(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }
}

impl Drop for Miner {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

// What the API adds.

/// Times to the first token in milliseconds, and tokens a second over all.
struct Turn {
    ttft: Vec<f64>,
    rate: f64,
}

async fn overhead(streams: usize, rate: usize) -> Result<()> {
    println!("{}", benches::machine());
    let miner = Miner::start(streams, rate)?;
    let validator = keys()?.1;
    let (mut bare, mut served) = (Vec::new(), Vec::new());
    // The first of each warms up.
    for _ in 0..=TURNS {
        bare.push(turn((0..streams).map(|_| direct(streams, rate))).await?);
        let requests: Vec<_> = (0..streams).map(|_| miner.request(ANSWER, Some(&validator))).collect();
        served.push(turn(requests.into_iter().map(over_http)).await?);
    }
    println!("{streams} streams of {ANSWER} tokens, {rate} tokens/s, {TURNS} turns");
    println!("            TTFT p50 ms   TTFT p95 ms   tokens/s (median)");
    let [bare, served] = [("stub alone", bare), ("over HTTP", served)].map(|(name, turns)| {
        let ttft: Vec<f64> = turns[1..].iter().flat_map(|turn| turn.ttft.iter().copied()).collect();
        let rates: Vec<f64> = turns[1..].iter().map(|turn| turn.rate).collect();
        let row = (percentile(&ttft, 50), percentile(&ttft, 95), percentile(&rates, 50));
        println!("{name:<10}  {:>11.3}   {:>11.3}   {:>8.1}", row.0, row.1, row.2);
        row
    });
    println!(
        "added: TTFT p50 {:.3} ms, p95 {:.3} ms; throughput {:.2} %",
        served.0 - bare.0,
        served.1 - bare.1,
        100.0 * (1.0 - served.2 / bare.2)
    );
    Ok(())
}

async fn turn(streams: impl Iterator<Item = impl Future<Output = Result<Duration>>>) -> Result<Turn> {
    let (start, streams): (_, Vec<_>) = (Instant::now(), streams.collect());
    let count = streams.len() * ANSWER;
    let ttft = join_all(streams).await.into_iter().collect::<Result<Vec<_>>>()?;
    let rate = count as f64 / start.elapsed().as_secs_f64();
    Ok(Turn { ttft: ttft.into_iter().map(|time| time.as_secs_f64() * 1e3).collect(), rate })
}

async fn direct(streams: usize, rate: usize) -> Result<Duration> {
    let stub = stub(streams, rate);
    let completion = Completion {
        prompt: Prompt::Text(PROMPT.to_owned()),
        temperature: 1.0,
        top_k: 0,
        top_p: 1.0,
        presence_penalty: 0.0,
        frequency_penalty: 0.0,
        max_tokens: Some(ANSWER),
        stop: Vec::new(),
        ignore_eos: false,
        logprobs: None,
        fingerprint: false,
        caller: Hotkey([0; 32]),
        nonce: [0; 32],
    };
    let start = Instant::now();
    let mut deltas = stub.complete(completion).await?;
    let mut first = None;
    while let Some(delta) = deltas.recv().await {
        if let Delta::Text { .. } = delta? {
            first.get_or_insert_with(|| start.elapsed());
        }
    }
    first.context("no token")
}

async fn over_http(request: reqwest::RequestBuilder) -> Result<Duration> {
    let start = Instant::now();
    let mut response = answered(request).await?;
    let (mut first, mut done) = (None, false);
    while let Some(chunk) = response.chunk().await? {
        first.get_or_insert_with(|| start.elapsed());
        done |= chunk.ends_with(b"[DONE]\n\n");
    }
    ensure!(done, "a stream broke off");
    first.context("no token")
}

async fn answered(request: reqwest::RequestBuilder) -> Result<reqwest::Response> {
    let response = request.send().await?;
    ensure!(response.status() == 200, "{}", response.text().await?);
    Ok(response)
}

// Whether it holds out.

async fn soak(streams: usize, seconds: usize, rate: usize) -> Result<()> {
    println!("{}", benches::machine());
    let miner = Arc::new(Miner::start(streams, rate)?);
    let length = Duration::from_secs(seconds as u64);
    let end = Instant::now() + length;
    let clients: Vec<_> =
        (0..streams).map(|number| tokio::spawn(client(Arc::clone(&miner), number as u64, end))).collect();
    let mut memory = Vec::new();
    for _ in 0..SAMPLES {
        tokio::time::sleep(length / SAMPLES).await;
        memory.push(miner.memory()?);
    }
    let mut total = Seen::default();
    for client in clients {
        let seen = client.await??;
        total.gaps.extend(seen.gaps);
        total.complete += seen.complete;
        total.broken += seen.broken;
    }
    // What was broken off last is noticed as soon as the connection closes.
    let patience = Instant::now() + Duration::from_secs(5);
    let mut state = miner.state().await?;
    while state.iter().any(|&count| count > 0) && Instant::now() < patience {
        tokio::time::sleep(Duration::from_millis(20)).await;
        state = miner.state().await?;
    }
    println!(
        "{streams} streams for {seconds} s, {rate} tokens/s: {} complete, {} broken off",
        total.complete, total.broken
    );
    let shown: Vec<String> = memory.iter().map(u64::to_string).collect();
    println!("memory in KiB: {}", shown.join(" "));
    // The first tenth fills caches and pools.
    let later = &memory[memory.len() / 10..];
    let (least, most) = (later.iter().min().copied().unwrap_or(0), later.iter().max().copied().unwrap_or(0));
    println!(
        "memory after the first tenth: {least} to {most} KiB, {:.1} %",
        100.0 * (most as f64 / least as f64 - 1.0)
    );
    println!("left behind: {} answers, {} slots, {} places", state[0], state[1], state[2]);
    let (p50, p99) = (percentile(&total.gaps, 50), percentile(&total.gaps, 99));
    println!("between tokens: p50 {p50:.2} ms, p99 {p99:.2} ms, ratio {:.2}", p99 / p50);
    Ok(())
}

/// What one client saw.
#[derive(Default)]
struct Seen {
    /// Milliseconds between parts.
    gaps: Vec<f64>,
    complete: usize,
    broken: usize,
}

/// Streams until the end, breaking every other off.
async fn client(miner: Arc<Miner>, number: u64, end: Instant) -> Result<Seen> {
    let mut random = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut draw = |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    let mut seen = Seen::default();
    while Instant::now() < end {
        let tokens = 10 + draw(90) as usize;
        let parts = if draw(2) == 0 { draw(tokens as u64) as usize } else { usize::MAX };
        let mut response = answered(miner.request(tokens, None)).await?;
        let (mut last, mut count) = (None, 0);
        let broken = loop {
            if count >= parts || Instant::now() >= end {
                break true;
            }
            let Some(chunk) = response.chunk().await? else { break false };
            let now = Instant::now();
            // The end comes with the last token, not after it.
            if let Some(last) = last.replace(now).filter(|_| !chunk.ends_with(b"[DONE]\n\n")) {
                seen.gaps.push((now - last).as_secs_f64() * 1e3);
            }
            count += 1;
        };
        if broken { seen.broken += 1 } else { seen.complete += 1 }
    }
    Ok(seen)
}

fn percentile(values: &[f64], percent: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get((sorted.len() * percent).div_ceil(100).saturating_sub(1)).copied().unwrap_or(0.0)
}
