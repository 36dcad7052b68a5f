//! What a person types.

use std::net::SocketAddr;
use std::num::{NonZeroU16, NonZeroUsize};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use neuron_common::config::{self, ConfigError};
use neuron_common::register::{self, RegisterArgs};
use neuron_common::spend::Place;
use neuron_common::{exit, shutdown, telemetry};

use crate::device::{self, Device, bench, self_test};
use crate::inference::bench::Serving;
use crate::models::Models;
use crate::work::Work;
use crate::{App, Config, announce, check};

/// Serves compute to the validators of a subnet
#[derive(Clone, Debug, clap::Parser)]
#[command(
    version,
    propagate_version = true,
    after_help = "Examples:
  miner register --config miner.toml      buy a place on the subnet; needs the coldkey, runs on any machine
  miner check --config miner.toml         would it work? each part with a clear line
  miner check --json --config miner.toml  the same for programs, with every item of the chain's runtime
  miner run --config miner.toml           serve until Ctrl-C
  miner run --netuid 12 --wallet alice/gpu0 --external 203.0.113.7:8091
  miner config --netuid 12                what is in force, as TOML
  miner models --config miner.toml        which models would be served
  miner bench --model /models/qwen        how fast a model is
  miner self-test                         does this machine compute the right bits?"
)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// Serve until Ctrl-C
    Run(Args),
    /// Buy a place on the subnet for the hotkey; the coldkey pays
    #[command(after_help = REGISTER)]
    Register {
        /// What is in force
        #[command(flatten)]
        args: Args,
        /// How to register
        #[command(flatten)]
        register: RegisterArgs,
    },
    /// Announce the axon's address and end; `run` does it by itself
    #[command(after_help = SERVE)]
    Serve {
        /// What is in force
        #[command(flatten)]
        args: Args,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Look whether chain, runtime, wallet, registration, axon and clock are as they must be
    Check {
        /// What is in force
        #[command(flatten)]
        args: Args,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the configuration that is in force
    Config {
        /// What is in force
        #[command(flatten)]
        args: Args,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List what can compute here
    Devices {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Compare a device with the reference, bit by bit
    SelfTest {
        /// What to test
        #[arg(long, value_enum, default_value_t)]
        device: Device,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Measure how fast a device computes rounds, beside nothing but products; or how fast a model answers
    Bench(Measure),
    /// List the models of the configuration, or make one
    Models(Models),
}

/// What is measured, and for how long.
#[derive(Clone, Debug, clap::Args)]
pub struct Measure {
    /// What to measure
    #[arg(long, value_enum, default_value_t)]
    pub device: Device,
    /// Threads to spread over; all cores unless given
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    /// Seconds for each of the two figures
    #[arg(long, value_name = "S", default_value = "3")]
    pub seconds: NonZeroU16,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// A model instead of a device.
    #[command(flatten)]
    pub serving: Serving,
}

const REGISTER: &str = "Examples:
  miner register --netuid 12 --wallet alice/gpu0      shows the price and asks
  miner register --netuid 12 --wallet alice/gpu0 --max-price 0.5 --yes --json
                                                      for scripts: never pays more
  miner register --netuid 12 --wallet alice --hotkey-ss58 5F...
                                                      the hotkey is on another machine
It can be repeated: a hotkey that is registered costs nothing.";

const SERVE: &str = "Examples:
  miner serve --config miner.toml
  miner serve --netuid 12 --wallet alice/gpu0 --external 203.0.113.7:8091";

/// Flags over environment over file.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Args {
    /// What both neurons have.
    #[command(flatten)]
    pub common: config::Args,
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS", env = "ASSAY_AXON_LISTEN")]
    pub listen: Option<SocketAddr>,
    /// Address to announce, if another
    #[arg(long, value_name = "ADDRESS", env = "ASSAY_AXON_EXTERNAL")]
    pub external: Option<SocketAddr>,
    /// Threads that work in a window
    #[arg(long, value_name = "N", env = "ASSAY_COMPUTE_THREADS")]
    pub threads: Option<u16>,
}

impl Args {
    /// The configuration in force.
    ///
    /// # Errors
    /// Names file and key, or flag, and the remedy.
    pub fn load(&self) -> Result<Config, ConfigError> {
        let overrides = self
            .common
            .overrides()
            .set("axon.listen", "--listen (ASSAY_AXON_LISTEN)", self.listen.map(|address| address.to_string()))
            .set("axon.external", "--external (ASSAY_AXON_EXTERNAL)", self.external.map(|address| address.to_string()))
            .set("compute.threads", "--threads (ASSAY_COMPUTE_THREADS)", self.threads.map(i64::from));
        config::load(self.common.config.as_deref(), &overrides)
    }
}

/// Does what was typed.
///
/// # Errors
/// What ends the program.
pub async fn run(cli: Cli, work: impl Work) -> Result<ExitCode> {
    match cli.command {
        Command::Run(args) => serve(args.load()?, work).await,
        Command::Register { args, register } => {
            let Config { netuid, chain, wallet, .. } = &args.load()?;
            register::run(Place { netuid: *netuid, chain, wallet }, &register).await
        }
        Command::Serve { args, json } => announce::once(&args.load()?, json).await,
        Command::Check { args, json } => check::run(&args.load()?, json).await,
        Command::Config { args, json } => {
            let config = args.load()?;
            config.policy()?;
            let text = if json { serde_json::to_string_pretty(&config)? + "\n" } else { config::render(&config)? };
            exit::print(&text);
            Ok(ExitCode::SUCCESS)
        }
        Command::Devices { json } => device::run(json),
        Command::SelfTest { device: Device::Cpu, json } => self_test::run(json),
        Command::Bench(Measure { serving: serving @ Serving { model: Some(_), .. }, json, .. }) => {
            serving.run(json).await
        }
        Command::Bench(Measure { device: Device::Cpu, threads, seconds, json, .. }) => {
            bench::run(threads, Duration::from_secs(seconds.get().into()), json)
        }
        Command::Models(models) => models.run().await,
    }
}

/// Binds, says where on one line of standard output, and serves until a signal.
///
/// # Errors
/// What ends the program.
pub async fn serve(config: Config, work: impl Work) -> Result<ExitCode> {
    telemetry::log(&config.telemetry)?;
    let stop = shutdown::on_signals()?;
    let app = App::bind(&config, work, &stop).await?;
    exit::print(&format!("listening on http://{}\n", app.address()?));
    app.run(stop).await?;
    Ok(ExitCode::SUCCESS)
}
