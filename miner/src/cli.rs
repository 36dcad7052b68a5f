//! What a person types.

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use neuron_common::config::{self, ConfigError};
use neuron_common::register::{self, RegisterArgs};
use neuron_common::spend::Place;
use neuron_common::{exit, shutdown, telemetry};

use crate::device::fleet::Fleet;
use crate::device::launch::Launch;
use crate::device::{DeviceName, Selector, bench, cuda, inventory, self_test, worker};
use crate::inference::bench::Serving;
use crate::inference::models;
use crate::models::Models;
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
  miner devices                           what can compute here
  miner run --config miner.toml --devices auto
                                          on every CUDA device, or the processor where there is none
  miner self-test --device all            does it compute the right bits, as fast as it can?
  miner models --config miner.toml        which models would be served
  miner bench --model /models/qwen        how fast a model is"
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
    /// List what can compute here, and why what cannot does not
    #[command(after_help = DEVICES)]
    Devices {
        /// Where the miner that runs here tells its metrics, for the rates of its last window
        #[arg(long, value_name = "ADDRESS", env = "ASSAY_TELEMETRY_LISTEN", default_value = "127.0.0.1:9615")]
        telemetry_listen: SocketAddr,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Compare a device with the reference, bit by bit, and measure it
    #[command(after_help = SELF_TEST)]
    SelfTest(Test),
    /// Measure how fast a device computes rounds, beside nothing but products; or how fast a model answers
    #[command(after_help = BENCH)]
    Bench(Measure),
    /// List the models of the configuration, or make one
    Models(Models),
    /// The worker process of one device, which `run` starts
    #[command(hide = true)]
    DeviceWorker {
        /// The device
        #[arg(long)]
        device: DeviceName,
    },
}

/// What is tested.
#[derive(Clone, Debug, clap::Args)]
pub struct Test {
    /// What to test: cpu, cuda:0, cuda:*, auto or all
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    pub device: Selector,
    /// Only whether the bits are right: no rates, no killed worker
    #[arg(long)]
    pub bits: bool,
    /// Seconds for each measured figure
    #[arg(long, value_name = "S", default_value = "2")]
    pub seconds: NonZeroU16,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// What is measured, and for how long.
#[derive(Clone, Debug, clap::Args)]
pub struct Measure {
    /// What to measure: cpu, cuda:0, cuda:*, auto or all
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    pub device: Selector,
    /// Chains of each hotkey, on a processor one thread each [default: the cores, or 3 on a card]
    #[arg(long, visible_alias = "threads", value_name = "N")]
    pub chains: Option<NonZeroU16>,
    /// Hotkeys that use the device at the same time, beside one alone
    #[arg(long, value_name = "N", default_value = "1")]
    pub hotkeys: NonZeroU16,
    /// Seconds for each figure
    #[arg(long, value_name = "S", default_value = "3")]
    pub seconds: NonZeroU16,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// A model instead of a device.
    #[command(flatten)]
    pub serving: Serving,
}

const DEVICES: &str = "Examples:
  miner devices
  miner devices --json --telemetry-listen 127.0.0.1:9616
What is shown decides nothing: a device works as many rounds as it can, whatever it is called.";

const SELF_TEST: &str = "Examples:
  miner self-test                     the processor
  miner self-test --device cuda:0     one card, every check
  miner self-test --device all --json
  miner self-test --bits              only whether the bits are right
The exit status is 0 if nothing has failed. Close other programs: they disturb the rates.";

const BENCH: &str = "Examples:
  miner bench --device cuda:0 --seconds 10
  miner bench --device cuda:0 --hotkeys 2    does a second hotkey on the card gain anything?
  miner bench --threads 1 --json
  miner bench --model /models/qwen --concurrency 1,8,32";

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
    /// Devices that work, separated by commas: cpu, cuda:0, cuda:*, auto or all
    #[arg(long, value_name = "LIST", env = "ASSAY_COMPUTE_DEVICES")]
    pub devices: Option<String>,
    /// Threads of the device cpu, one chain each
    #[arg(long, value_name = "N", env = "ASSAY_COMPUTE_THREADS")]
    pub threads: Option<u16>,
    /// Chains of every other device
    #[arg(long, value_name = "N", env = "ASSAY_COMPUTE_CHAINS_PER_DEVICE")]
    pub chains_per_device: Option<u16>,
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
            .set("compute.devices", "--devices (ASSAY_COMPUTE_DEVICES)", self.devices())
            .set("compute.threads", "--threads (ASSAY_COMPUTE_THREADS)", self.threads.map(i64::from))
            .set(
                "compute.chains_per_device",
                "--chains-per-device (ASSAY_COMPUTE_CHAINS_PER_DEVICE)",
                self.chains_per_device.map(i64::from),
            );
        config::load(self.common.config.as_deref(), &overrides)
    }

    fn devices(&self) -> Option<Vec<String>> {
        Some(self.devices.as_ref()?.split(',').map(|name| name.trim().to_owned()).collect())
    }
}

/// Does what was typed.
///
/// # Errors
/// What ends the program.
pub async fn run(cli: Cli) -> Result<ExitCode> {
    match cli.command {
        Command::Run(args) => serve(args.load()?).await,
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
        Command::Bench(Measure { serving: serving @ Serving { model: Some(_), .. }, json, .. }) => {
            serving.run(json).await
        }
        Command::Devices { telemetry_listen, json } => inventory::run(telemetry_listen, json).await,
        Command::SelfTest(Test { device, bits, seconds, json }) => {
            let length = Duration::from_secs(seconds.get().into());
            self_test::run(&self_test::Options { device, bits, length }, json)
        }
        Command::Bench(Measure { device, chains, hotkeys, seconds, json, .. }) => {
            let length = Duration::from_secs(seconds.get().into());
            bench::run(&bench::Options { device, chains, hotkeys, length }, json)
        }
        Command::DeviceWorker { device } => {
            // A signal to all processes of a service means the miner; this one ends when the miner closes its input.
            let _handled = shutdown::on_signals()?;
            worker::run(device)
        }
        Command::Models(models) => models.run().await,
    }
}

/// Binds, says where on one line of standard output, and serves until a signal.
///
/// # Errors
/// What ends the program.
pub async fn serve(config: Config) -> Result<ExitCode> {
    telemetry::log(&config.telemetry)?;
    let stop = shutdown::on_signals()?;
    let plan = config.plan(&config.policy()?)?;
    tracing::info!("{} chain(s) in a window: {plan}", plan.chains());
    if let Some(reason) = plan.fallback(&config.compute, cuda::indices) {
        tracing::warn!("{reason}");
    }
    let app = App::bind(&config, Fleet::start(&plan, &Launch::new()?)?, models::open, &stop).await?;
    exit::print(&format!("listening on http://{}\n", app.address()?));
    app.run(stop).await?;
    Ok(ExitCode::SUCCESS)
}
