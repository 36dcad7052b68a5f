//! Does this machine keep up? What the checks of an epoch cost, against what it computes in the time that there is.

use std::time::Duration;

use engine::check::{CheckError, speed};
use engine::model::Decoder;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;

use super::models::Model;
use super::sample::FLOOR;
use super::traffic::Source;

/// How long this machine is measured, all models together.
pub const MEASURED: Duration = Duration::from_secs(10);
/// Requests whose prompts are counted.
const DRAWN: u32 = 32;

/// What a model costs here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Its name in requests.
    pub id: String,
    /// Tokens of prompts and answers that this machine checks in a second, with nothing else to do.
    pub tokens_per_second: u64,
    /// Tokens of a prompt, on average.
    pub prompt: u32,
}

/// What an epoch asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// Neurons that could answer.
    pub miners: u32,
    /// Most tokens of an answer.
    pub answer_tokens: u32,
    /// The time for the checks of a window.
    pub window: Duration,
    /// The time between two windows.
    pub between: Duration,
    /// Probes of each miner and model between them.
    pub probes: u32,
    /// How many of a hundred answers are checked.
    pub percent: u32,
    /// `inference.budget_tokens`.
    pub budget: u32,
}

/// One line for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How well it goes.
    pub grade: Grade,
    /// What, with the remedy where something has to be.
    pub text: String,
}

/// How well it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grade {
    /// Nothing has to be done.
    Enough,
    /// Everybody is scored; less is looked at than could be, or than the configuration asks for.
    Partly,
    /// Some miners cannot be scored, or nothing can.
    Failed,
}

/// Measures by checking made-up answers; takes `time`, and blocks for it.
///
/// # Errors
/// When the model cannot check.
pub fn measure(
    model: &Model,
    decoder: &mut dyn Decoder,
    source: &Source,
    answer_tokens: u32,
    time: Duration,
) -> Result<Cost, CheckError> {
    let mut rng = ChaCha20Rng::from_seed([0; 32]);
    let mut lengths = Vec::new();
    for _ in 0..DRAWN {
        // A request that the template refuses is not sent either.
        lengths.extend(model.question(source.draw(&mut rng)).map(|question| question.prompt.len()));
    }
    let prompt = lengths.iter().sum::<usize>() / lengths.len().max(1);
    let speed = speed(decoder, prompt, answer_tokens as usize, time)?;
    let prompt = u32::try_from(prompt).unwrap_or(u32::MAX);
    Ok(Cost { id: model.policy.id.clone(), tokens_per_second: speed.per_second(), prompt })
}

/// Whether the checks fit an epoch: a line for each model, one for the window and one for the time between two.
#[must_use]
pub fn assess(epoch: &Epoch, costs: &[Cost]) -> Vec<Finding> {
    let hourly = |cost: &Cost| {
        let answers = cost.tokens_per_second.saturating_mul(3_600) / cost.tokens(epoch);
        let text = format!(
            "{}: {} tokens per second, {answers} answers of {} tokens with prompts of {} per hour",
            cost.id, cost.tokens_per_second, epoch.answer_tokens, cost.prompt
        );
        let grade = if cost.tokens_per_second > 0 { Grade::Enough } else { Grade::Failed };
        Finding { grade, text }
    };
    let mut findings: Vec<_> = costs.iter().map(hourly).collect();
    if costs.iter().all(|cost| cost.tokens_per_second > 0) && !costs.is_empty() {
        findings.push(window(epoch, costs));
        findings.push(between(epoch, costs));
    }
    findings
}

