//! From what one miner sent, and what was found out about a sample of it, to a verdict. Pure.

use std::collections::BTreeMap;

use incentive::inference::{credit, credit_share, deadline_us, score};
use incentive::policy::ModelPolicy;
use incentive::verdict::{Fault, Verdict};
use tokio::time::Instant;

use super::audit::{Answer, is_deceit};
use super::memory::Memory;
use super::stream::End;

/// Tokens of a lower temperature, in thousandths, are checked and not paid: at 0 every provider of the same model answers
/// alike, and just above it almost.
const PAID: u32 = 500;

/// What one miner sent in a window.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Heard {
    /// Answers, with tokens, to requests of the ramp: checked, not paid.
    pub ramp: Vec<Answer>,
    /// Answers, with tokens, to requests of the hold.
    pub hold: Vec<Answer>,
    /// Requests that brought no token.
    pub silent: Silent,
    /// What the requests of the hold asked for, answered or not.
    pub asked: Asked,
    /// Requests at once in the hold.
    pub streams: u32,
}

/// Tokens that requests asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// All that would have been read.
    pub all: u64,
    /// Of them those that are paid, by the temperature of the request.
    pub paid: u64,
}

/// Requests that brought no token, counted by what came of them: refusing must not fill a validator's memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Silent(BTreeMap<Fault, u64>);

/// The time that is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Its end; what arrives later is not paid.
    pub end: Instant,
    /// Its length in milliseconds.
    pub ms: u32,
}

/// What was found out about the answers of a miner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Tokens that were computed again.
    pub checked: u32,
    /// The first thing that was wrong.
    pub fault: Option<Fault>,
}

/// The verdict on a miner's answers to one model, and tokens that were paid.
///
/// What is wrong outweighs everything; then nothing is paid without an answer; then nothing is said about a miner of whose
/// tokens fewer than `least` could be checked, though it sent more: the validator did not manage.
#[must_use]
pub fn verdict(model: &ModelPolicy, heard: &Heard, hold: Hold, found: Found, memory: &Memory, least: u32) -> Verdict {
    if let Some(fault) = found.fault.or(heard.silent.deceit()).or(memory.wrong) {
        return Verdict::Rejected(fault);
    }
    let sent: u64 = heard.all().map(|answer| u64::from(answer.tokens())).sum();
    if heard.requests() == 0 {
        // Nothing was asked: a failure of our own.
        return Verdict::Void;
    }
    if heard.hold.is_empty() {
        return Verdict::Rejected(heard.silent.fault());
    }
    if u64::from(found.checked) < sent.min(least.into()) {
        return Verdict::Void;
    }
    if in_time(model, &heard.hold, hold.end) == 0 {
        return Verdict::Rejected(Fault::Late);
    }
    let (all, paid) = credits(model, &heard.hold, hold.end);
    Verdict::Accepted(score(heard.asked.fair(all, paid), hold.ms, memory.gate()))
}

/// What answers are worth that were begun before `end`, all of them and those that are paid, in parts of
/// [`incentive::inference::ONE`].
#[must_use]
pub fn credits(model: &ModelPolicy, answers: &[Answer], end: Instant) -> (u64, u64) {
    answers.iter().fold((0, 0), |(all, paid), answer| {
        let until = end.saturating_duration_since(answer.received.began).as_micros();
        let worth = worth(model, answer, u64::try_from(until).unwrap_or(u64::MAX));
        (all + worth, paid + if answer.temperature() >= PAID { worth } else { 0 })
    })
}

/// Tokens before their deadlines in the time that is paid.
#[must_use]
pub fn in_time(model: &ModelPolicy, answers: &[Answer], end: Instant) -> u64 {
    let of_one = |answer: &Answer| {
        let until = u64::try_from(end.saturating_duration_since(answer.received.began).as_micros()).unwrap_or(u64::MAX);
        let due = |index| deadline_us(model, answer.prompt_tokens(), index).min(until);
        (0..).zip(&answer.received.arrivals_us).filter(|(index, at)| **at <= due(*index)).count() as u64
    };
    answers.iter().map(of_one).sum()
}

