//! From what one miner sent, and what was found out about a sample of it, to a verdict. Pure.

use incentive::inference::{credit, credit_share, score};
use incentive::policy::ModelPolicy;
use incentive::verdict::{Fault, Verdict};
use tokio::time::Instant;

use super::audit::Answer;
use super::memory::Memory;
use super::stream::End;

/// Tokens of a lower temperature, in thousandths, are checked and not paid: at 0 every provider of the same model answers
/// alike, and just above it almost.
const PAID: u32 = 500;

/// What one miner sent in a window.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Heard {
    /// Answers to requests of the ramp: checked, not paid.
    pub ramp: Vec<Answer>,
    /// Answers to requests of the hold.
    pub hold: Vec<Answer>,
    /// Requests at once in the hold.
    pub streams: u32,
}

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
    if let Some(fault) = found.fault.or(memory.wrong) {
        return Verdict::Rejected(fault);
    }
    let sent: u64 = heard.all().map(|answer| u64::from(answer.tokens())).sum();
    let (all, paid) = credits(model, &heard.hold, hold.end);
    if heard.hold.iter().all(|answer| answer.received.ids.is_empty()) {
        return Verdict::Rejected(silence(heard));
    }
    if u64::from(found.checked) < sent.min(least.into()) {
        return Verdict::Void;
    }
    if all == 0 {
        return Verdict::Rejected(Fault::Late);
    }
    Verdict::Accepted(score(paid, hold.ms, memory.gate()))
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

/// Why there is no token: what was said most plainly, of all that was said.
fn silence(heard: &Heard) -> Fault {
    let said = |fault| heard.all().any(|answer| answer.received.end == End::Fault(fault));
    let busy = heard.all().any(|answer| answer.received.end == End::Busy);
    [Fault::NotServed, Fault::UnsupportedVersion, Fault::WindowRefused, Fault::Unreachable, Fault::NoAnswer]
        .into_iter()
        .find(|fault| said(*fault) || busy && *fault == Fault::WindowRefused)
        .unwrap_or(Fault::NoAnswer)
}

impl Heard {
    /// All answers, in the order of their requests.
    pub fn all(&self) -> impl Iterator<Item = &Answer> {
        self.ramp.iter().chain(&self.hold)
    }
}
