//! Whether a miner could tell a validator's probes from requests of users, by their fields, lengths, words and nonces.
//!
//! Half of the recorded requests are users, as a gateway passes them on; probes are drawn from the other half; then the halves change places.
//! Without a file, the requests that come with the program; they were written for it, so a recording of real traffic says more.
//!
//!     cargo run --release -p benches --no-default-features --features probes --bin probes [-- FILE.jsonl|- [ROUNDS]]

use std::sync::Arc;

use anyhow::{Context as _, Result};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use serde_json::{Value, json};
use validator::inference::tell::{Auc, tell};
use validator::inference::traffic::{Asked, BUILT_IN, Traffic, as_organic, has_probe};

const MODEL: &str = "some/model";
const CONTEXT: u32 = 131_072;
const PARTS: usize = 5;

/// Bodies of users and of probes, in parts.
type Halves = (Vec<Vec<Vec<u8>>>, Vec<Vec<Vec<u8>>>);

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let recorded = match args.next().filter(|file| file != "-") {
        Some(file) => std::fs::read_to_string(&file).with_context(|| format!("{file} cannot be read"))?,
        None => BUILT_IN.to_owned(),
    };
    let rounds: u64 = args.next().map_or(Ok(5), |arg| arg.parse()).context("ROUNDS is a number")?;
    let lines: Vec<_> = recorded.lines().filter(|line| has_probe(line, CONTEXT)).collect();
    println!("{}", benches::machine());
    println!(
        "{} requests, {} of them with a probe like them; {PARTS} parts, {rounds} rounds",
        recorded.lines().count(),
        lines.len()
    );
    report("probes", &lines, rounds, |_, _| {})?;
    report("control: top_p = 1, top_k = 0", &lines, 1, |body, _| {
        body["top_p"] = 1.into();
        body["top_k"] = 0.into();
    })?;
    report("control: a random prefix", &lines, 1, prefixed)?;
    report("control: max_tokens = 256 in each", &lines, 1, |body, _| body["max_tokens"] = 256.into())?;
    report("control: temperature = 1 in each", &lines, 1, |body, _| body["temperature"] = json!(1.0))
}

/// Measures with every half in both places, `rounds` times, with probes changed as told.
fn report(name: &str, lines: &[&str], rounds: u64, change: fn(&mut Value, u64)) -> Result<()> {
    let mut measured = Vec::new();
    for round in 0..rounds {
        let two: Vec<_> = (0..2).map(|odd| judged(lines, odd, round, change)).collect::<Result<_>>()?;
        measured.push(Auc::mean(&two));
    }
    // Rounds share the users' requests: more of them make the mean of the probes steadier, not the interval smaller.
    let values = || measured.iter().map(|auc| auc.value);
    let mean = values().sum::<f64>() / measured.len() as f64;
    let error = measured.iter().map(|auc| auc.error).fold(0.0, f64::max);
    let (low, high) = Auc { value: mean, error }.interval();
    let (least, most) = (values().fold(1.0, f64::min), values().fold(0.0, f64::max));
    println!("{name:<36} AUC {mean:.3}  95 % {low:.3} to {high:.3}  rounds {least:.3} to {most:.3}");
    Ok(())
}

fn judged(lines: &[&str], odd: usize, round: u64, change: fn(&mut Value, u64)) -> Result<Auc> {
    let (users, mut probes) = halves(lines, odd, round)?;
    for (index, body) in (0..).zip(probes.iter_mut().flatten()) {
        let mut value: Value = serde_json::from_slice(body)?;
        change(&mut value, index);
        *body = value.to_string().into_bytes();
    }
    Ok(tell(&users, &probes))
}

/// Each in parts: probes of one part are made of nothing that another part has.
fn halves(lines: &[&str], odd: usize, round: u64) -> Result<Halves> {
    let mut rng = ChaCha8Rng::seed_from_u64(round * 2 + odd as u64);
    let part = |odd: usize, part: usize| -> Vec<&str> {
        let own = (0..).zip(lines).filter(|(index, _)| index % 2 == odd && index / 2 % PARTS == part);
        own.map(|(_, line)| *line).collect()
    };
    let asked = Asked { id: MODEL.into(), context: CONTEXT, answer_tokens: 256, fingerprint: true };
    let (mut users, mut probes) = (Vec::new(), Vec::new());
    for index in 0..PARTS {
        let own: Vec<_> =
            part(odd, index).into_iter().filter_map(|line| as_organic(line, MODEL, true, &mut rng)).collect();
        let source = Arc::new(Traffic::parse(&part(1 - odd, index).join("\n"))?).asking(asked.clone())?;
        probes.push(own.iter().map(|_| source.draw(&mut rng).body).collect());
        users.push(own);
    }
    Ok((users, probes))
}

/// Begins the last text with something that nobody else has.
fn prefixed(body: &mut Value, index: u64) {
    let text = match body.get_mut("messages").and_then(Value::as_array_mut).and_then(|all| all.last_mut()) {
        Some(message) if message["content"].is_array() => &mut message["content"][0]["text"],
        Some(message) => &mut message["content"],
        None => &mut body["prompt"],
    };
    let prefix =
        ChaCha8Rng::seed_from_u64(index).get_seed().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    *text = format!("{prefix} {}", text.as_str().unwrap_or_default()).into();
}
