//! `miner models`: which there are, and test models.

pub mod make;

use std::process::ExitCode;

use anyhow::Result;

use crate::cli::Args;
use crate::inference::models;

/// Lists the models of the configuration, unless something is to be done.
#[derive(Clone, Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Models {
    /// What to do instead.
    #[command(subcommand)]
    pub action: Option<Action>,
    /// What is in force.
    #[command(flatten)]
    pub args: Args,
    /// Load each model, for its digest; without, servers are asked, and of files nothing but headers is read
    #[arg(long)]
    pub load: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// What to do with models.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Action {
    /// Make a model for tests and measurements; nothing is downloaded
    #[command(after_help = make::EXAMPLES)]
    Make(make::Make),
}

impl Models {
    /// Does what was typed.
    ///
    /// # Errors
    /// What ends the program.
    pub async fn run(&self) -> Result<ExitCode> {
        match &self.action {
            Some(Action::Make(make)) => make::run(make),
            None => models::run(&self.args.load()?.inference, self.load, self.json).await,
        }
    }
}
