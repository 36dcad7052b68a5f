//! `localnet`: a chain in the box. The work is in the library.

use std::{io, process::ExitCode};

use clap::Parser as _;
use localnet::cli::Cli;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,localnet=info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_target(false).init();
    // The node brings its own threads; this one only waits.
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(cli.run()),
        Err(error) => {
            eprintln!("localnet: cannot start: {error}");
            ExitCode::FAILURE
        }
    }
}
