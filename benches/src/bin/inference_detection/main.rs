//! How surely cheats on a model are seen in so many tokens, and how seldom honest engines are taken for one: with the table
//! that `validator calibrate` makes, the checks and the charts that validators use.
//!
//!     cargo run -p benches --bin inference_detection -- MODEL OTHER [CALIBRATION [HONEST [CHEATS]]]
//!
//! MODEL and OTHER are folders of one shape (`miner models make tiny|trained`), with f32 weights. So many blocks of 64 tokens
//! of each kind of honest engine calibrate, so many others test, and so many show each cheat (3000). Every request has temperature 1, half
//! of them cut by top-k or top-p, and answers of at most 64 tokens, so that a block is hardly more than a request. Sums
//! of floats are at `opt-level = 3` in every profile; a release build gains nothing.

mod quantise;
mod wrapped;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result};
use benches::machine;
use engine::check::{Claim, check};
use engine::generation::Generation;
use engine::model::{Decoder, Precision};
use incentive::evidence::{Charts, FingerprintLimits, Standing, Table, Token, judge};
use incentive::units::{Hotkey, NetUid};
use incentive::verdict::Fault;
use proof::fingerprint;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};
use validator::inference::calibrate::answers::{Answer, Engine};
use validator::inference::calibrate::blocks::Blocks;
use validator::inference::calibrate::requests::Requests;
use validator::inference::calibrate::source::Model;
use validator::inference::calibrate::strata::STRATA;
use validator::inference::calibrate::variants::{self, Variant};
use validator::inference::calibrate::{CalibrateArgs, bounds, calibrate, measure};
use wrapped::Wrapped;

/// Temperature 1, in thousandths, and its range.
const TEMPERATURE: u32 = 1000;
const RANGE: usize = 1;
/// Tokens of a decision, in blocks of 64.
const GROUPS: [usize; 3] = [1, 4, 16];
/// Blocks after which a chart that says nothing is given up.
const PATIENCE: usize = 4000;
/// Miners that are followed until a chart alarms.
const MINERS: u64 = 40;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, other, counts @ ..] = &arguments[..] else { anyhow::bail!("MODEL OTHER [CALIBRATION [HONEST [CHEATS]]]") };
    let count = |index: usize| counts.get(index).map_or(Ok(3000), |count| count.parse().context("a number of blocks"));
    println!("machine: {}", machine());
    println!("command: cargo run -p benches --bin inference_detection -- {}", arguments.join(" "));
    Bench::new(Path::new(model), Path::new(other), [count(0)?, count(1)?, count(2)?])?.run()
}

struct Bench {
    model: Model,
    other: Model,
    four: Model,
    table: Table,
    honest: usize,
    cheats: usize,
    checker: Box<dyn Decoder>,
    /// Of the model rounded to four bits.
    _folder: tempfile::TempDir,
}

/// Answers of one kind of engine, as the checker sees them.
struct Pool {
    answers: Vec<Answer>,
    tokens: Vec<Vec<Token>>,
    blocks: Blocks,
    /// Answers with a fingerprint beyond the limits, and all answers with one.
    prints: (u64, u64),
}

impl Bench {
    fn new(model: &Path, other: &Path, [blocks, honest, cheats]: [usize; 3]) -> Result<Self> {
        let begun = Instant::now();
        let args = CalibrateArgs {
            model: model.to_owned(),
            out: PathBuf::new(),
            precision: None,
            blocks: blocks as u64,
            answers: Vec::new(),
            seed: 1,
            json: false,
        };
        let outcome = calibrate(&args, &mut |line| eprintln!("{line}"))?;
        println!("\n{outcome}\ncalibrated in {:.0} s\n", begun.elapsed().as_secs_f64());
        let folder = tempfile::tempdir()?;
        quantise::to_four_bits(model, &folder.path().join("model"))?;
        let model = Model::open(model.to_owned(), None)?;
        let checker = model.load(&Variant::new("the checker", None))?;
        let four = Model::open(folder.path().join("model"), None)?;
        let other = Model::open(other.to_owned(), None)?;
        Ok(Self { model, other, four, table: outcome.table, honest, cheats, checker, _folder: folder })
    }

