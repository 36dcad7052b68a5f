//! Answers of the scheduler, honest ones and others, against one prefill.

mod cheats;
mod ends;
mod hostile;

use engine::check::{Checked, Claim, check};
use engine::generation::{Event, Events, Generation, Sampling};
use engine::model::{Decoder, LoadOptions, Precision};
use engine::scheduler::{Limits, Scheduler};
use engine::synthetic::{self, Recipe};

/// A small model whose answers are as undecided as those of a real one.
struct Model(tempfile::TempDir);

/// A question and what came of it.
struct Answered {
    prompt: Vec<u32>,
    answer: Vec<u32>,
    sampling: Sampling,
}

impl Model {
    fn new(seed: u64) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let recipe = Recipe { seed, precision: synthetic::Precision::F32 };
        synthetic::tiny(&folder.path().join("model"), recipe).expect("it can be written");
        Self(folder)
    }

    fn load(&self, precision: Precision, slots: usize) -> Box<dyn Decoder> {
        let options = LoadOptions { precision: Some(precision), slots, context: Some(512), ..LoadOptions::default() };
        engine::load(&self.0.path().join("model"), &options).expect("it loads").decoder
    }

    /// Answers to `count` prompts, eight at a time, each decoded token by token.
    fn answers(
        &self,
        precision: Precision,
        count: u32,
        tokens: usize,
        sampling: impl Fn(u32) -> Sampling,
    ) -> Vec<Answered> {
        let scheduler = Scheduler::start(self.load(precision, 8), Limits::default()).expect("a thread");
        let asked = |number| {
            let (prompt, sampling) = (prompt(number), sampling(number));
            let generation = Generation {
                prompt: prompt.clone(),
                sampling: sampling.clone(),
                max_tokens: tokens,
                stop: Vec::new(),
                top_logprobs: 0,
            };
            (prompt, sampling, scheduler.submit(generation).expect("there is room"))
        };
        let running: Vec<_> = (0..count).map(asked).collect();
        let answered = |(prompt, sampling, events)| Answered { prompt, answer: read(events), sampling };
        running.into_iter().map(answered).collect()
    }
}

fn read(mut events: Events) -> Vec<u32> {
    let mut ids = Vec::new();
    while let Event::Token(token) = events.blocking_recv().expect("an end").expect("no error") {
        ids.push(token.id);
    }
    ids
}

fn prompt(number: u32) -> Vec<u32> {
    (0..20 + number % 7).map(|at| (number * 131 + at * at * 37 + at) % 1000).collect()
}

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

/// Share of tokens that agree, and the mean margin with 2·T at most, 2·T for those that are excluded.
fn summary<'a>(checked: impl IntoIterator<Item = (&'a Answered, Checked)>) -> (f64, f64) {
    let (mut tokens, mut agree, mut sum) = (0.0, 0.0, 0.0);
    for (answered, checked) in checked {
        assert_eq!(checked.tokens.len(), answered.answer.len());
        for token in checked.tokens {
            let most = 2.0 * answered.sampling.temperature.max(0.5);
            tokens += 1.0;
            agree += f64::from(token.margin == Some(0.0));
            sum += f64::from(token.margin.map_or(most, |margin| margin.min(most)));
        }
    }
    (agree / tokens, sum / tokens)
}
