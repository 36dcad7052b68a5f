//! What the checker says about the answers of each source.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use engine::model::Decoder;

use super::answers::Answer;
use super::blocks::Blocks;
use super::prints::Prints;
use super::source::{Answers, Model};
use super::strata::{self, STRATA, Temperatures};
use super::variants::Variant;
use super::{external, measure};

/// An engine whose tokens agree less than this, in parts per million, runs another model or another sampler.
const AGREEMENT_MIN: u32 = 800_000;
/// Answers of each range that are checked under a seed that is not theirs.
const FOREIGN: usize = 40;

/// What one source of answers has shown.
pub(super) struct Measured {
    pub(super) name: String,
    pub(super) blocks: [Blocks; STRATA.len()],
    pub(super) prints: Prints,
}

/// What the answers of files show; each engine is a family of its own.
pub(super) fn others(model: &Model, files: &[PathBuf], say: &mut dyn FnMut(&str)) -> Result<Vec<Measured>> {
    let files = files.iter().map(|path| external::read(path)).collect::<Result<Vec<_>>>()?;
    let mut measure = model.measuring(say)?;
    let engines = files.into_iter().flatten().map(|(engine, answers)| {
        let measured = measure((engine, sorted(answers)))?;
        let pair = Blocks::sum(&measured.blocks).pair(measured.name.clone());
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
    pub(super) fn measuring<'a>(
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
pub(super) fn foreign(answers: &Answers) -> Answers {
    let other = |answer: &Answer| {
        let mut answer = answer.clone();
        answer.sampling.seed.iter_mut().for_each(|byte| *byte = !*byte);
        answer
    };
    std::array::from_fn(|index| answers[index].iter().take(FOREIGN).map(other).collect())
}