    fn run(mut self) -> Result<()> {
        let limits = self.honest()?;
        let names = GROUPS.map(|group| format!("{:>24}", format!("{} tokens", 64 * group)));
        println!("\n{:44}  agree    mean margin  {}  {:>12}", "cheat", names.join(" "), "charts");
        let plain = |model: &Model, precision| model.load(&Variant::new("a cheat", precision));
        let same = |asked: &Generation| asked.clone();
        self.show("other weights", &limits, plain(&self.other, None)?, same)?;
        self.show("prompt cut to its second half", &limits, plain(&self.model, None)?, |asked| {
            let half = asked.prompt.len() / 2;
            Generation { prompt: asked.prompt[half..].to_vec(), ..asked.clone() }
        })?;
        self.show("4 bits (q4_0)", &limits, plain(&self.four, None)?, same)?;
        self.show("8 bits (q8_0)", &limits, plain(&self.model, Some(Precision::Q8_0))?, same)?;
        self.show("f16 weights", &limits, plain(&self.model, Some(Precision::F16))?, same)?;
        self.show("temperature 1.0 to 0.8", &limits, plain(&self.model, None)?, |asked| heated(asked, 0.8))?;
        self.show("temperature 1.0 to 1.1", &limits, plain(&self.model, None)?, |asked| heated(asked, 1.1))?;
        self.show("top-k of 20, nobody asked", &limits, plain(&self.model, None)?, |asked| {
            let mut asked = asked.clone();
            asked.sampling.top_k = 20;
            asked
        })?;
        self.show("cached answer: another nonce", &limits, plain(&self.model, None)?, |asked| seeded(asked, 1, 2))?;
        self.show("relayed answer: another hotkey", &limits, plain(&self.model, None)?, |asked| seeded(asked, 2, 1))?;
        self.prefill_only(&limits)?;
        self.mixing(&limits)?;
        self.noise(&limits)
    }

    /// How often honest answers that calibrated nothing pass the limits, and the limits of longer sequences.
    fn honest(&mut self) -> Result<[f64; 3]> {
        println!("honest engines, {} blocks of each kind, that calibrated nothing", self.honest);
        println!("{:58}  blocks   over soft   share, 95 %            hard  faults  fingerprints over", "");
        let mut noisiest: Option<Pool> = None;
        let parted = |family: variants::Family| {
            let parts: u64 = family.iter().map(|(_, part)| part).sum();
            family.into_iter().map(move |(variant, part)| (variant, part, parts))
        };
        for (variant, part, parts) in variants::honest(None).into_iter().flat_map(parted) {
            let count = (self.honest as u64 * part).div_ceil(parts) as usize;
            let pool = self.pool(self.model.load(&variant)?, count, 2, Generation::clone)?;
            let stratum = &self.table.strata[RANGE];
            let (over, hard) = (pool.blocks.above(stratum.soft), pool.blocks.above(stratum.hard));
            let (low, high) = bounds::share_between(over, pool.blocks.count());
            let faults = faults(&self.table, &pool.tokens);
            println!(
                "{:58}  {:>6}  {over:>10}   {low:.5} ..= {high:.5}  {hard:>6}  {faults:>6}  {} of {}",
                variant.name, pool.blocks.count(), pool.prints.0, pool.prints.1
            );
            if noisiest.as_ref().is_none_or(|most| most.blocks.mean() < pool.blocks.mean()) {
                noisiest = Some(pool);
            }
        }
        let noisiest = noisiest.context("an honest engine")?;
        println!("tokens that jumped: {} of {}", noisiest.blocks.jumps, noisiest.blocks.tokens());
        println!("false alarms of charts: {}", alarm(&self.table, &noisiest, PATIENCE));
        let soft = f64::from(self.table.strata[RANGE].soft);
        Ok(GROUPS.map(|group| if group == 1 { soft } else { 1.2 * quantile(&noisiest.blocks.means, group) }))
    }

    /// One cheat: a row of the table.
    fn show(
        &mut self,
        name: &str,
        limits: &[f64; 3],
        decoder: Box<dyn Decoder>,
        cheat: impl Fn(&Generation) -> Generation,
    ) -> Result<Pool> {
        let pool = self.pool(decoder, self.cheats, 3, cheat)?;
        println!("{}  {:>12}", row(name, &pool.blocks, limits), alarm(&self.table, &pool, 400));
        Ok(pool)
    }

