//! An answer as it comes: from the bytes of a response to the deltas of a backend.

use std::collections::VecDeque;
use std::time::Duration;

use engine::generation::{Finish, Token};
use reqwest::Response;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, timeout_at};

use super::chunk::{self, Chunk, ChunkError, Shape};
use super::config::Patience;
use super::gaps::{Gaps, Held};
use super::http::{Failure, reason};
use crate::inference::backend::{BackendError, Delta};
use neuron_common::sse::Parser;

/// Most events in a row that bring nothing: a server that only keeps the line warm is given up.
const EMPTY: usize = 4096;

/// Most bytes of text for one token; the longest tokens of public vocabularies have a few hundred.
const TOKEN_BYTES: usize = 1024;

/// Most bytes of an event besides the ids of a prompt: one token with twenty alternatives has a few thousand.
const EVENT: usize = 1 << 18;

/// The chunks of one response.
pub(super) struct Chunks {
    response: Response,
    parser: Parser,
    events: VecDeque<String>,
    shape: Shape,
    patience: Patience,
    /// When the next chunk must be here.
    next_by: Instant,
    /// When all of them must be.
    all_by: Instant,
}

impl Chunks {
    /// `context` bounds an event: the first may carry the ids of the whole prompt.
    pub fn new(response: Response, shape: Shape, context: usize, patience: Patience, asked_at: Instant) -> Self {
        let limit = EVENT.saturating_add(context.saturating_mul(12));
        Self {
            response,
            parser: Parser::new(limit),
            events: VecDeque::new(),
            shape,
            patience,
            next_by: asked_at + patience.first,
            all_by: asked_at + patience.answer,
        }
    }

    /// The next chunk; `None` at the end of the stream. Comments do not count as a sign of life: the time for the next chunk
    /// runs on.
    pub async fn next(&mut self) -> Result<Option<Chunk>, Failure> {
        loop {
            if let Some(event) = self.events.pop_front() {
                if event == "[DONE]" {
                    return Ok(None);
                }
                let chunk = chunk::parse(self.shape, &event).map_err(|error| match error {
                    ChunkError::Server(text) => Failure::Answer(format!("the server gave up: {text}")),
                    ChunkError::Malformed(text) => Failure::Answer(text),
                })?;
                self.next_by = Instant::now() + self.patience.idle;
                return Ok(Some(chunk));
            }
            let by = self.next_by.min(self.all_by);
            let piece = timeout_at(by, self.response.chunk()).await.map_err(|_| self.late())?;
            let Some(piece) =
                piece.map_err(|error| Failure::Network(format!("the answer broke off: {}", reason(error))))?
            else {
                return Ok(None);
            };
            self.parser.push(&piece, &mut self.events).map_err(|error| Failure::Answer(error.to_string()))?;
        }
    }

    fn late(&self) -> Failure {
        let seconds = |limit: Duration| limit.as_secs();
        Failure::Network(if self.all_by <= self.next_by {
            format!("the answer took longer than {} s", seconds(self.patience.answer))
        } else {
            format!("no token for {} s", seconds(self.patience.idle))
        })
    }
}

/// What is known of an answer before it begins.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    /// The prompt's ids, if they were sent.
    pub prompt_ids: Vec<u32>,
    /// Whether answers carry ids.
    pub token_ids: bool,
    pub max_tokens: usize,
    /// How many alternatives are wanted.
    pub alternatives: usize,
}

/// What came so far, checked against what may come.
#[derive(Debug)]
pub(super) struct Progress {
    expected: Expected,
    begun: bool,
    /// Tokens so far, those without an id included.
    tokens: usize,
    bytes: usize,
    empty: usize,
    /// The ids of prompt and answer up to the first gap.
    known: Vec<u32>,
    /// From the first gap on. Ids with a gap would be taken for another answer, so none is passed on behind it.
    held: Vec<Held>,
    finish: Option<Finish>,
}

/// How an answer ended.
#[derive(Debug, PartialEq)]
pub(super) struct Ended {
    pub known: Vec<u32>,
    pub held: Vec<Held>,
    pub end: Delta,
}

impl Progress {
    pub fn new(expected: Expected) -> Self {
        let known = expected.prompt_ids.clone();
        let (held, finish) = (Vec::new(), None);
        Self { expected, begun: false, tokens: 0, bytes: 0, empty: 0, known, held, finish }
    }

