//! `validator calibrate`: what honest answers of a model look like, measured on this machine.
//!
//! Honest engines that compute in different ways answer requests; the checker places every token. From the means of
//! blocks come limits, with a bound of how often honest blocks pass them, and the weights of evidence against a mild
//! cheat. Nothing comes from a miner: answers are made here, or are in files that the operator made on other machines.
//!
//! - [`requests`], [`answers`], [`variants`], [`source`]: what is asked, and who answers; [`external`]: files
//! - [`measure`], [`blocks`]: margins, and their means; `measured`: of each source
//! - [`bounds`], [`limits`], [`strata`]: what they allow to say (pure); [`prints`]: of fingerprints
//! - `outcome`: all of it as a table; [`report`]: for people and programs

pub mod answers;
pub mod blocks;
pub mod bounds;
pub mod external;
pub mod limits;
pub mod measure;
mod measured;
mod outcome;
pub mod prints;
pub mod report;
pub mod requests;
pub mod source;
pub mod strata;
pub mod variants;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use engine::model::Precision;
use neuron_common::exit;

use super::tables;
use measured::{Measured, foreign, others};
use report::Outcome;
use source::Model;

/// Fewer blocks bound the share of honest ones over a limit by no less than 3 %.
const BLOCKS_MIN: u64 = 100;
/// Blocks of a cheat for each four of honest engines.
const CHEAT_PART: u64 = 4;

/// What a person types.
#[derive(Clone, Debug, clap::Args)]
pub struct CalibrateArgs {
    /// The model: a folder in the Hugging Face layout, or a GGUF file
    #[arg(long, value_name = "PATH")]
    pub model: PathBuf,
    /// Where the table goes
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// How weights are held: f32, bf16, f16, q8_0 or q4_k; as stored where none is named
    #[arg(long)]
    pub precision: Option<Precision>,
    /// Honest blocks of 64 tokens from each kind of engine and range of temperatures
    #[arg(long, default_value_t = 3000)]
    pub blocks: u64,
    /// Answers of other engines, one JSON object on a line; made by you, never by miners
    #[arg(long, value_name = "FILE.jsonl", num_args = 1..)]
    pub answers: Vec<PathBuf>,
    /// Requests follow from it
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Shown by `--help`.
pub const HELP: &str = "Examples:
  validator calibrate --model models/tiny --out tiny.table.json
                                         3000 blocks of each kind: one honest block in a thousand at most is over the limit
  validator calibrate --model models/8b --out 8b.table.json --blocks 300
                                         quicker; states the weaker bound (one in a hundred)
  validator calibrate --model models/8b --out 8b.table.json --answers vllm-h100.jsonl sglang-h100.jsonl
                                         with answers of other engines to requests of your own (docs/calibration.md)
The table appears when all is measured; stopped before, nothing is written.";

/// Measures, writes the table, and says what was found.
///
/// # Errors
/// When the model cannot be run, nothing can be measured with it, or the file cannot be written.
pub async fn run(args: CalibrateArgs) -> Result<ExitCode> {
    let (json, out) = (args.json, args.out.clone());
    tables::writable(&out)?;
    let outcome = tokio::task::spawn_blocking(move || calibrate(&args, &mut |line| eprintln!("{line}"))).await??;
    tables::save(&out, &outcome.table)?;
    let text =
        if json { serde_json::to_string_pretty(&outcome)? + "\n" } else { format!("{outcome}\n{}\n", out.display()) };
    exit::print(&text);
    Ok(ExitCode::SUCCESS)
}

/// Makes a table. `say` is told how far it is. Blocks for minutes or hours.
///
/// # Errors
/// As [`run`].
pub fn calibrate(args: &CalibrateArgs, say: &mut dyn FnMut(&str)) -> Result<Outcome> {
    let needed = bounds::needed(limits::SHARE);
    ensure!(
        args.blocks >= BLOCKS_MIN,
        "{} blocks say nothing; give {BLOCKS_MIN} at least, and {needed} to bound false positives by one in a thousand",
        args.blocks
    );
    let model = Model::open(args.model.clone(), args.precision)?;
    // Files first: what is wrong with them need not wait for an hour of answers.
    let others = others(&model, &args.answers, say)?;
    let mut families = Vec::new();
    for family in variants::honest(args.precision) {
        let parts: u64 = family.iter().map(|(_, part)| part).sum();
        let answers = family.into_iter().map(|(variant, part)| {
            let answers = model.answers(&variant, (args.blocks * part).div_ceil(parts), args.seed, say)?;
            Ok((variant.name, answers))
        });
        families.push(answers.collect::<Result<Vec<_>>>()?);
    }
    let count = (args.blocks / CHEAT_PART).max(BLOCKS_MIN);
    let cheats = variants::mild(args.precision, &model.info.precision).into_iter().map(|cheat| {
        let answers = model.answers(&cheat, count, args.seed, say)?;
        Ok((cheat.name, answers))
    });
    let cheats = cheats.collect::<Result<Vec<_>>>()?;
    let mut measure = model.measuring(say)?;
    let foreign = measure(("seeds of others".to_owned(), foreign(&families[0][0].1)))?;
    let own = families.into_iter().map(|family| family.into_iter().map(&mut measure).collect());
    let mut families: Vec<Vec<Measured>> = own.collect::<Result<_>>()?;
    families.extend(others.into_iter().map(|other| vec![other]));
    let cheats: Vec<Measured> = cheats.into_iter().map(&mut measure).collect::<Result<_>>()?;
    outcome::outcome(&model, &families, &cheats, &foreign)
}
