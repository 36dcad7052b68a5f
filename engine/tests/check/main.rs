//! Answers of the scheduler, honest ones and others, against one prefill.

mod cheats;
mod ends;
mod engines;
mod hostile;
mod noise;

use std::path::PathBuf;

use engine::check::{Checked, Claim, Placed, check};
use engine::generation::{Event, Events, Generation, Sampling};
use engine::model::{Arithmetic, Decoder, LoadOptions, Precision};
use engine::scheduler::{Limits, Scheduler};
use engine::synthetic::{self, Recipe};

/// A small model whose answers are as undecided as those of a real one.
struct Model {
    _folder: tempfile::TempDir,
    path: PathBuf,
    stop: Vec<u32>,
}

/// A question and what came of it.
struct Answered {
    prompt: Vec<u32>,
    answer: Vec<u32>,
    sampling: Sampling,
}

impl Model {
    fn new(seed: u64) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("model");
        synthetic::tiny(&path, Recipe { seed, precision: synthetic::Precision::Bf16 }).expect("it can be written");
        Self { _folder: folder, path, stop: Vec::new() }
    }

    fn load(&self, mut options: LoadOptions<'_>) -> Box<dyn Decoder> {
        options.context = Some(512);
        engine::load(&self.path, &options).expect("it loads").decoder
    }

    /// The checker: f32 on the widest instructions.
    fn checker(&self) -> Box<dyn Decoder> {
        self.load(f32())
    }

    /// Answers to `count` prompts, eight at a time, decoded token by token.
    fn answers(&self, decoder: Box<dyn Decoder>, count: u32, sampling: impl Fn(u32) -> Sampling) -> Vec<Answered> {
        let scheduler = Scheduler::start(decoder, Limits::default()).expect("a thread");
        let asked = |number| {
            let (prompt, sampling) = (prompt(number), sampling(number));
            let generation = Generation {
                prompt: prompt.clone(),
                sampling: sampling.clone(),
                max_tokens: 64,
                stop: self.stop.clone(),
                top_logprobs: 0,
                states: false,
            };
            (prompt, sampling, scheduler.submit(generation).expect("there is room"))
        };
        let running: Vec<_> = (0..count).map(asked).collect();
        let answered = |(prompt, sampling, events)| Answered { prompt, answer: read(events), sampling };
        running.into_iter().map(answered).collect()
    }
}

fn f32() -> LoadOptions<'static> {
    LoadOptions { precision: Some(Precision::F32), slots: 8, ..LoadOptions::default() }
}

fn bf16() -> LoadOptions<'static> {
    LoadOptions { precision: Some(Precision::Bf16), arithmetic: Arithmetic::Bf16, ..f32() }
}

fn read(mut events: Events) -> Vec<u32> {
    let mut ids = Vec::new();
    while let Event::Token { token, .. } = events.blocking_recv().expect("an end").expect("no error") {
        ids.push(token.id);
    }
    ids
}

fn prompt(number: u32) -> Vec<u32> {
    (0..20 + number % 7).map(|at| (number * 131 + at * at * 37 + at) % 1000).collect()
}

/// Parameters of every kind.
fn sampling(number: u32) -> Sampling {
    Sampling {
        temperature: [0.6, 1.0, 1.5][number as usize % 3],
        top_k: [0, 0, 40][number as usize / 3 % 3],
        top_p: [1.0, 0.9][number as usize % 2],
        presence_penalty: [0.0, 0.5][number as usize / 2 % 2],
        frequency_penalty: [0.0, 0.0, 0.2][number as usize / 4 % 3],
        seed: *blake3::hash(&number.to_le_bytes()).as_bytes(),
    }
}

impl Answered {
    fn check(&self, decoder: &mut dyn Decoder) -> Checked {
        self.check_as(decoder, &self.prompt, &self.sampling)
    }

    fn check_as(&self, decoder: &mut dyn Decoder, prompt: &[u32], sampling: &Sampling) -> Checked {
        let claim = Claim { prompt, answer: &self.answer, sampling, stop: &[], hidden: false };
        check(decoder, 0, &claim).expect("a sound claim")
    }
}

/// What blocks of 64 tokens come to.
#[derive(Clone, Copy, Debug)]
struct Summary {
    /// Share of tokens that agree.
    agreed: f64,
    /// Mean margin, each at most twice the temperature, and as much where there is none.
    mean: f64,
    /// The largest mean of an answer.
    largest: f64,
    /// Tokens that are excluded.
    excluded: usize,
}

fn summary(answers: &[Answered], mut check: impl FnMut(&Answered) -> Checked) -> Summary {
    let (mut tokens, mut agreed, mut means, mut excluded) = (0, 0, Vec::new(), 0);
    for answered in answers {
        let most = 2.0 * answered.sampling.temperature;
        let clipped = |token: &Placed| f64::from(token.margin.map_or(most, |margin| margin.min(most)));
        let checked = check(answered);
        assert_eq!(checked.tokens.len(), answered.answer.len());
        tokens += checked.tokens.len();
        agreed += checked.tokens.iter().filter(|token| token.margin == Some(0.0)).count();
        excluded += checked.tokens.iter().filter(|token| token.margin.is_none()).count();
        means.push(checked.tokens.iter().map(clipped).sum::<f64>() / checked.tokens.len() as f64);
    }
    let mean = means.iter().sum::<f64>() / means.len() as f64;
    let largest = means.into_iter().fold(0.0, f64::max);
    Summary { agreed: agreed as f64 / tokens as f64, mean, largest, excluded }
}
