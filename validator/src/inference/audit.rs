//! What an answer is found to be: first by its form, which costs nothing and is looked at in all of them, then by computing
//! it again, which is done with a sample.
//!
//! Pure, but for the decoder that computes. A wrong answer is a value ([`Fault`]); an error is the checker's own.

use engine::check::{CheckError, Checked, Claim, check};
use engine::generation::{Finish, Sampling};
use engine::model::Decoder;
use engine::text::{StopFilter, Text};
use incentive::evidence::{FingerprintLimits, Token};
use incentive::units::{Hotkey, NetUid};
use incentive::verdict::Fault;
use proof::fingerprint::{Fingerprint, distances};

use super::calibrate::measure;
use super::calibrate::strata::{Temperatures, thousandths};
use super::models::{Model, Question};
use super::stream::{Bound, End, Received, binding};

/// Whose questions are answered: what a seed is derived from, beside the miner's hotkey.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asker {
    /// Genesis hash of the chain.
    pub genesis: [u8; 32],
    /// The subnet.
    pub netuid: NetUid,
    /// This validator.
    pub own: Hotkey,
}

/// A question and what came back.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// What was asked.
    pub question: std::sync::Arc<Question>,
    /// What was answered.
    pub received: Received,
}

/// What computing an answer again has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examined {
    /// The temperature of its tokens, in thousandths.
    pub temperature: u32,
    /// The margins, for the charts.
    pub tokens: Vec<Token>,
    /// What is wrong beside them.
    pub fault: Option<Fault>,
}

impl Asker {
    /// What the answer of this miner to this question is bound to.
    #[must_use]
    pub fn bound(&self, model: &Model, miner: &Hotkey, question: &Question) -> Bound {
        let Self { genesis, netuid, own } = self;
        let nonce = question.probe.nonce;
        let seed = proof::inference::seed(genesis, *netuid, own, miner, &nonce, &question.request);
        Bound { request: question.request, nonce, model: model.policy.digest, seed }
    }
}

impl Answer {
    /// Its temperature, in thousandths.
    #[must_use]
    pub fn temperature(&self) -> u32 {
        thousandths(self.question.probe.params.temperature)
    }

    /// Tokens of its prompt.
    #[must_use]
    pub fn prompt_tokens(&self) -> u32 {
        u32::try_from(self.question.prompt.len()).unwrap_or(u32::MAX)
    }

    /// Tokens that came.
    #[must_use]
    pub fn tokens(&self) -> u32 {
        u32::try_from(self.received.ids.len()).unwrap_or(u32::MAX)
    }

    /// Forgets what came beyond the tokens that are read: one event may bring more. What an answer holds afterwards is what a
    /// check costs, and what it can earn. Its form must have been looked at before, for the chain covers all of it.
    pub fn forget_surplus(&mut self) {
        let (most, received) = (self.question.probe.answer_tokens as usize, &mut self.received);
        if received.ids.len() > most {
            received.ids.truncate(most);
            received.arrivals_us.truncate(most);
            received.fingerprints.truncate(most / proof::fingerprint::CHUNK);
            received.end = End::Cut;
        }
    }

    /// Answers of one class are asked for in the same manner: what was odd about one is looked for in the others.
    #[must_use]
    pub fn class(&self) -> (&'static str, Option<usize>) {
        let probe = &self.question.probe;
        (probe.path, Temperatures::of(probe.params.temperature))
    }
}

/// Whether an answer is in order as far as that can be seen without the model: its binding and its end.
///
/// # Errors
/// What no honest miner does. Silence, lateness and refusals are none of that, and pass.
pub fn form(model: &Model, answer: &Answer, bound: &Bound) -> Result<(), Fault> {
    let Answer { question, received } = answer;
    match received.end {
        End::Fault(fault) if is_deceit(fault) => return Err(fault),
        // The bytes after which it is not read any further may hold a head.
        End::Fault(_) => return Ok(()),
        End::Finished(_) | End::Cut | End::Broke | End::Busy => {}
    }
    if received.ids.is_empty() {
        return Ok(());
    }
    binding(received, bound)?;
    let limit = question.probe.max_tokens.unwrap_or(u32::MAX).min(model.context.saturating_sub(answer.prompt_tokens()));
    ending(&model.text, &question.probe.stop, &received.ids, received.end, limit)
}