    /// The deltas of a chunk, or why the server is not to be listened to any longer.
    pub fn take(&mut self, chunk: Chunk) -> Result<Vec<Delta>, Failure> {
        let Chunk { text, tokens, mut logprobs, prompt_ids, finish, prompt_tokens, completion_tokens } = chunk;
        let mut deltas = self.begin(prompt_ids, prompt_tokens);
        let missing = completion_tokens.unwrap_or(0).saturating_sub(self.tokens + tokens.len());
        let brings = !text.is_empty() || !tokens.is_empty() || finish.is_some() || missing > 0;
        self.empty = if brings { 0 } else { self.empty + 1 };
        self.tokens += missing + tokens.len();
        self.bytes += text.len();
        self.finish = finish.or(self.finish);
        let most = self.expected.max_tokens;
        if self.tokens > most || self.bytes > most.saturating_add(1).saturating_mul(TOKEN_BYTES) || self.empty > EMPTY {
            return Err(Failure::Answer(format!("the server sends more than the {most} tokens that were asked for")));
        }
        let tokens = self.shown(missing, tokens);
        // vLLM adds the chosen token to the alternatives where it is none of them.
        logprobs.iter_mut().for_each(|shown| shown.top.truncate(self.expected.alternatives));
        if !text.is_empty() || !tokens.is_empty() || !logprobs.is_empty() {
            deltas.push(Delta::Text { text, tokens, logprobs });
        }
        Ok(deltas)
    }

    /// What is left at the end, if the server said that this is the end.
    pub fn end(self) -> Result<Ended, Failure> {
        let Some(finish) = self.finish else { return Err(Failure::Network("the answer broke off".into())) };
        Ok(Ended { known: self.known, held: self.held, end: Delta::End { finish, tokens: self.tokens } })
    }

    /// The tokens that may be passed on now.
    fn shown(&mut self, missing: usize, mut tokens: Vec<Token>) -> Vec<Token> {
        if !self.expected.token_ids {
            return Vec::new();
        }
        for token in &mut tokens {
            token.top.truncate(self.expected.alternatives);
        }
        if missing > 0 {
            self.held.push(Held::Missing(missing));
        }
        if self.held.is_empty() {
            self.known.extend(tokens.iter().map(|token| token.id));
            return tokens;
        }
        self.held.extend(tokens.into_iter().map(Held::Token));
        Vec::new()
    }

    fn begin(&mut self, prompt_ids: Vec<u32>, prompt_tokens: Option<usize>) -> Vec<Delta> {
        if std::mem::replace(&mut self.begun, true) {
            return Vec::new();
        }
        let sent = std::mem::take(&mut self.expected.prompt_ids);
        let prompt_ids = if sent.is_empty() { prompt_ids } else { sent };
        let prompt_tokens = if prompt_ids.is_empty() { prompt_tokens.unwrap_or_default() } else { prompt_ids.len() };
        vec![Delta::Begin { prompt_tokens, prompt_ids }]
    }
}

/// Passes the answer on until it ends, breaks, or nobody listens any longer. Then the connection closes, and with it the
/// server's slot is free: vLLM, SGLang and llama.cpp give up an answer whose connection is gone.
pub(super) async fn pass_on(
    chunks: Chunks,
    expected: Expected,
    gaps: Gaps,
    deltas: mpsc::Sender<Result<Delta, BackendError>>,
    _permit: OwnedSemaphorePermit,
) {
    let answer = async {
        if let Err(failure) = whole(chunks, expected, &gaps, &deltas).await {
            let _gone = deltas.send(Err(failure.for_request("prompt"))).await;
        }
    };
    tokio::select! {
        () = deltas.closed() => {}
        () = answer => {}
    }
}

async fn whole(
    mut chunks: Chunks,
    expected: Expected,
    gaps: &Gaps,
    deltas: &mpsc::Sender<Result<Delta, BackendError>>,
) -> Result<(), Failure> {
    let mut progress = Progress::new(expected);
    // That nobody listens is noticed by the caller.
    while let Some(chunk) = chunks.next().await? {
        for delta in progress.take(chunk)? {
            let _gone = deltas.send(Ok(delta)).await;
        }
    }
    let Ended { known, held, end } = progress.end()?;
    if let Some(tokens) = gaps.fill(known, held).await.filter(|tokens| !tokens.is_empty()) {
        let _gone = deltas.send(Ok(Delta::Text { text: String::new(), tokens, logprobs: Vec::new() })).await;
    }
    let _gone = deltas.send(Ok(end)).await;
    Ok(())
}

