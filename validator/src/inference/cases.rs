//! What one miner did with one model in a window, as it becomes clear. Pure.

use std::collections::BTreeSet;
use std::sync::Arc;

use incentive::evidence::{Charts, Table};
use incentive::inference::too_fast;
use incentive::units::Registration;
use incentive::verdict::Verdict;

use super::audit::{Answer, Asker, Examined, form};
use super::memory::Memory;
use super::models::Model;
use super::sample::{Candidate, Claims};
use super::settle::{Found, Heard, Hold, in_time, verdict};
use crate::dispatch::Target;
use crate::record::{Counts, Outcome, Work};

/// What one miner did with one model.
#[derive(Clone, Debug)]
pub struct Case {
    /// Which model.
    pub model: usize,
    /// Which miner.
    pub target: Target,
    /// Who holds its place.
    pub registration: Registration,
    /// What it sent.
    pub heard: Heard,
    /// What is remembered of it.
    pub memory: Memory,
    /// What was found out so far.
    pub found: Found,
    checked: BTreeSet<usize>,
    before: Memory,
}

impl Case {
    /// Nothing is found yet.
    #[must_use]
    pub fn new(model: usize, target: Target, registration: Registration, heard: Heard, memory: Memory) -> Self {
        let (found, checked, before) = (Found::default(), BTreeSet::new(), memory.clone());
        Self { model, target, registration, heard, memory, found, checked, before }
    }

    /// Answer number `index` of all.
    #[must_use]
    pub fn answer(&self, index: usize) -> Option<&Answer> {
        self.heard.all().nth(index)
    }

    /// What checking it costs, in tokens.
    #[must_use]
    pub fn cost(&self, index: usize) -> u64 {
        self.answer(index).map_or(0, |answer| candidate(answer).cost())
    }

    /// Whether this answer was checked.
    #[must_use]
    pub fn is_checked(&self, index: usize) -> bool {
        self.checked.contains(&index)
    }

    /// Answers with tokens to requests of the same class that are neither this one nor among the drawn.
    #[must_use]
    pub fn alike(&self, index: usize, drawn: &[usize]) -> Vec<usize> {
        let Some(class) = self.answer(index).map(Answer::class) else { return Vec::new() };
        let alike = self.heard.all().enumerate().filter(|(other, answer)| {
            *other != index && !drawn.contains(other) && answer.class() == class && is_checkable(answer)
        });
        alike.map(|(other, _)| other).collect()
    }

    /// Takes what was found out about an answer. Whether others like it should be looked at.
    pub fn add(&mut self, index: usize, table: &Table, examined: &Examined) -> bool {
        self.checked.insert(index);
        self.found.checked += u32::try_from(examined.tokens.len()).unwrap_or(u32::MAX);
        let judged = self.memory.add(table, examined);
        self.found.fault = self.found.fault.or(judged.fault);
        judged.again
    }

    /// What is to be kept, if it is anything new: the probes since the last window have had their say.
    #[must_use]
    pub fn remembered(&self) -> Option<(Registration, Memory)> {
        let mut memory = self.memory.clone();
        memory.settle();
        (memory != self.before).then_some((self.registration, memory))
    }
}

/// Looks at the form of all answers of all.
pub fn look_at_forms(models: &[Arc<Model>], asker: &Asker, cases: &mut [Case]) {
    for case in cases {
        let model = &models[case.model];
        let wrong = |answer: &Answer| {
            let bound = asker.bound(model, &case.target.hotkey, &answer.question);
            form(model, answer, &bound).err()
        };
        case.found.fault = case.heard.all().find_map(wrong);
        case.heard.all_mut().for_each(Answer::forget_surplus);
    }
}

/// What could be checked of each. Nothing of whom is refused already; more of whom is suspected, or answers faster than any device
/// of the field computes.
#[must_use]
pub fn claims(models: &[Arc<Model>], cases: &[Case], percent: u32) -> Vec<Claims> {
    let of_one = |case: &Case| {
        if case.found.fault.is_some() {
            return Claims::default();
        }
        let model = &models[case.model].policy;
        let hasty = case.heard.all().any(|answer| too_fast(model, &answer.received.arrivals_us));
        let base = case.memory.audit_ppm(percent * 10_000);
        let ppm = if hasty { base.max(Charts::SUSPICIOUS_PPM) } else { base };
        // One that cannot be checked keeps its place, so that an index means the same everywhere.
        let answers = case.heard.all().map(|answer| match is_checkable(answer) {
            true => candidate(answer),
            false => Candidate { tokens: 0, prompt: 0 },
        });
        Claims { answers: answers.collect(), ppm }
    };
    cases.iter().map(of_one).collect()
}

/// The verdicts. Models of which a check failed are void for all.
#[must_use]
pub fn outcomes(
    models: &[Arc<Model>],
    cases: &[Case],
    hold: Hold,
    least: u32,
    broken: &BTreeSet<usize>,
) -> Vec<Outcome> {
    let of_one = |case: &Case| {
        let model = &models[case.model].policy;
        let verdict = match broken.contains(&case.model) {
            true => Verdict::Void,
            false => verdict(model, &case.heard, hold, case.found, &case.memory, least),
        };
        let counts = Counts {
            answers: case.heard.requests(),
            tokens: in_time(model, &case.heard.hold, hold.end),
            checked: case.found.checked.into(),
        };
        let work = Work::Inference { model: model.digest, counts };
        Outcome { uid: case.target.uid, registration: case.registration, verdict, work }
    };
    cases.iter().map(of_one).collect()
}

fn is_checkable(answer: &Answer) -> bool {
    answer.tokens() > 0 && answer.received.fault().is_none()
}

fn candidate(answer: &Answer) -> Candidate {
    Candidate { tokens: answer.tokens(), prompt: answer.prompt_tokens() }
}
