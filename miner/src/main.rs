//! The miner's program: parse, run, say in one line what went wrong.

use std::process::ExitCode;

use clap::Parser as _;
use miner::cli::{self, Cli};
use neuron_common::exit;

#[tokio::main]
async fn main() -> ExitCode {
    exit::code(cli::run(Cli::parse()).await)
}
