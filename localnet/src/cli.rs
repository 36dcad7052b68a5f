//! The command line.

use std::{path::PathBuf, process::ExitCode, sync::LazyLock};

use clap::{Args, Parser, Subcommand, ValueEnum};

use neuron_common::{exit, shutdown};

use crate::{
    LocalNet, Preset, Seal,
    node::{Builder, NodeError},
    preset::BeaconChoice,
};

/// The program's own version, and which chain it follows.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    format!("{} (interface and arithmetic of subtensor runtime {})", env!("CARGO_PKG_VERSION"), incentive::RUNTIME)
});

/// A real Substrate chain in the box: no network, no other program.
#[derive(Debug, Parser)]
#[command(name = "localnet", version = VERSION.as_str(), about, subcommand_required = true, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run one node and print its URL
    Node(NodeArgs),
    /// Run a whole subnet: a node, validators, honest and dishonest miners
    Up(crate::up::Options),
}

const EXAMPLES: &str = "Examples:
  localnet node                          in memory, a block every 250 ms, port 9944
  localnet node --base-path ~/chain      kept on disk: start it again, it goes on
  localnet node --seal manual --port 0 --json
                                         for scripts: blocks by dev_newBlock
  localnet node --preset mainnet --tempo 20
                                         main network rules, short epochs
  localnet node --beacon quicknet        opens what the Python SDK seals, given drand's pulses";

/// How to run a node.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct NodeArgs {
    /// Port on 127.0.0.1 for WebSocket and HTTP; 0 picks a free one
    #[arg(long, default_value_t = 9944, env = "LOCALNET_PORT")]
    port: u16,
    /// Directory that keeps the chain; without it the chain is forgotten at the end
    #[arg(long, value_name = "DIR", env = "LOCALNET_BASE_PATH")]
    base_path: Option<PathBuf>,
    /// When blocks are made
    #[arg(long, value_enum, default_value_t = SealArg::Interval)]
    seal: SealArg,
    /// Milliseconds per block, also told to clients as the block time
    #[arg(long, value_name = "MS", default_value_t = 250, value_parser = clap::value_parser!(u64).range(1..=86_400_000))]
    block_ms: u64,
    /// Rules that new subnets start with
    #[arg(long, value_enum, default_value_t = PresetArg::Dev)]
    preset: PresetArg,
    /// Whose pulses open time-locked weights
    #[arg(long, value_enum, default_value_t = BeaconArg::Own)]
    beacon: BeaconArg,
    /// Blocks per epoch of new subnets, instead of the preset's
    #[arg(long, value_name = "BLOCKS", value_parser = clap::value_parser!(u16).range(1..))]
    tempo: Option<u16>,
    /// Whether weights of new subnets are committed sealed and revealed an epoch later, instead of the preset's
    #[arg(long, value_name = "TRUE|FALSE")]
    commit_reveal: Option<bool>,
    /// Let neurons announce 127.0.0.1, where the system has no other loopback address
    #[arg(long)]
    allow_loopback: bool,
    /// Throw away the chain in --base-path
    #[arg(long, requires = "base_path")]
    reset: bool,
    /// Print JSON instead of the bare URL
    #[arg(long)]
    json: bool,
}

/// When blocks are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SealArg {
    /// Every --block-ms
    Interval,
    /// As soon as an extrinsic arrives
    Instant,
    /// Only by dev_newBlock and dev_advanceTo
    Manual,
}

/// A genesis by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PresetArg {
    /// Short epochs and no waiting times
    Dev,
    /// The main network's values
    Mainnet,
}

/// A beacon by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum BeaconArg {
    /// A development beacon that runs in the node
    Own,
    /// drand's quicknet; its pulses have to be brought by Drand.write_pulse
    Quicknet,
}

impl NodeArgs {
    fn builder(&self) -> Builder {
        let mut preset = match self.preset {
            PresetArg::Dev => Preset::dev(),
            PresetArg::Mainnet => Preset::mainnet(),
        };
        preset.new_subnet.tempo = self.tempo.unwrap_or(preset.new_subnet.tempo);
        preset.new_subnet.commit_reveal = self.commit_reveal.unwrap_or(preset.new_subnet.commit_reveal);
        preset.allow_loopback |= self.allow_loopback;
        preset.beacon = match self.beacon {
            BeaconArg::Own => BeaconChoice::Own,
            BeaconArg::Quicknet => BeaconChoice::Quicknet,
        };
        let seal = match self.seal {
            SealArg::Interval => Seal::Interval(self.block_ms),
            SealArg::Instant => Seal::Instant,
            SealArg::Manual => Seal::Manual,
        };
        LocalNet::builder()
            .preset(preset)
            .block_ms(self.block_ms)
            .seal(seal)
            .base_path(self.base_path.clone())
            .reset(self.reset)
            .port(self.port)
    }

    fn announce(&self, net: &LocalNet) {
        let (url, head) = (net.url(), net.head());
        if self.json {
            let genesis = net.chain().genesis().hash;
            let line = serde_json::json!({
                "url": url, "runtime": incentive::RUNTIME, "genesis": genesis, "block": head.number, "hash": head.hash,
            });
            exit::print(&format!("{line}\n"));
        } else {
            exit::print(&format!("{url}\n"));
        }
    }
}

impl Cli {
    /// Does it, until it is done or a signal comes.
    pub async fn run(self) -> ExitCode {
        match self.command {
            Command::Node(arguments) => match node(&arguments).await {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    eprintln!("localnet: {error}");
                    ExitCode::FAILURE
                }
            },
            Command::Up(options) => exit::code(crate::up::run(options).await),
        }
    }
}

async fn node(arguments: &NodeArgs) -> Result<(), NodeError> {
    // Before the start, so that a signal during a long replay is not lost.
    let stop = shutdown::on_signals().map_err(NodeError::Threads)?;
    let net = tokio::select! {
        net = arguments.builder().start() => net?,
        () = stop.cancelled() => return Ok(()),
    };
    arguments.announce(&net);
    stop.cancelled().await;
    net.shutdown().await;
    Ok(())
}