/// What a probe between two windows was worth, as a share of what was expected of it: the tokens up to its end if it had one,
/// otherwise all that would have been read.
#[must_use]
pub fn probe_share(model: &ModelPolicy, answer: &Answer) -> u32 {
    let expected = match answer.received.end {
        End::Finished(_) => answer.tokens(),
        // Cut when enough was there, or too late for the rest of it.
        End::Cut | End::Broke | End::Busy | End::Fault(_) => answer.question.probe.answer_tokens,
    };
    credit_share(worth(model, answer, u64::MAX), expected.max(1))
}

fn worth(model: &ModelPolicy, answer: &Answer, until_us: u64) -> u64 {
    match answer.received.end {
        // After a fault nothing counts, whatever came before it.
        End::Fault(_) | End::Busy => 0,
        End::Finished(_) | End::Cut | End::Broke => {
            credit(model, answer.prompt_tokens(), &answer.received.arrivals_us, answer.tokens(), until_us)
        }
    }
}

impl Heard {
    /// All answers with tokens, in the order of their requests.
    pub fn all(&self) -> impl Iterator<Item = &Answer> {
        self.ramp.iter().chain(&self.hold)
    }

    /// The same, to be changed.
    pub fn all_mut(&mut self) -> impl Iterator<Item = &mut Answer> {
        self.ramp.iter_mut().chain(&mut self.hold)
    }

    /// Requests that were sent.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.all().count() as u64 + self.silent.0.values().sum::<u64>()
    }

    /// Whether the miner has said that it does not serve the model: then nothing more is asked.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.silent.is_final()
    }
}

impl Asked {
    /// One more request.
    pub fn note(&mut self, answer: &Answer) {
        let tokens = u64::from(answer.question.probe.answer_tokens);
        self.all += tokens;
        self.paid += if answer.temperature() >= PAID { tokens } else { 0 };
    }

    /// Those of another place.
    pub fn add(&mut self, other: Self) {
        (self.all, self.paid) = (self.all + other.all, self.paid + other.paid);
    }

    /// What is paid of credits: at most the part of all of them that requests for paid tokens had among all requests. Whoever
    /// refuses what is not paid, to have its engine free for the rest, gains nothing by it.
    #[must_use]
    pub fn fair(&self, all: u64, paid: u64) -> u64 {
        let part = u128::from(all) * u128::from(self.paid);
        part.checked_div(u128::from(self.all)).map_or(0, |fair| paid.min(u64::try_from(fair).unwrap_or(u64::MAX)))
    }
}

impl Silent {
    /// One more request that brought no token.
    pub fn note(&mut self, end: End) {
        let fault = match end {
            End::Fault(fault) => fault,
            End::Busy => Fault::WindowRefused,
            End::Finished(_) | End::Cut | End::Broke => Fault::NoAnswer,
        };
        *self.0.entry(fault).or_default() += 1;
    }

    /// Those of another place or time.
    pub fn add(&mut self, other: &Self) {
        other.0.iter().for_each(|(fault, times)| *self.0.entry(*fault).or_default() += times);
    }

