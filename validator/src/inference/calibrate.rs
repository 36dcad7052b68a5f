//! `validator calibrate`: what honest answers of a model look like, measured on this machine.
//!
//! Honest engines that compute in different ways answer requests; the checker places every token. From the means of
//! blocks come limits, with a bound of how often honest blocks pass them, and the weights of evidence against a mild
//! cheat. Nothing comes from a miner: answers are made here, or are in files that the operator made on other machines.
//!
//! - [`requests`], [`answers`], [`variants`], [`source`]: what is asked, and who answers; [`external`]: files
//! - [`measure`], [`blocks`]: margins, and their means
//! - [`bounds`], [`limits`], [`strata`]: what they allow to say (pure); [`prints`]: of fingerprints
//! - [`report`]: for people and programs

pub mod answers;
pub mod blocks;
pub mod bounds;
pub mod external;
pub mod limits;
pub mod measure;
pub mod prints;
pub mod report;
pub mod requests;
pub mod source;
pub mod strata;
pub mod variants;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use engine::model::{Decoder, Precision};
use incentive::evidence::Table;
use incentive::task::ModelDigest;
use neuron_common::exit;
use proof::inference::SAMPLER;

use super::tables;
use answers::Answer;
use blocks::Blocks;
use limits::Weighed;
use prints::Prints;
use report::{Outcome, Weight};
use source::{Answers, Model};
use strata::{STRATA, Temperatures};
use variants::Variant;

/// Fewer blocks bound the share of honest ones over a limit by no less than 3 %.
const BLOCKS_MIN: u64 = 100;
/// An engine whose tokens agree less than this, in parts per million, runs another model or another sampler.
const AGREEMENT_MIN: u32 = 800_000;
/// Blocks of a cheat for each four of honest engines.
const CHEAT_PART: u64 = 4;
/// Answers of each range that are checked under a seed that is not theirs.
const FOREIGN: usize = 40;

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
    let text = if json { serde_json::to_string_pretty(&outcome)? + "\n" } else { format!("{outcome}\n{}\n", out.display()) };
    exit::print(&text);
    Ok(ExitCode::SUCCESS)
}

/// What one source of answers has shown.
struct Measured {
    name: String,
    blocks: [Blocks; STRATA.len()],
    prints: Prints,
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
    outcome(&model, &families, &cheats, &foreign)
}

/// What the answers of files show; each engine is a family of its own.
fn others(model: &Model, files: &[PathBuf], say: &mut dyn FnMut(&str)) -> Result<Vec<Measured>> {
    let files = files.iter().map(|path| external::read(path)).collect::<Result<Vec<_>>>()?;
    let mut measure = model.measuring(say)?;
    let engines = files.into_iter().flatten().map(|(engine, answers)| {
        let measured = measure((engine, sorted(answers)))?;
        let pair = merged(&measured.blocks).pair(measured.name.clone());
        let share = f64::from(pair.agreement_ppm) / 1e4;
        ensure!(
            pair.agreement_ppm >= AGREEMENT_MIN,
            "{}: {share:.1} % of its tokens agree; that is another model, another tokenizer or another sampler",
            pair.name
        );
        Ok(measured)
    });
    engines.collect()
}

impl Model {
    /// Checks the answers of one source after the other.
    fn measuring<'a>(
        &'a self,
        say: &'a mut dyn FnMut(&str),
    ) -> Result<impl FnMut((String, Answers)) -> Result<Measured> + 'a> {
        let mut checker = self.load(&Variant::new("the checker", self.precision))?;
        Ok(move |(name, answers): (String, Answers)| {
            say(&format!("checking: {name}"));
            measured(&mut *checker, name, &answers, self.text.stop_tokens())
        })
    }
}

