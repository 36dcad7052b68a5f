//! From pieces of a body with their times to tokens with theirs.

use engine::generation::Finish;
use incentive::verdict::Fault;
use neuron_common::sse::Parser;
use tokio::time::Instant;

use super::event::{self, Event};
use super::{End, Received};

/// Bytes for each token that is read: a chunk of one token with its ids and head has about 450, and names of models are long.
const TOKEN_BYTES: usize = 1024;
/// More for each alternative that was asked for, and for the token itself beside them.
const ALTERNATIVE_BYTES: usize = 256;
/// Bytes that come once: the first chunk, the last one.
const ALLOWANCE_BYTES: usize = 16 << 10;
/// Pieces, and events, for each token that is read.
const TOKEN_FRAMES: usize = 2;
/// Pieces, and events, that come once or keep the line warm.
const ALLOWANCE_FRAMES: usize = 64;

/// What an answer may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Most tokens that the request admits; more are malformed.
    pub max_tokens: u32,
    /// As many are read; then the stream is cut.
    pub answer_tokens: u32,
    /// Ids are below it: the rows of the model's logits.
    pub vocabulary: u32,
    /// Log probabilities asked for with each token: its own and so many alternatives. `None` if none are.
    pub alternatives: Option<u32>,
    /// Whether fingerprints are asked for; others are malformed.
    pub fingerprint: bool,
}

/// An answer as far as it is here.
#[derive(Clone, Debug)]
pub struct Reading {
    expected: Expected,
    parser: Parser,
    /// What may still come.
    bytes: usize,
    pieces: usize,
    events: usize,
    received: Received,
}

impl Expected {
    fn bytes(&self) -> usize {
        let logprobs = self.alternatives.map_or(0, |count| (count as usize).saturating_add(1));
        let token = TOKEN_BYTES.saturating_add(logprobs.saturating_mul(ALTERNATIVE_BYTES));
        (self.answer_tokens as usize).saturating_mul(token).saturating_add(ALLOWANCE_BYTES)
    }

    fn frames(&self) -> usize {
        (self.answer_tokens as usize).saturating_mul(TOKEN_FRAMES).saturating_add(ALLOWANCE_FRAMES)
    }
}

impl Reading {
    /// Nothing yet; `began` is the time before the first byte of the request.
    #[must_use]
    pub fn new(began: Instant, expected: Expected) -> Self {
        let (bytes, frames) = (expected.bytes(), expected.frames());
        let received = Received { end: End::Broke, ..Received::nothing(began, Fault::NoAnswer) };
        Self { expected, parser: Parser::new(bytes), bytes, pieces: frames, events: frames, received }
    }

    /// Takes the next bytes, the last of which arrived at `at`; tells if they end the answer, and how.
    pub fn take(&mut self, piece: &[u8], at: Instant) -> Option<End> {
        self.step(piece, at).unwrap_or_else(|fault| Some(End::Fault(fault)))
    }

    fn step(&mut self, piece: &[u8], at: Instant) -> Result<Option<End>, Fault> {
        self.bytes = self.bytes.checked_sub(piece.len()).ok_or(Fault::Malformed)?;
        self.pieces = self.pieces.checked_sub(1).ok_or(Fault::Malformed)?;
        let mut events = Vec::new();
        self.parser.push(piece, &mut events).map_err(|_| Fault::Malformed)?;
        for data in events {
            self.events = self.events.checked_sub(1).ok_or(Fault::Malformed)?;
            if let Some(end) = self.event(&data, at)? {
                return Ok(Some(end));
            }
            // Tokens beyond are not read, however many come at once: they would be early by their own deadlines.
            if self.received.ids.len() >= self.expected.answer_tokens as usize {
                return Ok(Some(End::Cut));
            }
        }
        Ok(None)
    }

    fn event(&mut self, data: &str, at: Instant) -> Result<Option<End>, Fault> {
        let Event { binding, ids, chain, fingerprints, finish, over } = event::parse(data)?;
        let received = &mut self.received;
        if let Some(binding) = binding {
            // What an answer is bound to is said once, before its first token.
            if received.binding.replace(binding).is_some() || !received.ids.is_empty() {
                return Err(Fault::Malformed);
            }
        }
        let tokens = received.ids.len() + ids.len();
        let known = ids.iter().all(|id| *id < self.expected.vocabulary);
        let chunks = received.fingerprints.len() + fingerprints.len();
        let wanted = if self.expected.fingerprint { tokens.div_ceil(proof::fingerprint::CHUNK) } else { 0 };
        if !known || tokens > self.expected.max_tokens as usize || chunks > wanted {
            return Err(Fault::Malformed);
        }
        let arrival = u64::try_from(at.duration_since(received.began).as_micros()).unwrap_or(u64::MAX);
        received.ids.extend(ids);
        received.arrivals_us.resize(tokens, arrival);
        received.fingerprints.extend(fingerprints);
        if let Some(head) = chain {
            received.chain = Some((head, tokens));
        }
        Ok(finish.map(End::Finished).or(over.then_some(End::Broke)))
    }

    /// What was received, if it came to this end. Without a token, there was no answer.
    #[must_use]
    pub fn end(self, end: End) -> Received {
        let end = match (end, self.received.ids.is_empty()) {
            (End::Cut | End::Finished(Finish::Stop | Finish::Length), true) => End::Fault(Fault::NoAnswer),
            (End::Broke, true) => End::Fault(Fault::Unreachable),
            (end, _) => end,
        };
        Received { end, ..self.received }
    }
}
