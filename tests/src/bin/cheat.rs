//! A dishonest miner: the miner's own program around a crooked solver, or crooked answers.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Parser as _;
use incentive::inference::deadline_us;
use incentive::policy::Policy;
use incentive::units::Hotkey;
use miner::inference::config::InferenceConfig;
use miner::work::{Work, Worker};
use miner::{App, Config};
use neuron_common::config::{Overrides, load};
use neuron_common::{exit, keystore, shutdown, telemetry};
use proof::Weights;
use tests::cheats::{Kind, Offline, inference, work};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Tokens of the longest prompt that `burst` reckons with.
const PROMPT: u32 = 4096;

/// A miner that cheats, for tests
#[derive(Debug, clap::Parser)]
#[command(version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Cheat until Ctrl-C
    Run(Options),
}

#[derive(Debug, clap::Args)]
struct Options {
    /// How to cheat
    #[arg(long)]
    kind: Kind,
    /// A miner's configuration file; twice for `shared`, one for each hotkey
    #[arg(long, value_name = "FILE", required = true)]
    config: Vec<PathBuf>,
    /// The hotkey whose work `foreign` relays [default: the development account //Alice]
    #[arg(long, value_name = "SS58", value_parser = hotkey)]
    foreign: Option<Hotkey>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Command::Run(options) = Cli::parse().command;
    exit::code(run(options).await)
}

async fn run(Options { kind, config, foreign }: Options) -> Result<ExitCode> {
    ensure!(kind.hotkeys() == config.len(), "{kind:?} takes --config {} times, once for each hotkey", kind.hotkeys());
    let configs =
        config.iter().map(|file| load(Some(file), &Overrides::default())).collect::<Result<Vec<Config>, _>>()?;
    telemetry::log(&configs[0].telemetry)?;
    let stop = shutdown::on_signals()?;
    match kind {
        Kind::Offline => {
            let offline = Offline::bind(&configs[0])?;
            ready(&[format!("deaf at http://{}", offline.address()?)]);
            offline.run(stop).await?;
        }
        kind => {
            let policy = configs[0].policy.load()?;
            let window = Duration::from_millis(policy.window.duration_ms.into());
            let owner = foreign.map_or_else(|| Ok(keystore::Keypair::from_uri("//Alice")?.hotkey()), anyhow::Ok)?;
            let cheat = Cheat { kind, hold: overdue(&policy), solver: Solver(work(kind, window, owner)) };
            cheat.serve(&configs, &stop).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// When the last token of an answer that was asked for just now is overdue, whichever model and prompt.
fn overdue(policy: &Policy) -> Duration {
    let last = policy.inference.iter().flat_map(|inference| {
        let tokens = inference.answer_tokens;
        inference.models.iter().map(move |model| deadline_us(model, PROMPT, tokens))
    });
    Duration::from_micros(last.max().unwrap_or_default())
}

/// How to cheat, and with what.
struct Cheat {
    kind: Kind,
    hold: Duration,
    solver: Solver,
}

impl Cheat {
    /// One axon for each configuration, all with the same solver.
    async fn serve(&self, configs: &[Config], stop: &CancellationToken) -> Result<()> {
        let mut axons = JoinSet::new();
        let mut lines = Vec::new();
        for config in configs {
            let models =
                async |models: &InferenceConfig, identity| inference::open(self.kind, self.hold, models, identity);
            let app = App::bind(config, self.solver.clone(), models, stop).await?;
            lines.push(format!("listening on http://{}", app.address()?));
            axons.spawn(app.run(stop.clone()));
        }
        ready(&lines);
        while let Some(ended) = axons.join_next().await {
            ended??;
        }
        Ok(())
    }
}

#[expect(clippy::print_stdout, reason = "the lines that say it is ready")]
fn ready(lines: &[String]) {
    println!("{}", lines.join("\n"));
}

/// The solver of the kind that was asked for.
#[derive(Clone)]
struct Solver(Arc<dyn Work>);

impl Work for Solver {
    fn start(&self, weights: Arc<Weights>, hotkey: &Hotkey, chain: u16) -> Box<dyn Worker> {
        self.0.start(weights, hotkey, chain)
    }
}

fn hotkey(text: &str) -> Result<Hotkey, String> {
    keystore::parse_ss58(text).ok_or_else(|| "no SS58 address".to_owned())
}