/// Right after a window each miner's answers are looked at, or it is not scored.
fn window(epoch: &Epoch, costs: &[Cost]) -> Finding {
    let (miners, limit) = (u64::from(epoch.miners), epoch.window);
    let answers = u64::from(FLOOR.div_ceil(epoch.answer_tokens.max(1)));
    let (one, floor) = (time(epoch, costs, miners), time(epoch, costs, miners * answers));
    // A fifth of the budget is for second looks.
    let budget = tokens(epoch, costs, miners * answers).saturating_mul(5).div_ceil(4);
    let slowest = costs.iter().map(|cost| cost.tokens_per_second).min().unwrap_or(0);
    let affordable = slowest.saturating_mul(limit.as_secs());
    let all = format!("{FLOOR} tokens of each of {miners} miners take {} s of {} s", seconds(floor), limit.as_secs());
    if one > limit {
        let manages = limit.as_nanos() * u128::from(miners) / one.as_nanos().max(1);
        let text = format!(
            "window: one answer of each of {miners} miners takes {} s and there are {} s: {manages} of them would be scored; check on a faster machine, or pay for a smaller model",
            seconds(one),
            limit.as_secs()
        );
        return Finding { grade: Grade::Failed, text };
    }
    if u64::from(epoch.budget) > affordable && floor <= limit {
        let text = format!(
            "window: {all}, but `inference.budget_tokens` = {} may take {} s: set it to at most {affordable}",
            epoch.budget,
            u64::from(epoch.budget) / slowest.max(1)
        );
        return Finding { grade: Grade::Partly, text };
    }
    if floor > limit {
        let checked = limit.as_nanos() / one.as_nanos().max(1);
        let text = format!("window: {all}: {checked} of {answers} answers of each are checked; cheats are found later");
        return Finding { grade: Grade::Partly, text };
    }
    if u64::from(epoch.budget) < budget {
        let text = format!(
            "window: {all}, but `inference.budget_tokens` = {} does not hold them: set it to {budget} or more, up to {affordable}",
            epoch.budget
        );
        return Finding { grade: Grade::Partly, text };
    }
    let share = affordable.min(u64::from(epoch.budget)) / miners.max(1);
    Finding { grade: Grade::Enough, text: format!("window: {all}; the budget is {share} tokens of each") }
}

/// Between two windows the share of the probes that audits ask for is checked, as long as the budget lasts.
fn between(epoch: &Epoch, costs: &[Cost]) -> Finding {
    let asked = u64::from(epoch.miners) * u64::from(epoch.probes);
    let checked = asked.saturating_mul(epoch.percent.into()).div_ceil(100);
    let (needed, wanted) = (time(epoch, costs, checked), tokens(epoch, costs, checked));
    let text = format!(
        "between windows: {checked} of {asked} probes of each model are checked in {} s of {} s",
        seconds(needed),
        epoch.between.as_secs()
    );
    if needed > epoch.between {
        let text = format!("{text}: lower `inference.probes_per_epoch` or `inference.audit_percent`");
        return Finding { grade: Grade::Partly, text };
    }
    let held = u64::from(epoch.budget) * 100 / wanted.max(1);
    if held < 100 {
        return Finding { grade: Grade::Partly, text: format!("{text}; the budget holds {held} % of them") };
    }
    Finding { grade: Grade::Enough, text }
}

/// What so many answers of each model take.
fn time(epoch: &Epoch, costs: &[Cost], answers: u64) -> Duration {
    let of_one = |cost: &Cost| {
        let millis = answers.saturating_mul(cost.tokens(epoch)).saturating_mul(1_000) / cost.tokens_per_second.max(1);
        Duration::from_millis(millis)
    };
    costs.iter().map(of_one).fold(Duration::ZERO, Duration::saturating_add)
}

fn tokens(epoch: &Epoch, costs: &[Cost], answers: u64) -> u64 {
    costs.iter().map(|cost| answers.saturating_mul(cost.tokens(epoch))).fold(0, u64::saturating_add)
}

fn seconds(time: Duration) -> u64 {
    time.as_millis().div_ceil(1_000).try_into().unwrap_or(u64::MAX)
}

