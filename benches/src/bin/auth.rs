//! Signing and verifying `btauth/1` requests on one core, side by side with Bittensor's own SDK.
//!
//! The two take turns, so that a noisy machine hits both. The SDK is measured by `benches/auth.py` in the given Python, which
//! has `bittensor` 11.3.0; without one, this side is measured alone.
//!
//!     taskset -c 0 cargo run --release -p benches --no-default-features --features auth --bin auth [-- PYTHON [TURNS]]

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result, ensure};
use incentive::units::Hotkey;
use neuron_common::auth::{self, Request, Verifier};
use neuron_common::keystore::Keypair;

/// Requests of a turn, from as many senders as a burst has.
const REQUESTS: usize = 2048;
/// Requests of a burst.
const BURST: usize = 256;
const TARGET: &str = "/v1/compute/window";
const BODY: [u8; 512] = [0x5a; 512];

/// Operations a second, by what was done.
type Rates = BTreeMap<String, f64>;

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let python = args.next();
    let turns: usize = args.next().map_or(Ok(7), |arg| arg.parse()).context("TURNS is a number")?;
    println!("{}", benches::machine());
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..turns {
        ours.push(measure()?);
        if let Some(python) = &python {
            theirs.push(sdk(python)?);
        }
    }
    let (ours, theirs) = (medians(&ours), medians(&theirs));
    println!("medians of {turns} turns, operations a second");
    for (what, rate) in &ours {
        let beside =
            theirs.get(what).map_or_else(String::new, |other| format!("  SDK {other:>8.0}  ratio {:.2}", rate / other));
        println!("{what:<24} {rate:>8.0}{beside}");
    }
    for burst in ["burst of 256 senders", "burst of 64 senders"] {
        println!("{burst} against single requests: {:.2}", ours[burst] / ours["request verify"]);
    }
    Ok(())
}

/// One turn of ours.
fn measure() -> Result<Rates> {
    let senders: Vec<_> = (0..BURST).map(key).collect();
    let receiver = Keypair::from_uri("//Bob")?.hotkey();
    let now = SystemTime::now();
    // A nonce of its own for every request.
    let at = |index: usize| now - Duration::from_micros(index as u64);
    let text = BODY[..330].to_vec();
    let signature = senders[0].sign(&text);

    let mut rates = Rates::new();
    let mut headers = Vec::new();
    rates.insert("key sign".to_owned(), rate(REQUESTS, |_| senders[0].sign(&text)));
    rates.insert(
        "key verify".to_owned(),
        rate(REQUESTS, |_| senders[0].scheme().verify(&senders[0].hotkey(), &text, &signature)),
    );
    rates.insert(
        "request sign".to_owned(),
        rate(REQUESTS, |index| {
            headers.push(auth::sign(&senders[index % BURST], "POST", TARGET, &BODY, &receiver, at(index)))
        }),
    );
    let requests: Vec<_> =
        headers.iter().map(|headers| Request { method: "POST", target: TARGET, headers, body: &BODY }).collect();
    let verifier = Verifier::new(receiver);
    let mut accepted = 0;
    rates.insert(
        "request verify".to_owned(),
        rate(REQUESTS, |index| {
            accepted += usize::from(verifier.verify("POST", TARGET, &headers[index], &BODY, now).is_ok())
        }),
    );
    ensure!(accepted == REQUESTS, "{accepted} of {REQUESTS} requests were accepted");
    rates.insert("burst of 256 senders".to_owned(), burst(receiver, &requests, now)?);
    let few: Vec<_> =
        requests.iter().enumerate().filter(|(index, _)| index % BURST < 64).map(|(_, request)| *request).collect();
    rates.insert("burst of 64 senders".to_owned(), burst(receiver, &few, now)?);
    Ok(rates)
}

fn burst(receiver: Hotkey, requests: &[Request<'_>], now: SystemTime) -> Result<f64> {
    let verifier = Verifier::new(receiver);
    let bursts: Vec<_> = requests.chunks_exact(BURST).collect();
    let mut accepted = 0;
    let rate = rate(bursts.len(), |index| {
        accepted += verifier.verify_burst(bursts[index], now).iter().filter(|outcome| outcome.is_ok()).count();
    });
    ensure!(accepted == bursts.len() * BURST, "{accepted} requests were accepted");
    Ok(rate * BURST as f64)
}

/// Calls a second.
fn rate<T>(calls: usize, mut call: impl FnMut(usize) -> T) -> f64 {
    let start = Instant::now();
    for index in 0..calls {
        std::hint::black_box(call(index));
    }
    calls as f64 / start.elapsed().as_secs_f64()
}

/// One turn of the SDK's.
fn sdk(python: &str) -> Result<Rates> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/auth.py");
    let output = Command::new(python).args([script, &REQUESTS.to_string()]).output().context("starting Python")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    let rates = text.lines().map(|line| {
        let (what, rate) = line.rsplit_once(' ').context("a line of the SDK's is: what, rate")?;
        Ok((what.to_owned(), rate.parse()?))
    });
    rates.collect()
}

fn medians(turns: &[Rates]) -> Rates {
    let mut all: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for (what, rate) in turns.iter().flatten() {
        all.entry(what.clone()).or_default().push(*rate);
    }
    all.into_iter()
        .map(|(what, mut rates)| {
            rates.sort_by(f64::total_cmp);
            let median = rates[rates.len() / 2];
            (what, median)
        })
        .collect()
}

fn key(number: usize) -> Keypair {
    let mut seed = [7; 32];
    seed[..8].copy_from_slice(&number.to_le_bytes());
    Keypair::from_seed(&seed)
}