    /// Another model's text with the true model's fingerprint over it: what one prefill buys.
    fn prefill_only(&mut self, limits: &[f64; 3]) -> Result<()> {
        let asked = asked(&self.model, &*self.checker, self.cheats, 4)?;
        let engine = Engine::start(self.other.load(&Variant::new("a cheat", None))?)?;
        let mut answers = claimed(engine.answer(&asked)?, &asked);
        let width = self.checker.info().hidden;
        for answer in &mut answers {
            let stop = self.model.text.stop_tokens();
            let claim = Claim { prompt: &answer.prompt, answer: &answer.ids, sampling: &answer.sampling, stop, hidden: true };
            answer.fingerprints = fingerprint::chunks(&check(&mut *self.checker, 0, &claim)?.hidden, width);
        }
        let pool = self.judged(answers)?;
        let caught = alarm(&self.table, &pool, 400);
        println!("{}  {caught:>12}", row("foreign text, true fingerprint", &pool.blocks, limits));
        println!("    by the fingerprint alone: {} of {} answers caught", pool.prints.0, pool.prints.1);
        Ok(())
    }

    /// A tenth of the tokens, and a fifth, from 8 bits.
    fn mixing(&mut self, limits: &[f64; 3]) -> Result<()> {
        for share in [0.1, 0.2] {
            let cheap = self.model.load(&Variant::new("a cheat", Some(Precision::Q8_0)))?;
            let mixed = Wrapped::mixed(self.model.load(&Variant::new("a cheat", None))?, cheap, share);
            let pool = self.pool(mixed, self.cheats, 5, Generation::clone)?;
            let name = format!("{:.0} % of tokens from 8 bits", share * 100.0);
            println!("{}  {:>12}", row(&name, &pool.blocks, limits), alarm(&self.table, &pool, PATIENCE));
        }
        Ok(())
    }

    /// The largest noise that passes: what the honest noise of others gives a cheat for free.
    fn noise(&mut self, limits: &[f64; 3]) -> Result<()> {
        println!("\nnormal noise on f32 logits, by its standard deviation");
        for deviation in [0.002, 0.005, 0.01, 0.02, 0.035, 0.05] {
            let noisy = Wrapped::noisy(self.model.load(&Variant::new("a cheat", None))?, deviation);
            let pool = self.pool(noisy, (self.cheats / 3).max(100), 6, Generation::clone)?;
            println!("{}  {:>12}", row(&format!("{deviation}"), &pool.blocks, limits), alarm(&self.table, &pool, PATIENCE));
        }
        Ok(())
    }

    fn pool(
        &mut self,
        decoder: Box<dyn Decoder>,
        blocks: usize,
        seed: u64,
        cheat: impl Fn(&Generation) -> Generation,
    ) -> Result<Pool> {
        let asked = asked(&self.model, &*decoder, blocks, seed)?;
        let cheated: Vec<Generation> = asked.iter().map(cheat).collect();
        let answers = claimed(Engine::start(decoder)?.answer(&cheated)?, &asked);
        self.judged(answers)
    }

    fn judged(&mut self, answers: Vec<Answer>) -> Result<Pool> {
        let (mut blocks, mut all, mut prints) = (Blocks::default(), Vec::new(), (0, 0));
        for answer in &answers {
            let seen = measure::see(&mut *self.checker, answer, self.model.text.stop_tokens())?;
            blocks.push(TEMPERATURE, &seen.tokens);
            if let (Some(limits), false) = (self.table.fingerprint, seen.distances.is_empty()) {
                let FingerprintLimits { exponents, mean, median } = limits;
                let within = seen.distances.iter().all(|of| of.within(exponents, mean.into(), median.into()));
                prints = (prints.0 + u64::from(!within), prints.1 + 1);
            }
            all.push(seen.tokens);
        }
        Ok(Pool { answers, tokens: all, blocks, prints })
    }
}

/// Requests of one purpose, at temperature 1.
fn asked(model: &Model, decoder: &dyn Decoder, count: usize, seed: u64) -> Result<Vec<Generation>> {
    let mut requests = Requests::new(&model.text, decoder.info().context, "detection", seed);
    let mut asked = requests.take(&STRATA[RANGE], count + count / 20)?;
    for asked in &mut asked {
        asked.sampling.temperature = 1.0;
        asked.sampling.seed = seed_of(&request(asked), 1, 1);
    }
    Ok(asked)
}

/// The seed that this hotkey derives from this nonce.
fn seed_of(request: &[u8; 32], hotkey: u8, nonce: u8) -> [u8; 32] {
    proof::inference::seed(&[1; 32], NetUid(1), &Hotkey([9; 32]), &Hotkey([hotkey; 32]), &[nonce; 32], request)
}