/// What an answer showed, for the probe: ids, and whether each event had log probabilities.
pub(super) async fn collect(mut chunks: Chunks, expected: Expected) -> Result<(Vec<u32>, bool), Failure> {
    let mut progress = Progress::new(expected);
    let (mut ids, mut bare) = (Vec::new(), false);
    while let Some(chunk) = chunks.next().await? {
        for delta in progress.take(chunk)? {
            if let Delta::Text { tokens, logprobs, .. } = delta {
                ids.extend(tokens.iter().map(|token| token.id));
                bare |= logprobs.is_empty();
            }
        }
    }
    ids.extend(progress.end()?.held.iter().filter_map(|held| match held {
        Held::Token(token) => Some(token.id),
        Held::Missing(_) => None,
    }));
    Ok((ids, !bare))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(max_tokens: usize) -> Expected {
        Expected { prompt_ids: vec![1, 2], token_ids: true, max_tokens, alternatives: 1 }
    }

    fn token(id: u32) -> Token {
        Token { id, logprob: -1.0, top: vec![(id, -1.0), (id + 1, -2.0)] }
    }

    fn chunk(text: &str, ids: &[u32], said: Option<usize>) -> Chunk {
        let tokens = ids.iter().copied().map(token).collect();
        Chunk { text: text.into(), tokens, completion_tokens: said, ..Chunk::default() }
    }

    fn ids(deltas: &[Delta]) -> Vec<u32> {
        let tokens = deltas.iter().filter_map(|delta| match delta {
            Delta::Text { tokens, .. } => Some(tokens),
            _ => None,
        });
        tokens.flatten().map(|token| token.id).collect()
    }

    #[test]
    fn the_prompt_comes_first_and_once() {
        let mut progress = Progress::new(expected(9));
        let deltas = progress.take(chunk("a", &[5], None)).unwrap();
        assert_eq!(deltas[0], Delta::Begin { prompt_tokens: 2, prompt_ids: vec![1, 2] });
        assert_eq!(
            deltas[1],
            Delta::Text {
                text: "a".into(),
                tokens: vec![Token { top: vec![(5, -1.0)], ..token(5) }],
                logprobs: Vec::new(),
            }
        );
        assert_eq!(progress.take(chunk("", &[], None)).unwrap(), []);
        assert!(matches!(progress.end(), Err(Failure::Network(text)) if text == "the answer broke off"));
    }

    #[test]
    fn ids_behind_a_gap_are_held_back() {
        let mut progress = Progress::new(expected(9));
        assert_eq!(ids(&progress.take(chunk("a", &[5], Some(1))).unwrap()), [5]);
        let deltas = progress.take(chunk("é", &[6], Some(3))).unwrap();
        assert_eq!(deltas, [Delta::Text { text: "é".into(), tokens: Vec::new(), logprobs: Vec::new() }]);
        assert!(ids(&progress.take(chunk("b", &[7], Some(4))).unwrap()).is_empty());
        let last = Chunk { finish: Some(Finish::Length), ..chunk("", &[], Some(4)) };
        assert_eq!(progress.take(last).unwrap(), []);
        let ended = progress.end().unwrap();
        assert_eq!((ended.known, ended.end), (vec![1, 2, 5], Delta::End { finish: Finish::Length, tokens: 4 }));
        assert!(matches!(ended.held.as_slice(), [Held::Missing(1), Held::Token(_), Held::Token(_)]));
    }

    #[test]
    fn a_server_that_sends_too_much_is_given_up() {
        let mut progress = Progress::new(expected(2));
        progress.take(chunk("a", &[5, 6], None)).unwrap();
        assert!(progress.take(chunk("b", &[7], None)).is_err());
        let mut progress = Progress::new(expected(2));
        assert!(progress.take(chunk("a", &[], Some(usize::MAX))).is_err());
        let mut progress = Progress::new(expected(2));
        assert!(progress.take(chunk(&"x".repeat(3 * TOKEN_BYTES), &[], None)).is_ok());
        assert!(progress.take(chunk("x", &[], None)).is_err());
        let mut progress = Progress::new(expected(2));
        assert!((0..EMPTY).all(|_| progress.take(chunk("", &[], None)).is_ok()));
        assert!(progress.take(chunk("", &[], None)).is_err());
    }
}