/// Puts what was measured together.
fn outcome(model: &Model, families: &[Vec<Measured>], cheats: &[Measured], foreign: &Measured) -> Result<Outcome> {
    let all = || families.iter().flatten();
    let pairs: Vec<_> = all().map(|measured| merged(&measured.blocks).pair(measured.name.clone())).collect();
    let (mut strata, mut weights) = (Vec::new(), Vec::new());
    for (index, range) in STRATA.into_iter().enumerate() {
        let of_range = |family: &Vec<Measured>| {
            let parts: Vec<_> = family.iter().map(|measured| &measured.blocks[index]).collect();
            merged(parts.iter().copied())
        };
        let honest: Vec<Blocks> = families.iter().map(of_range).filter(|blocks| blocks.count() > 0).collect();
        let mut stratum = limits::stratum(range, &honest, Vec::new()).with_context(|| {
            format!("temperatures {range}: an engine has fewer than {BLOCKS_MIN} blocks; give more of its answers")
        })?;
        measurable(range, &foreign.blocks[index], stratum.hard)?;
        let (cheat, Weighed { bins, drift }) = mildest(&honest, cheats, index, range)?;
        stratum.evidence = bins;
        weights.push(Weight { cheat, drift });
        strata.push(stratum);
    }
    let forged = families[0][0].prints.forged(model.info.hidden);
    let fingerprint = prints::limits(all().flat_map(|measured| &measured.prints.distances), &forged);
    let table = Table {
        version: Table::VERSION,
        model: ModelDigest(model.info.digest),
        sampler: SAMPLER.to_owned(),
        checker: tables::checker(),
        strata,
        fingerprint,
        pairs,
    };
    Ok(Outcome { digest: hex::encode(tables::digest(&table)), table, weights })
}

/// The cheat with the least evidence against it that can be told from honest engines.
fn mildest(honest: &[Blocks], cheats: &[Measured], index: usize, range: Temperatures) -> Result<(String, Weighed)> {
    let weighed = cheats.iter().filter_map(|cheat| {
        let weighed = limits::weigh(honest, &cheat.blocks[index])?;
        Some((cheat.name.clone(), weighed))
    });
    weighed.min_by(|a, b| a.1.drift.total_cmp(&b.1.drift)).with_context(|| {
        let names: Vec<_> = cheats.iter().map(|cheat| cheat.name.as_str()).collect();
        format!("temperatures {range}: honest engines differ so much that none of these is seen: {}", names.join(", "))
    })
}

/// Tokens of a model that is sure of itself are the same under every seed, and show nothing about how they were made.
fn measurable(range: Temperatures, foreign: &Blocks, hard: u32) -> Result<()> {
    let seen = foreign.mean();
    ensure!(
        seen > 2 * hard,
        "temperatures {range}: this model leaves nothing to chance: answers under another seed have a mean margin of {:.4} \
         logits, and honest ones may reach {:.4}; it cannot be checked by its tokens",
        f64::from(seen) / 1e6,
        f64::from(hard) / 1e6
    );
    Ok(())
}

/// Checks all answers of a source.
fn measured(checker: &mut dyn Decoder, name: String, answers: &Answers, stop: &[u32]) -> Result<Measured> {
    let mut blocks: [Blocks; STRATA.len()] = Default::default();
    let (mut prints, width) = (Prints::default(), checker.info().hidden);
    for (answers, blocks) in answers.iter().zip(&mut blocks) {
        for answer in answers {
            let seen = measure::see(checker, answer, stop).with_context(|| name.clone())?;
            blocks.push(strata::thousandths(answer.sampling.temperature), &seen.tokens);
            prints.push(seen, width);
        }
    }
    Ok(Measured { name, blocks, prints })
}

/// Answers of a file by range of temperatures; those of none are left out.
fn sorted(all: Vec<Answer>) -> Answers {
    let mut answers = Answers::default();
    for answer in all {
        if let Some(index) = Temperatures::of(answer.sampling.temperature) {
            answers[index].push(answer);
        }
    }
    answers
}

/// Some answers under seeds that are not theirs.
fn foreign(answers: &Answers) -> Answers {
    let other = |answer: &Answer| {
        let mut answer = answer.clone();
        answer.sampling.seed.iter_mut().for_each(|byte| *byte = !*byte);
        answer
    };
    std::array::from_fn(|index| answers[index].iter().take(FOREIGN).map(other).collect())
}

fn merged<'a>(parts: impl IntoIterator<Item = &'a Blocks>) -> Blocks {
    parts.into_iter().fold(Blocks::default(), |mut all, part| {
        all.merge(part);
        all
    })
}