/// Computes an answer again: the margin of each token, and its fingerprint where one was asked for. `bound` is what its
/// form was found to hold to.
///
/// # Errors
/// The checker's own failures.
pub fn examine(
    decoder: &mut dyn Decoder,
    model: &Model,
    answer: &Answer,
    bound: &Bound,
) -> Result<Examined, CheckError> {
    let Answer { question, received } = answer;
    let limits = model.table.fingerprint.filter(|_| question.probe.fingerprint);
    let sampling = Sampling::seeded(&question.probe.params, bound.seed);
    let claim = Claim {
        prompt: &question.prompt,
        answer: &received.ids,
        sampling: &sampling,
        stop: model.text.stop_tokens(),
        hidden: limits.is_some(),
    };
    let Checked { tokens, hidden } = check(decoder, 0, &claim)?;
    let ended = received.finish().is_some();
    let of_states = |limits| fingerprints(&received.fingerprints, &hidden, model.hidden, ended, limits).err();
    let fault = limits.and_then(of_states);
    Ok(Examined { temperature: answer.temperature(), tokens: measure::tokens(&tokens), fault })
}

/// Whether a fault can only be meant: an honest miner may be late, busy or away, and never does this.
#[must_use]
pub const fn is_deceit(fault: Fault) -> bool {
    match fault {
        Fault::Malformed
        | Fault::WrongBinding
        | Fault::WrongTokens
        | Fault::WrongEnd
        | Fault::WrongFingerprint
        | Fault::Drift => true,
        Fault::NoAxon
        | Fault::Unreachable
        | Fault::WindowRefused
        | Fault::UnsupportedVersion
        | Fault::NoRoot
        | Fault::BadSignature
        | Fault::OpeningRefused
        | Fault::WrongPath
        | Fault::WrongRow
        | Fault::Equivocation
        | Fault::NotServed
        | Fault::NoAnswer
        | Fault::Late => false,
    }
}

/// Whether an answer ends where it says why. Whether its last token is the right one is the business of margins.
fn ending(text: &Text, stops: &[String], ids: &[u32], end: End, limit: u32) -> Result<(), Fault> {
    let Some((last, before)) = ids.split_last() else { return Ok(()) };
    // More than was asked for, or than the context holds: no engine gives it, and no checker could compute it.
    if u32::try_from(ids.len()).map_or(true, |tokens| tokens > limit) {
        return Err(Fault::WrongEnd);
    }
    let ends = |id: &u32| text.stop_tokens().contains(id);
    let mut words = text.stream();
    let mut filter = StopFilter::new(stops.iter().cloned());
    let complete = ids.iter().position(|id| filter.push(&words.push(*id)).stopped);
    if before.iter().any(ends) || complete.is_some_and(|index| index < before.len()) {
        return Err(Fault::WrongEnd);
    }
    // A stop text may be complete only once it is known that no longer one comes.
    let closed = || complete.is_some() || filter.push(&words.finish()).stopped || filter.finish().stopped;
    let right = match end {
        End::Finished(Finish::Stop) => ends(last) || closed(),
        End::Finished(Finish::Length) => u32::try_from(ids.len()).is_ok_and(|tokens| tokens == limit),
        End::Cut | End::Broke | End::Busy | End::Fault(_) => true,
    };
    if right { Ok(()) } else { Err(Fault::WrongEnd) }
}

/// Whether fingerprints are those of these states. Of a stream that was cut, the tokens after the last whole chunk have none.
fn fingerprints(
    claimed: &[Fingerprint],
    states: &[u16],
    hidden: usize,
    ended: bool,
    limits: FingerprintLimits,
) -> Result<(), Fault> {
    let FingerprintLimits { exponents, mean, median } = limits;
    let within = distances(claimed, states, hidden, ended).is_some_and(|distances| {
        distances.iter().all(|distance| distance.within(exponents, mean.into(), median.into()))
    });
    if within { Ok(()) } else { Err(Fault::WrongFingerprint) }
}