/// Answered under the seed of another hotkey, or of another nonce: `asked` has that of hotkey 1 and nonce 1.
fn seeded(asked: &Generation, hotkey: u8, nonce: u8) -> Generation {
    let mut generation = asked.clone();
    generation.sampling.seed = seed_of(&request(asked), hotkey, nonce);
    generation
}

fn request(asked: &Generation) -> [u8; 32] {
    proof::inference::request_digest(&asked.prompt, &asked.sampling.params())
}

fn heated(asked: &Generation, factor: f32) -> Generation {
    let mut generation = asked.clone();
    generation.sampling.temperature *= factor;
    generation
}

/// Answers under what was asked for, whatever was done.
fn claimed(answers: Vec<Answer>, asked: &[Generation]) -> Vec<Answer> {
    let claim = |(answer, asked): (Answer, &Generation)| Answer {
        prompt: asked.prompt.clone(),
        sampling: asked.sampling.clone(),
        ..answer
    };
    answers.into_iter().zip(asked).map(claim).collect()
}

/// Answers that are refused, each by a miner without a past.
fn faults(table: &Table, answers: &[Vec<Token>]) -> usize {
    answers.iter().filter(|tokens| judge(&mut Charts::default(), table, TEMPERATURE, tokens).fault.is_some()).count()
}

/// Blocks until a miner that answers like this is refused, for miners who each draw their requests anew: the median, and by
/// what.
fn alarm(table: &Table, pool: &Pool, patience: usize) -> String {
    let mut found: Vec<(u64, Option<Fault>, bool)> = Vec::new();
    for miner in 0..MINERS {
        let mut random = ChaCha8Rng::seed_from_u64(miner);
        let mut charts = Charts::default();
        let mut fault = None;
        while fault.is_none() && charts.blocks < patience as u64 {
            let answer = random.next_u32() as usize % pool.answers.len();
            fault = judge(&mut charts, table, TEMPERATURE, &pool.tokens[answer]).fault;
        }
        let by_exceedance = charts.standing() == Standing::Alarm && charts.mean < Charts::MEAN_ALARM;
        found.push((if fault.is_some() { charts.blocks } else { u64::MAX }, fault, by_exceedance));
    }
    found.sort_by_key(|(blocks, ..)| *blocks);
    let caught = found.iter().filter(|(blocks, ..)| *blocks < u64::MAX).count();
    if caught == 0 {
        return format!("none of {MINERS} in {patience} blocks");
    }
    let (median, fault, by_exceedance) = found[caught / 2];
    let chart = if by_exceedance { " (exceedance)" } else { "" };
    let fault = fault.map_or("", Fault::code);
    format!("{caught} of {MINERS}, median {median} blocks: {fault}{chart}")
}

/// The mean of so many blocks that one group in a thousand exceeds, when requests are drawn with replacement.
fn quantile(means: &[u32], group: usize) -> f64 {
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let mut draw = || f64::from(means[random.next_u32() as usize % means.len()]);
    let mut sums: Vec<f64> = (0..20_000).map(|_| (0..group).map(|_| draw()).sum::<f64>() / group as f64).collect();
    sums.sort_by(f64::total_cmp);
    sums[sums.len() - sums.len() / 1000]
}

fn row(name: &str, blocks: &Blocks, limits: &[f64; 3]) -> String {
    let pair = blocks.pair(String::new());
    let shares = GROUPS.iter().zip(limits).map(|(group, limit)| {
        let groups = blocks.means.chunks_exact(*group);
        let mean = |group: &[u32]| group.iter().map(|mean| f64::from(*mean)).sum::<f64>() / group.len() as f64;
        let (seen, all) = (groups.clone().filter(|group| mean(group) > *limit).count() as u64, groups.len() as u64);
        let (low, high) = bounds::share_between(seen, all);
        let share = if all == 0 { 0.0 } else { seen as f64 / all as f64 };
        format!("{:>24}", format!("{share:.4} ({low:.4}-{high:.4})"))
    });
    let shares: Vec<_> = shares.collect();
    let (agree, mean) = (f64::from(pair.agreement_ppm) / 1e6, f64::from(pair.mean) / 1e6);
    format!("{name:44}  {agree:.4}   {mean:>10.5}  {}", shares.join(" "))
}
