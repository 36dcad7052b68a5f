//! Enough answers of one engine, in every range of temperatures.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use engine::generation::Generation;
use engine::model::{Decoder, ModelInfo, Precision};
use engine::text::Text;

use super::answers::{Answer, Engine};
use super::blocks::BLOCK;
use super::requests::Requests;
use super::strata::STRATA;
use super::variants::Variant;

/// Between two lines of progress.
const PAUSE: Duration = Duration::from_secs(10);

/// Answers by range of temperatures.
pub type Answers = [Vec<Answer>; STRATA.len()];

/// The model that is claimed.
pub struct Model {
    path: PathBuf,
    /// How it is held; as stored where none is named.
    pub precision: Option<Precision>,
    /// Its tokenizer.
    pub text: Text,
    /// What it is, as the checker holds it.
    pub info: ModelInfo,
}

/// Longest sequence that is asked for.
const CONTEXT: usize = 512;

impl Model {
    /// Reads the tokenizer, and the weights once for their digest; they are read again by everybody who answers.
    ///
    /// # Errors
    /// When the model is none.
    pub fn open(path: PathBuf, precision: Option<Precision>) -> Result<Self> {
        let text = Text::load(&path)?;
        let info = load(&path, &Variant::new("the checker", precision))?.info().clone();
        Ok(Self { path, precision, text, info })
    }

    /// Its decoder, as a variant computes.
    ///
    /// # Errors
    /// When the model cannot be loaded.
    pub fn load(&self, variant: &Variant) -> Result<Box<dyn Decoder>> {
        load(&self.path, variant)
    }

    /// Answers of so many blocks in each range. `say` is told how far it is.
    ///
    /// # Errors
    /// When the model cannot be loaded, or fails.
    pub fn answers(&self, variant: &Variant, blocks: u64, seed: u64, say: &mut dyn FnMut(&str)) -> Result<Answers> {
        let decoder = self.load(variant)?;
        let context = decoder.info().context;
        let engine = Engine::start(decoder)?;
        let mut requests = Requests::new(&self.text, context, &variant.name, seed);
        let mut progress = Progress::new(variant, blocks * STRATA.len() as u64, say);
        let mut all = Answers::default();
        for (range, answers) in STRATA.iter().zip(&mut all) {
            let mut missing = blocks * u64::from(BLOCK);
            while missing > 0 {
                let asked = requests.take(range, missing.div_ceil(u64::from(BLOCK)).min(256) as usize)?;
                let cheated: Vec<Generation> = asked.iter().map(|asked| heated(asked, variant.heat)).collect();
                let came = engine.answer(&cheated)?;
                for (answer, asked) in came.into_iter().zip(asked) {
                    missing = missing.saturating_sub(answer.ids.len() as u64);
                    progress.note(answer.ids.len());
                    answers.push(Answer { sampling: asked.sampling, ..answer });
                }
            }
        }
        Ok(all)
    }
}

fn load(path: &Path, variant: &Variant) -> Result<Box<dyn Decoder>> {
    let loaded = engine::load(path, &variant.options(CONTEXT));
    Ok(loaded.with_context(|| format!("{}: {}", path.display(), variant.name))?.decoder)
}

/// The request as a cheat on the temperature takes it.
fn heated(asked: &Generation, heat: u32) -> Generation {
    let mut generation = asked.clone();
    if heat != 1000 {
        generation.sampling.temperature *= heat as f32 / 1000.0;
    }
    generation
}

/// A line now and then.
struct Progress<'a> {
    name: String,
    wanted: u64,
    tokens: u64,
    start: Instant,
    said: Instant,
    say: &'a mut dyn FnMut(&str),
}

impl<'a> Progress<'a> {
    fn new(variant: &Variant, blocks: u64, say: &'a mut dyn FnMut(&str)) -> Self {
        let now = Instant::now();
        Self { name: variant.name.clone(), wanted: blocks * u64::from(BLOCK), tokens: 0, start: now, said: now, say }
    }

    fn note(&mut self, tokens: usize) {
        self.tokens += tokens as u64;
        if self.said.elapsed() >= PAUSE {
            self.said = Instant::now();
            self.line();
        }
    }

    fn line(&mut self) {
        let rate = self.tokens as f64 / self.start.elapsed().as_secs_f64().max(1e-3);
        (self.say)(&format!("{}: {} of {} tokens, {rate:.0} in a second", self.name, self.tokens, self.wanted));
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        self.line();
    }
}