impl Cost {
    /// Tokens that the check of one answer computes; at least one.
    fn tokens(&self, epoch: &Epoch) -> u64 {
        (u64::from(self.prompt) + u64::from(epoch.answer_tokens)).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EPOCH: Epoch = Epoch {
        miners: 100,
        answer_tokens: 128,
        window: Duration::from_secs(180),
        between: Duration::from_secs(4_000),
        probes: 30,
        percent: 5,
        budget: 80_000,
    };

    fn cost(tokens_per_second: u64) -> Cost {
        Cost { id: "m".to_owned(), tokens_per_second, prompt: 172 }
    }

    /// The line whose text begins so.
    fn line(epoch: &Epoch, costs: &[Cost], begins: &str) -> (Grade, String) {
        let mut lines = assess(epoch, costs).into_iter().filter(|finding| finding.text.starts_with(begins));
        let Finding { grade, text } = lines.next().expect("one such line");
        (grade, text)
    }

    #[test]
    fn a_machine_that_keeps_up_is_told_so() {
        // Two answers of 300 tokens of each: 60 000 tokens, 120 s.
        let enough = |text: &str| (Grade::Enough, text.to_owned());
        assert_eq!(
            line(&EPOCH, &[cost(500)], "m: "),
            enough("m: 500 tokens per second, 6000 answers of 128 tokens with prompts of 172 per hour")
        );
        assert_eq!(
            line(&EPOCH, &[cost(500)], "window: "),
            enough("window: 256 tokens of each of 100 miners take 120 s of 180 s; the budget is 800 tokens of each")
        );
        assert_eq!(
            line(&EPOCH, &[cost(500)], "between "),
            enough("between windows: 150 of 3000 probes of each model are checked in 90 s of 4000 s")
        );
    }

    #[test]
    fn a_machine_that_does_not_is_told_how_far_it_gets() {
        let (grade, text) = line(&EPOCH, &[cost(100)], "window: ");
        assert_eq!(grade, Grade::Failed);
        assert!(text.contains("takes 300 s and there are 180 s: 60 of them would be scored"), "{text}");
        let (grade, text) = line(&EPOCH, &[cost(200)], "window: ");
        assert_eq!(grade, Grade::Partly);
        assert!(text.contains("take 300 s of 180 s: 1 of 2 answers"), "{text}");
        let (grade, text) = line(&EPOCH, &[cost(400), cost(400)], "window: ");
        assert_eq!(grade, Grade::Partly, "two models take the time of both");
        assert!(text.contains("take 300 s of 180 s"), "{text}");
        let (grade, text) = line(&Epoch { probes: 3_000, ..EPOCH }, &[cost(500)], "between ");
        assert_eq!(grade, Grade::Partly);
        assert!(text.contains("probes_per_epoch"), "{text}");
    }

    #[test]
    fn a_budget_that_fits_neither_need_nor_time_is_named() {
        let (grade, text) = line(&Epoch { budget: 70_000, ..EPOCH }, &[cost(500)], "window: ");
        assert_eq!(grade, Grade::Partly);
        assert!(text.contains("set it to 75000 or more, up to 90000"), "{text}");
        let (grade, text) = line(&Epoch { budget: 100_000, ..EPOCH }, &[cost(500)], "window: ");
        assert_eq!(grade, Grade::Partly);
        assert!(text.contains("may take 200 s: set it to at most 90000"), "{text}");
        let (grade, text) = line(&Epoch { budget: 40_000, ..EPOCH }, &[cost(500)], "between ");
        assert_eq!(grade, Grade::Partly);
        assert!(text.contains("holds 88 % of them"), "{text}");
    }

    #[test]
    fn nothing_is_no_panic() {
        assert_eq!(assess(&EPOCH, &[]), []);
        assert_eq!(assess(&EPOCH, &[cost(0)])[0].grade, Grade::Failed);
        let nothing = Epoch { miners: 0, answer_tokens: 0, budget: 0, ..EPOCH };
        assert!(assess(&nothing, &[cost(5)]).iter().all(|finding| finding.grade != Grade::Failed));
        let most = Epoch { miners: u32::MAX, probes: u32::MAX, answer_tokens: u32::MAX, ..EPOCH };
        assert_eq!(line(&most, &[cost(1)], "window: ").0, Grade::Failed);
    }
}