    /// Whether asking again is of no use.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.said().is_some()
    }

    /// What no honest miner does, if anybody did.
    #[must_use]
    pub fn deceit(&self) -> Option<Fault> {
        self.0.keys().copied().find(|fault| is_deceit(*fault))
    }

    fn said(&self) -> Option<Fault> {
        [Fault::NotServed, Fault::UnsupportedVersion].into_iter().find(|fault| self.0.contains_key(fault))
    }

    /// Why there is no token: what the miner said of itself, otherwise what happened most often.
    fn fault(&self) -> Fault {
        let most = self.0.iter().max_by_key(|(_, times)| **times).map(|(fault, _)| *fault);
        self.said().or(most).unwrap_or(Fault::NoAnswer)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use engine::generation::Finish;
    use incentive::inference::ONE;
    use incentive::task::ModelDigest;
    use incentive::units::Score;
    use proof::inference::Params;

    use super::*;
    use crate::inference::models::Question;
    use crate::inference::stream::Received;
    use crate::inference::traffic::{Probe, Prompt};

    const HOLD_MS: u32 = 10_000;

    fn model() -> ModelPolicy {
        ModelPolicy {
            id: "m".into(),
            digest: ModelDigest([1; 32]),
            share: 500,
            first_ms: 1_000,
            prompt_us: 0,
            token_us: 50_000,
            fastest_us: 1_000,
            fingerprint: false,
        }
    }

    /// An answer of ten tokens, one each 40 ms from its request on.
    fn answer(began: Instant, temperature: f32) -> Answer {
        let params = Params { temperature, ..Params::GREEDY };
        let probe = Probe {
            path: "/v1/completions",
            body: Vec::new(),
            prompt: Prompt::Text("a".into()),
            params,
            max_tokens: Some(10),
            answer_tokens: 10,
            stop: Vec::new(),
            alternatives: None,
            nonce: [0; 32],
            fingerprint: false,
        };
        let question = Arc::new(Question { probe, prompt: vec![1], request: [0; 32] });
        let received = Received {
            ids: (0..10).collect(),
            arrivals_us: (1..=10).map(|token| token * 40_000).collect(),
            end: End::Finished(Finish::Length),
            ..Received::nothing(began, Fault::NoAnswer)
        };
        Answer { question, received }
    }

    fn silent(began: Instant, end: End) -> Answer {
        let answer = answer(began, 1.0);
        Answer { received: Received { end, ..Received::nothing(began, Fault::NoAnswer) }, ..answer }
    }

    struct Window {
        start: Instant,
        heard: Heard,
    }

    impl Window {
        fn of(answers: impl Fn(Instant) -> Vec<Answer>) -> Self {
            let start = Instant::now();
            let mut heard = Heard { hold: answers(start), ..Heard::default() };
            heard.hold.iter().for_each(|answer| heard.asked.note(answer));
            Self { start, heard }
        }

        fn verdict(&self, found: Found, memory: &Memory) -> Verdict {
            let hold = Hold { end: self.start + Duration::from_millis(HOLD_MS.into()), ms: HOLD_MS };
            verdict(&model(), &self.heard, hold, found, memory, 5)
        }
    }

    const CHECKED: Found = Found { checked: 10, fault: None };

    #[test]
    fn tokens_in_time_are_paid_and_the_gate_lowers() {
        let window = Window::of(|start| vec![answer(start, 1.0); 20]);
        // 200 tokens in 10 seconds.
        assert_eq!(window.verdict(CHECKED, &Memory::default()), Verdict::Accepted(Score(20_000)));
        let mut memory = Memory::default();
        (0..30).for_each(|_| memory.probe(ONE / 2, None));
        assert_eq!(window.verdict(CHECKED, &memory), Verdict::Accepted(Score(10_000)));
    }

    #[test]
    fn what_comes_after_the_end_is_not_paid() {
        let late = Duration::from_millis(u64::from(HOLD_MS) - 200);
        let window = Window::of(|start| vec![answer(start + late, 1.0)]);
        // Of ten tokens, one each 40 ms, four come before the last 200 ms are over; the fifth comes with their end.
        assert_eq!(window.verdict(CHECKED, &Memory::default()), Verdict::Accepted(Score(400)));
    }

    #[test]
    fn a_pause_and_a_burst_is_late() {
        let window = Window::of(|start| {
            let mut answer = answer(start, 1.0);
            // A tenth of a token's time after the last deadline: credits are left, and yet no token was in time.
            answer.received.arrivals_us.fill(1_455_000);
            vec![answer]
        });
        assert_eq!(window.verdict(CHECKED, &Memory::default()), Verdict::Rejected(Fault::Late));
    }

    #[test]
    fn cold_tokens_are_checked_and_not_paid() {
        let window = Window::of(|start| vec![answer(start, 0.0), answer(start, 0.49)]);
        assert_eq!(window.verdict(CHECKED, &Memory::default()), Verdict::Accepted(Score(0)));
        let window = Window::of(|start| vec![answer(start, 0.0), answer(start, 0.5)]);
        assert_eq!(window.verdict(CHECKED, &Memory::default()), Verdict::Accepted(Score(1_000)));
    }

    #[test]
    fn refusing_what_is_not_paid_gains_nothing() {
        // Half of the requests are cold. An engine with room for twenty answers gives ten of each kind, or refuses the cold.
        let honest = Window::of(|start| [vec![answer(start, 1.0); 10], vec![answer(start, 0.0); 10]].concat());
        let mut picky = Window::of(|start| vec![answer(start, 1.0); 20]);
        let refused = answer(picky.start, 0.0);
        (0..20).for_each(|_| picky.heard.asked.note(&refused));
        let [honest, picky] = [honest, picky].map(|window| window.verdict(CHECKED, &Memory::default()));
        assert_eq!((honest, picky), (Verdict::Accepted(Score(10_000)), Verdict::Accepted(Score(10_000))));
    }

    #[test]
    fn whatever_is_wrong_outweighs_all_tokens() {
        let window = Window::of(|start| vec![answer(start, 1.0); 20]);
        let found = Found { fault: Some(Fault::WrongTokens), ..CHECKED };
        assert_eq!(window.verdict(found, &Memory::default()), Verdict::Rejected(Fault::WrongTokens));
        let mut memory = Memory::default();
        memory.probe(ONE, Some(Fault::WrongFingerprint));
        assert_eq!(window.verdict(CHECKED, &memory), Verdict::Rejected(Fault::WrongFingerprint));
    }

    #[test]
    fn who_could_not_be_checked_is_neither_paid_nor_punished() {
        let window = Window::of(|start| vec![answer(start, 1.0); 20]);
        assert_eq!(window.verdict(Found { checked: 4, fault: None }, &Memory::default()), Verdict::Void);
        assert_ne!(window.verdict(Found { checked: 5, fault: None }, &Memory::default()), Verdict::Void);
    }

    #[test]
    fn silence_has_a_name() {
        let of = |ends: &[End], answers: usize| {
            let mut window = Window::of(|start| vec![answer(start, 1.0); answers]);
            ends.iter().for_each(|end| window.heard.silent.note(*end));
            window.verdict(CHECKED, &Memory::default())
        };
        let fault = End::Fault;
        for (ends, expected) in [
            (&[fault(Fault::NoAnswer)][..], Fault::NoAnswer),
            (&[fault(Fault::NoAnswer), fault(Fault::NoAnswer), fault(Fault::NotServed)], Fault::NotServed),
            (&[fault(Fault::Unreachable), fault(Fault::Unreachable), fault(Fault::NoAnswer)], Fault::Unreachable),
            (&[End::Busy, End::Busy, fault(Fault::Unreachable)], Fault::WindowRefused),
            (&[fault(Fault::UnsupportedVersion)], Fault::UnsupportedVersion),
        ] {
            assert_eq!(of(ends, 0), Verdict::Rejected(expected), "{ends:?}");
        }
        assert_eq!(of(&[], 0), Verdict::Void, "who was not asked has not refused");
        // One answer is enough to have answered, but not to hide what nobody honest sends.
        assert!(matches!(of(&[fault(Fault::Unreachable), End::Busy], 1), Verdict::Accepted(_)));
        assert_eq!(of(&[fault(Fault::Malformed)], 1), Verdict::Rejected(Fault::Malformed));
    }

    #[test]
    fn tokens_beyond_what_is_read_cost_and_earn_nothing() {
        let start = Instant::now();
        let (mut long, mut whole) = (answer(start, 1.0), answer(start, 1.0));
        long.received.ids.extend([7; 5_000]);
        long.received.arrivals_us.extend([400_000; 5_000]);
        [&mut long, &mut whole].into_iter().for_each(Answer::forget_surplus);
        assert_eq!((long.tokens(), long.received.arrivals_us.len(), long.received.end), (10, 10, End::Cut));
        assert_eq!((whole.tokens(), whole.received.end), (10, End::Finished(Finish::Length)), "no more than is read");
    }

    #[test]
    fn a_probe_is_worth_what_came_of_what_was_expected() {
        let now = Instant::now();
        let whole = answer(now, 1.0);
        assert_eq!(probe_share(&model(), &whole), ONE);
        let half = |end| {
            let mut answer = whole.clone();
            answer.received.ids.truncate(5);
            answer.received.arrivals_us.truncate(5);
            answer.received.end = end;
            probe_share(&model(), &answer)
        };
        assert_eq!(half(End::Finished(Finish::Stop)), ONE, "whether it had to end there is another question");
        assert_eq!((half(End::Broke), half(End::Cut)), (ONE / 2, ONE / 2));
        assert_eq!(probe_share(&model(), &silent(now, End::Busy)), 0);
        assert_eq!(half(End::Fault(Fault::Malformed)), 0);
    }
}
