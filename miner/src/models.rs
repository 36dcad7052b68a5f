//! `miner models`: models on this machine.

pub mod make;

use std::process::ExitCode;

use anyhow::Result;

/// What to do with models.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Models {
    /// Make a model for tests and measurements; nothing is downloaded
    #[command(after_help = make::EXAMPLES)]
    Make(make::Make),
}

/// Does what was typed.
///
/// # Errors
/// What ends the program.
pub fn run(models: &Models) -> Result<ExitCode> {
    match models {
        Models::Make(make) => make::run(make),
    }
}
