//! A whole subnet on one machine: chain, owner, validators, honest and dishonest miners, each a process of its own.
//!
//! Read top to bottom: `pay` says what is paid for, `run` starts the node, `setup` puts the subnet on the chain, `launch`
//! starts the neurons, `chat` talks to the miners, `watch` follows what they earn, `judge` says whether that is as it
//! should be.

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};

mod cast;
mod chat;
mod judge;
mod launch;
mod pay;
mod process;
mod report;
mod setup;
mod table;
mod watch;

pub use cast::{Cheat, Fate, Field, Role};
pub use judge::{Account, Finding, judge};
pub use pay::{TABLE, policy};

/// Runs a chain and a whole subnet until Ctrl-C, or for some epochs.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  localnet up                                    until Ctrl-C
  localnet up --epochs 3 --check                 three paid epochs, then a verdict as exit code
  localnet up --miners 6 --cheats none           honest miners only
  localnet up --cheats inference                 only those who cheat with answers of the model
  localnet up --cheats partial,offline --json    two kinds of cheats, the report as JSON")]
pub struct Options {
    /// Honest miners
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub miners: u16,
    /// Validators
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=16))]
    pub validators: u16,
    /// Dishonest miners: `all`, `compute`, `inference`, `none`, or kinds separated by commas
    #[arg(long, default_value = "all", value_parser = Cheats::parse)]
    pub cheats: Cheats,
    /// Milliseconds between two blocks
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u64).range(50..=60_000))]
    pub block_ms: u64,
    /// Blocks between two epochs
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u16).range(20..=360))]
    pub tempo: u16,
    /// Stop after this many paid epochs, counted from the first for which the validators could measure and reveal
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub epochs: Option<u32>,
    /// Succeed only if every honest miner earned, every cheat earned nothing and each was caught for what it did
    #[arg(long, requires = "epochs")]
    pub check: bool,
    /// Keep chain, wallets, configuration and logs here [default: a new folder that is removed at the end]
    #[arg(long, value_name = "DIR")]
    pub base_path: Option<PathBuf>,
    /// Port of the chain's RPC; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// Print the report as JSON at the end, progress on standard error only
    #[arg(long)]
    pub json: bool,
}

/// Which dishonest miners take part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cheats(pub Vec<Cheat>);

impl Cheats {
    fn parse(text: &str) -> Result<Self, String> {
        let mut kinds = Vec::new();
        for name in text.split(',').map(str::trim) {
            match name {
                "none" => {}
                "all" => kinds.extend(Cheat::ALL),
                "compute" => kinds.extend(Cheat::of(Field::Compute)),
                "inference" => kinds.extend(Cheat::of(Field::Inference)),
                _ => kinds.push(<Cheat as clap::ValueEnum>::from_str(name, false).map_err(|_| unknown(name))?),
            }
        }
        kinds.sort_unstable();
        kinds.dedup();
        Ok(Self(kinds))
    }
}

fn unknown(name: &str) -> String {
    let of = |field| Cheat::of(field).map(Cheat::name).collect::<Vec<_>>().join(", ");
    format!(
        "no cheat is called `{name}`; with compute cheat {}; with answers {}; `compute`, `inference` and `all` are all of them, \
         `none` is nobody",
        of(Field::Compute),
        of(Field::Inference)
    )
}

/// Where a run keeps its files.
#[derive(Debug)]
struct Place {
    path: PathBuf,
    keep: bool,
}

impl Place {
    fn new(wanted: Option<&PathBuf>) -> Result<Self> {
        let (path, keep) = match wanted {
            Some(path) => (path.clone(), true),
            None => (std::env::temp_dir().join(format!("assay-up-{}", std::process::id())), false),
        };
        if keep && path.join("chain").exists() {
            anyhow::bail!("{} holds an earlier run; choose another --base-path or remove it", path.display());
        }
        std::fs::create_dir_all(path.join("logs"))
            .with_context(|| format!("cannot write to {}; choose another --base-path", path.display()))?;
        Ok(Self { path, keep })
    }

    /// Removes the files of a run that nobody asked to keep. After a failure they stay and their place is named.
    fn leave(self, ok: bool) {
        if self.keep || !ok {
            eprintln!("logs, wallets and configuration are in {}", self.path.display());
        } else if let Err(error) = std::fs::remove_dir_all(&self.path) {
            eprintln!("could not remove {}: {error}", self.path.display());
        }
    }
}

/// Runs the subnet; the exit code is 0 unless `--check` found something wrong.
///
/// # Errors
/// When a program cannot be started, ends on its own, or the chain refuses the set-up.
pub async fn run(options: Options) -> Result<ExitCode> {
    let place = Place::new(options.base_path.as_ref())?;
    let outcome = subnet(&options, &place).await;
    let ok = !matches!(&outcome, Err(_) | Ok(Some(report::Report { ok: false, .. })));
    place.leave(ok);
    let Some(report) = outcome? else { return Ok(ExitCode::SUCCESS) };
    let text = if options.json { serde_json::to_string_pretty(&report)? + "\n" } else { report.to_string() };
    neuron_common::exit::print(&text);
    Ok(if report.ok || !options.check { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whatever ends it, a signal too, the programs are asked to drain, the chain last.
async fn subnet(options: &Options, place: &Place) -> Result<Option<report::Report>> {
    let mut processes = launch::Processes::default();
    let outcome = tokio::select! {
        outcome = play(options, place, &mut processes) => outcome,
        () = neuron_common::shutdown::requested() => Ok(None),
    };
    processes.stop().await;
    outcome
}

async fn play(options: &Options, place: &Place, processes: &mut launch::Processes) -> Result<Option<report::Report>> {
    let served = chat::Served::make(&launch::program("miner")?, &place.path).await?;
    let pay = pay::Pay::write(&place.path, &served, options)?;
    let url = launch::node(options, &place.path, processes).await?;
    eprintln!("chain at {url}");
    let subnet = setup::subnet(&url, options, &place.path).await?;
    eprintln!("subnet {} is registered with {} neurons", subnet.netuid, subnet.neurons.len());
    eprintln!("weights are committed sealed, revealed early in the next epoch, and paid at its end");
    let stage = launch::Stage { subnet: &subnet, served: &served, pay: &pay, url: &url, base: &place.path };
    let launched = launch::neurons(stage, processes).await?;
    if let Some((_, address)) = launched.miners.first() {
        eprintln!("miners serve a tiny model:\n  {}", served.example(*address));
    }
    let chats = served.chat(launched.miners)?;
    watch::watch(&subnet, options, &launched.boards, &chats, processes).await
}

/// The address of the miner with this number: each has its own, as on a network.
fn miner_address(number: usize) -> IpAddr {
    let [high, low] = u16::try_from(number + 2).unwrap_or(u16::MAX).to_be_bytes();
    let own = IpAddr::from([127, 0, high, low]);
    // Linux answers on all of 127.0.0.0/8, others on one address only; the node is then told to accept that one.
    if std::net::TcpListener::bind((own, 0)).is_ok() { own } else { IpAddr::from([127, 0, 0, 1]) }
}
