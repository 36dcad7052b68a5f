//! `miner models make`: small and large models, made here.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use engine::synthetic::{self, Precision, Recipe};
use neuron_common::exit;

/// For the help.
pub const EXAMPLES: &str = "Examples:
  miner models make tiny tiny               random, 1 MB, made at once
  miner models make trained trained         trained here on text of this project, in a few minutes
  miner models make large large --size 512  random, 512 MiB, for measurements of time";

/// Which model, and where.
#[derive(Clone, Debug, clap::Args)]
pub struct Make {
    /// Which
    pub kind: Kind,
    /// Where; must not exist yet
    pub folder: PathBuf,
    /// What all random choices follow from
    #[arg(long, value_name = "N", default_value = "0")]
    pub seed: u64,
    /// How weights are written; f32 unless given, bf16 for `large`
    #[arg(long)]
    pub precision: Option<Held>,
    /// MiB of weights, at least; for `large`
    #[arg(long, value_name = "MIB", default_value = "512", value_parser = clap::value_parser!(u64).range(1..=65536))]
    pub size: u64,
    /// Steps of training; for `trained`
    #[arg(long, value_name = "N", default_value = "300", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub steps: u32,
}

/// Models that can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// Random, a quarter of a million weights
    Tiny,
    /// Really trained, two million weights
    Trained,
    /// Random, as large as wanted
    Large,
}

/// How weights are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Held {
    /// 32 bits
    F32,
    /// 16 bits
    Bf16,
}

/// Makes it. Progress goes to standard error, the folder to standard output.
///
/// # Errors
/// When the folder exists already or cannot be written.
pub fn run(make: &Make) -> Result<ExitCode> {
    let precision = match (make.precision, make.kind) {
        (Some(Held::F32), _) | (None, Kind::Tiny | Kind::Trained) => Precision::F32,
        (Some(Held::Bf16), _) | (None, Kind::Large) => Precision::Bf16,
    };
    let recipe = Recipe { seed: make.seed, precision };
    let begun = Instant::now();
    let mut say = |line: &str| eprintln!("{:6.1} s  {line}", begun.elapsed().as_secs_f32());
    match make.kind {
        Kind::Tiny => synthetic::tiny(&make.folder, recipe)?,
        Kind::Large => synthetic::large(&make.folder, recipe, make.size << 20, &mut say)?,
        Kind::Trained => {
            let trained = synthetic::trained(&make.folder, recipe, make.steps as usize, &mut say)?;
            say(&format!(
                "loss of unseen text {:.3} before, {:.3} after; of the text that was trained on {:.3}",
                trained.before, trained.after, trained.fitted
            ));
        }
    }
    exit::print(&format!("{}\n", make.folder.display()));
    Ok(ExitCode::SUCCESS)
}
