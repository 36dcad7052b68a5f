//! What one engine is worth behind one hotkey and behind four: the validator's own window against the miner's own HTTP.
//!
//! `cargo run -p benches --bin shared_engine [-- WINDOWS]`: alternating windows of each kind, credited tokens per second. The
//! engine has fewer slots than a hotkey is asked for at once, so one hotkey alone keeps it busy.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use engine::model::{LoadOptions, load};
use engine::synthetic::{self, Precision, Recipe};
use engine::text::Text;
use incentive::evidence::Table;
use incentive::inference::ONE;
use incentive::policy::{InferencePolicy, ModelPolicy};
use incentive::task::ModelDigest;
use incentive::units::{Hotkey, NetUid, Uid};
use miner::inference::Identity;
use miner::inference::config::LocalModel;
use neuron_common::keystore::Keypair;
use tests::cheats::inference::{Model as Cheat, SharedEngine};
use tests::host::Host;
use validator::dispatch::Target;
use validator::inference::bank::Bank;
use validator::inference::models::Model;
use validator::inference::settle::credits;
use validator::inference::traffic::Traffic;
use validator::inference::window::{self, Lane};

/// Hotkeys of the greedy owner.
const HOTKEYS: u8 = 4;
/// What the engine answers at once.
const SLOTS: usize = 8;
/// What a hotkey is asked for at once.
const STREAMS: u32 = 32;
/// Requests that are made before a window, for each hotkey.
const READY: usize = 500;
/// MiB of weights: the engine, not the way to it, is what limits.
const SIZE: u64 = 64;

/// Everything but the number of hotkeys.
struct Bench {
    key: Arc<Keypair>,
    policy: InferencePolicy,
    bank: Arc<Bank>,
    engine: SharedEngine,
}

#[tokio::main]
async fn main() -> Result<()> {
    let windows = std::env::args().nth(1).map_or(Ok(3), |text| text.parse::<usize>()).context("WINDOWS is a number")?;
    let folder = std::env::temp_dir().join(format!("assay-shared-engine-{}", std::process::id()));
    let outcome = measure(&folder, windows).await;
    std::fs::remove_dir_all(&folder)?;
    outcome
}

async fn measure(folder: &Path, windows: usize) -> Result<()> {
    let path = folder.join("model");
    std::fs::create_dir_all(folder)?;
    synthetic::large(&path, Recipe { seed: 0, precision: Precision::Bf16 }, SIZE << 20, &mut |_| {})?;
    let bench = Bench::new(&path)?;
    let (mut one, mut four) = (Vec::new(), Vec::new());
    for _ in 0..windows {
        one.push(bench.window(1).await?);
        four.push(bench.window(HOTKEYS).await?);
    }
    for (name, rates) in [("1 hotkey", &one), ("4 hotkeys", &four)] {
        let shown: Vec<String> = rates.iter().map(|rate| format!("{rate:.1}")).collect();
        println!("{name}: {} credited tokens/s", shown.join(", "));
    }
    println!("median of {windows}: 4 hotkeys earn {:.3} of one", median(four) / median(one));
    Ok(())
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

impl Bench {
    fn new(path: &Path) -> Result<Self> {
        let info = load(path, &LoadOptions::default())?.decoder.info().clone();
        let digest = ModelDigest(info.digest);
        let paid = ModelPolicy {
            id: "shared".to_owned(),
            digest,
            share: 1000,
            first_ms: 4_000,
            prompt_us: 2_000,
            token_us: 200_000,
            fastest_us: 1,
            fingerprint: false,
        };
        let policy = InferencePolicy {
            ramp_ms: 12_000,
            hold_ms: 20_000,
            streams_max: STREAMS,
            answer_tokens: 32,
            models: vec![paid.clone()],
        };
        // Nothing is judged here, so no table is needed.
        let table = Table {
            version: Table::VERSION,
            model: digest,
            sampler: proof::inference::SAMPLER.to_owned(),
            checker: String::new(),
            strata: Vec::new(),
            fingerprint: None,
            pairs: Vec::new(),
        };
        let (vocabulary, context) = (u32::try_from(info.vocabulary)?, u32::try_from(info.context)?);
        let text = Text::load(path)?;
        let model = Model { policy: paid, text, table, vocabulary, context, hidden: info.hidden };
        let bank = Arc::new(Bank::new(Arc::new(model), &Arc::new(Traffic::built_in()?), policy.answer_tokens)?);
        let local = LocalModel { slots: SLOTS, ..LocalModel::new("shared", path.to_owned()) };
        let engine = SharedEngine::start(&Cheat::new(&local, identity(0)))?;
        Ok(Self { key: Arc::new(Keypair::from_uri("//Alice")?), policy, bank, engine })
    }

    /// Credited tokens per second of all hotkeys together.
    async fn window(&self, hotkeys: u8) -> Result<f64> {
        self.bank.fill(READY * usize::from(hotkeys), || true);
        let (mut hosts, mut lanes) = (Vec::new(), Vec::new());
        for number in 0..hotkeys {
            let identity = identity(number);
            let models = vec![(self.engine.under(identity), SLOTS)];
            let host = Host::start(models, identity, self.key.hotkey()).await?;
            let target = Target { uid: Uid(number.into()), hotkey: identity.own, address: host.miner.address };
            lanes.push(Lane::new(target, Arc::clone(&self.bank), STREAMS, READY));
            hosts.push(host);
        }
        let (heard, hold, _) = window::hold(&self.key, &self.policy, lanes).await;
        let model = &self.bank.model().policy;
        let paid: u64 = heard.iter().map(|heard| credits(model, &heard.hold, hold.end).0).sum();
        Ok(paid as f64 / f64::from(ONE) / (f64::from(hold.ms) / 1000.0))
    }
}

/// One of the owner's hotkeys.
fn identity(number: u8) -> Identity {
    Identity { genesis: [9; 32], netuid: NetUid(3), own: Hotkey([number + 1; 32]) }
}