#[cfg(test)]
mod tests {
    use engine::synthetic::{Precision, Recipe, tiny};

    use super::*;

    const STOP: End = End::Finished(Finish::Stop);
    const LENGTH: End = End::Finished(Finish::Length);

    fn text() -> Text {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        tiny(&path, Recipe { seed: 1, precision: Precision::Bf16 }).unwrap();
        Text::load(&path).unwrap()
    }

    #[test]
    fn an_answer_ends_where_it_says_why() {
        let text = text();
        let (words, end) = (text.encode("the sea and the land", false).unwrap(), text.stop_tokens()[0]);
        let (whole, ended) = (words.len() as u32, [&words[..], &[end]].concat());
        let ending = |ids: &[u32], end, limit| ending(&text, &[], ids, end, limit);
        let wrong = Err(Fault::WrongEnd);
        assert_eq!(ending(&ended, STOP, 100), Ok(()));
        assert_eq!(ending(&words, STOP, 100), wrong, "no end token");
        assert_eq!(ending(&words, LENGTH, whole), Ok(()));
        assert_eq!(ending(&words, LENGTH, whole + 1), wrong, "one more was asked for");
        assert_eq!(ending(&words, LENGTH, whole - 1), wrong);
        assert_eq!(ending(&words, End::Cut, whole - 1), wrong, "more than was asked for, or than the context holds");
        assert_eq!(ending(&[&ended[..], &words].concat(), STOP, 100), wrong, "went on after its end");
        assert_eq!(ending(&[&ended[..], &words].concat(), End::Cut, 100), wrong);
        for broke in [End::Cut, End::Broke] {
            assert_eq!(ending(&words, broke, 100), Ok(()), "nobody says that it ended");
        }
    }

    #[test]
    fn a_stop_text_ends_an_answer_with_the_token_that_completes_it() {
        let text = text();
        let words = text.encode("the sea and the land and the sky", false).unwrap();
        let stops = ["land".to_owned()];
        let at = (1..=words.len()).find(|&tokens| text.decode(&words[..tokens]).contains("land")).unwrap();
        let ending = |ids: &[u32], end| ending(&text, &stops, ids, end, 100);
        assert_eq!(ending(&words[..at], STOP), Ok(()));
        assert_eq!(ending(&words[..at - 1], STOP), Err(Fault::WrongEnd), "not complete yet");
        assert_eq!(ending(&words[..=at], End::Cut), Err(Fault::WrongEnd), "went on after it");
        assert_eq!(ending(&words[..at - 1], End::Cut), Ok(()));
    }

    #[test]
    fn fingerprints_are_those_of_the_states() {
        let hidden = 64;
        let states: Vec<u16> = (0..40 * hidden as u32)
            .map(|index| proof::fingerprint::bf16((f64::from(index) * 0.37).sin() as f32 * 3.0))
            .collect();
        let claimed = proof::fingerprint::chunks(&states, hidden);
        let limits = FingerprintLimits { exponents: 10, mean: 5_000, median: 5 };
        let near = |claimed: &[Fingerprint], ended| fingerprints(claimed, &states, hidden, ended, limits);
        assert_eq!(near(&claimed, true), Ok(()));
        let wrong = Err(Fault::WrongFingerprint);
        assert_eq!(near(&claimed[..1], true), wrong, "the last one is missing");
        assert_eq!(near(&claimed[..1], false), Ok(()), "a stream that was cut has none for the rest");
        assert_eq!(near(&[], false), wrong);
        assert_eq!(near(&[claimed[0].clone(), Fingerprint::null()], true), wrong);
        assert_eq!(near(&[claimed[1].clone(), claimed[0].clone()], true), wrong, "of other states");
    }

    #[test]
    fn no_honest_trouble_is_deceit() {
        for fault in Fault::ALL {
            let meant = matches!(
                fault,
                Fault::Malformed
                    | Fault::WrongBinding
                    | Fault::WrongTokens
                    | Fault::WrongEnd
                    | Fault::WrongFingerprint
                    | Fault::Drift
            );
            assert_eq!(is_deceit(fault), meant, "{fault}");
        }
    }
}
