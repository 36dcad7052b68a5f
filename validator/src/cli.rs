//! What a person types.

use std::process::ExitCode;

use anyhow::Result;
use neuron_common::register::{self, RegisterArgs};
use neuron_common::spend::Place;
use neuron_common::{config, exit, shutdown, telemetry};

use crate::config::{Args, Config};
use crate::inference::calibrate::{self, CalibrateArgs};
use crate::stake::{self, StakeArgs};
use crate::{App, check, metagraph};

/// Measures the miners of a subnet and sets weights
#[derive(Clone, Debug, clap::Parser)]
#[command(
    version,
    propagate_version = true,
    after_help = "Examples:
  validator register --config validator.toml  buy a place on the subnet; needs the coldkey, runs on any machine
  validator stake --config validator.toml --amount 100
  validator check --config validator.toml     would it work? each part with a clear line
  validator check --json --config validator.toml
                                              the same for programs, with every item of the chain's runtime
  validator run --config validator.toml       measure and set weights until Ctrl-C
  validator run --netuid 12 --wallet alice/validator --database /var/lib/assay/12.db
  validator calibrate --model models/8b --out 8b.table.json
                                              what honest answers of a model look like
  validator metagraph --netuid 12             the subnet: who, where, permits, stake, emission
  validator config --netuid 12                what is in force, as TOML"
)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// Measure and set weights until Ctrl-C
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
    /// Stake TAO of the coldkey on the hotkey
    #[command(after_help = STAKE)]
    Stake {
        /// What is in force
        #[command(flatten)]
        args: Args,
        /// How much
        #[command(flatten)]
        stake: StakeArgs,
    },
    /// Look whether chain, runtime, wallet, registration, permit, database and clock are as they must be
    Check {
        /// What is in force
        #[command(flatten)]
        args: Args,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Measure what honest answers of a model look like; needs no chain and no wallet
    #[command(after_help = calibrate::HELP)]
    Calibrate(CalibrateArgs),
    /// Print the subnet as the chain reports it; needs no wallet
    Metagraph {
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
}

const REGISTER: &str = "Examples:
  validator register --netuid 12 --wallet alice/val      shows the price and asks
  validator register --netuid 12 --wallet alice/val --max-price 0.5 --yes --json
                                                         for scripts: never pays more
  validator register --netuid 12 --wallet alice --hotkey-ss58 5F...
                                                         the hotkey is on another machine
It can be repeated: a hotkey that is registered costs nothing.";

const STAKE: &str = "Examples:
  validator stake --netuid 12 --wallet alice/val --amount 100      shows what it buys and asks
  validator stake --netuid 12 --wallet alice/val --amount 0.5 --yes --json";

/// Does what was typed.
///
/// # Errors
/// What ends the program.
pub async fn run(cli: Cli) -> Result<ExitCode> {
    match cli.command {
        Command::Run(args) => serve(args.load()?).await,
        Command::Register { args, register } => register::run(place(&args.load()?), &register).await,
        Command::Stake { args, stake } => stake::run(place(&args.load()?), &stake).await,
        Command::Check { args, json } => check::run(&args.load()?, json).await,
        Command::Calibrate(args) => calibrate::run(args).await,
        Command::Metagraph { args, json } => metagraph::run(&args.load()?, json).await,
        Command::Config { args, json } => {
            let config = args.load()?;
            config.policy.load()?;
            let text = if json { serde_json::to_string_pretty(&config)? + "\n" } else { config::render(&config)? };
            exit::print(&text);
            Ok(ExitCode::SUCCESS)
        }
    }
}

const fn place(config: &Config) -> Place<'_> {
    Place { netuid: config.netuid, chain: &config.chain, wallet: &config.wallet }
}

/// Binds, says where on one line of standard output, and runs until a signal.
async fn serve(config: Config) -> Result<ExitCode> {
    telemetry::log(&config.telemetry)?;
    let stop = shutdown::on_signals()?;
    let app = App::bind(&config).await?;
    exit::print(&format!("listening on http://{}\n", app.address()));
    app.run(stop).await?;
    Ok(ExitCode::SUCCESS)
}
