//! The validator's program: parse, run, say in one line what went wrong.

use std::process::ExitCode;

use clap::Parser as _;
use neuron_common::exit;
use validator::cli::{self, Cli};

#[tokio::main]
async fn main() -> ExitCode {
    exit::code(cli::run(Cli::parse()).await)
}
