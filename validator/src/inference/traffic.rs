//! What requests look like: shapes of recorded traffic, filled with text of our own.
//!
//! A probe that can be told from what users send is answered well while users are not. So nothing of a probe is made up but its
//! text: which members it has, how their numbers are written, how many turns of which lengths, is taken as a whole from one recorded
//! request (`Shape`). Its text is put together from sentences of others (`Texts`), so that no answer and no
//! prefix is known from before. Both kinds leave by one door (`wrap`), which every gateway that checks its traffic uses.

mod shape;
#[cfg(test)]
mod tests;
mod text;
mod wrap;

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use proof::inference::Params;
use rand_chacha::rand_core::RngCore;
use serde_json::Value;

pub use wrap::as_organic;

use super::stream::Expected;
use shape::Shape;
use text::{Role, Texts};

/// Most bytes of a body: with its headers it fits into what a connection may send before it is acknowledged (ten segments), so
/// that no receiver can hold back the end of it.
pub const BODY_LIMIT: usize = 13 << 10;
/// Most bytes of a file of traffic.
const FILE_LIMIT: u64 = 64 << 20;
/// Texts of a role that are enough to make new ones of; fewer are helped out by those that come with the program.
const TEXTS: usize = 32;
/// The requests that come with the program, one per line; `validator/traffic/default.py` made them.
pub const BUILT_IN: &str = include_str!("../../traffic/default.jsonl");

/// Their texts.
static BUILT_IN_TEXTS: LazyLock<Vec<(Role, String)>> = LazyLock::new(|| {
    let mut texts = Vec::new();
    // A line that is none gives no text; a test reads them all.
    BUILT_IN.lines().for_each(|line| drop(Shape::read(line, &mut texts)));
    texts
});

/// A request as any client could send it.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// `/v1/chat/completions` or `/v1/completions`.
    pub path: &'static str,
    /// The JSON body as it is sent, `model`, `stream` and `assay` included.
    pub body: Vec<u8>,
    /// What is continued, as the body has it.
    pub prompt: Prompt,
    /// What the tokens depend on.
    pub params: Params,
    /// Most tokens of the answer, as the request says; `None` until the context is full.
    pub max_tokens: Option<u32>,
    /// As many tokens are read of the answer; then the stream is cut. A request that asked for no more would be known by it.
    pub answer_tokens: u32,
    /// Texts that end the answer.
    pub stop: Vec<String>,
    /// Log probabilities asked for with each token: its own and so many alternatives.
    pub alternatives: Option<u32>,
    /// What the seed is derived from.
    pub nonce: [u8; 32],
    /// Whether a fingerprint is asked for.
    pub fingerprint: bool,
}

/// What is continued.
#[derive(Clone, Debug, PartialEq)]
pub enum Prompt {
    /// A conversation, for the model's chat template.
    Chat(Vec<Value>),
    /// Text, tokenised as it is with what the tokenizer puts around texts.
    Text(String),
}

/// The model that probes ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Its name in requests.
    pub id: String,
    /// Longest sequence, in tokens.
    pub context: u32,
    /// Most tokens that are read of an answer.
    pub answer_tokens: u32,
    /// Whether some requests ask for fingerprints.
    pub fingerprint: bool,
}

/// Recorded requests, and the text for new ones.
#[derive(Clone, Debug)]
pub struct Traffic {
    shapes: Vec<Shape>,
    texts: Texts,
    passed_over: usize,
}

/// Why there is no traffic to draw from.
#[derive(Debug, thiserror::Error)]
pub enum TrafficError {
    /// The file cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// It is longer than any recording needs to be.
    #[error("{} is longer than {FILE_LIMIT} bytes; record a sample of the traffic", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// A line that is no request.
    #[error("line {line} is no request: {reason}; see docs/probes.md for the form")]
    Line {
        /// From 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// Nothing in it can be asked of this model.
    #[error(
        "none of {recorded} recorded requests fits {model} (context {context}); record shorter ones, or ones for this model"
    )]
    NoneFits {
        /// The name in requests.
        model: String,
        /// Its longest sequence.
        context: u32,
        /// How many were looked at.
        recorded: usize,
    },
}

impl Traffic {
    /// The shapes that come with the program: plausible, and known to everybody. A validator that is paid for its judgement
    /// records its own.
    ///
    /// # Errors
    /// Never for the file that is committed; a test reads it.
    pub fn built_in() -> Result<Self, TrafficError> {
        Self::parse(BUILT_IN)
    }

    /// Reads a file of recorded requests, one JSON body per line.
    ///
    /// # Errors
    /// When it cannot be read, is too long, or a line is no request.
    pub fn load(path: &Path) -> Result<Self, TrafficError> {
        let file = |source| TrafficError::File { path: path.to_owned(), source };
        if std::fs::metadata(path).map_err(file)?.len() > FILE_LIMIT {
            return Err(TrafficError::TooLong { path: path.to_owned() });
        }
        Self::parse(&std::fs::read_to_string(path).map_err(file)?)
    }

    /// Reads recorded requests. Those that no probe can be like (several answers, tools, pictures) are passed over.
    ///
    /// # Errors
    /// When a line is no request.
    pub fn parse(lines: &str) -> Result<Self, TrafficError> {
        let mut texts = Vec::new();
        let (shapes, passed_over) = read(lines, &mut texts)?;
        let mut texts = Texts::new(texts);
        let few: Vec<_> = [Role::User, Role::Assistant, Role::System, Role::Prompt]
            .into_iter()
            .filter(|role| !texts.suffice(*role, TEXTS))
            .collect();
        texts.add(BUILT_IN_TEXTS.iter().filter(|(role, _)| few.contains(role)).cloned());
        Ok(Self { shapes, texts, passed_over })
    }

    /// Requests that probes can be like, and those that were passed over.
    #[must_use]
    pub fn recorded(&self) -> (usize, usize) {
        (self.shapes.len(), self.passed_over)
    }

    /// What of it can be asked of a model: prompt and answer fit its context.
    ///
    /// # Errors
    /// [`TrafficError::NoneFits`].
    pub fn asking(self: &Arc<Self>, asked: Asked) -> Result<Source, TrafficError> {
        let fitting: Vec<_> = (0..self.shapes.len()).filter(|index| self.shapes[*index].fits(asked.context)).collect();
        if fitting.is_empty() {
            let Asked { id: model, context, .. } = asked;
            return Err(TrafficError::NoneFits { model, context, recorded: self.shapes.len() });
        }
        Ok(Source { traffic: Arc::clone(self), fitting, asked })
    }
}

/// The shapes of all lines, and how many lines have none.
fn read(lines: &str, texts: &mut Vec<(Role, String)>) -> Result<(Vec<Shape>, usize), TrafficError> {
    let (mut shapes, mut passed_over) = (Vec::new(), 0);
    for (line, text) in (1..).zip(lines.lines()).filter(|(_, text)| !text.trim().is_empty()) {
        match Shape::read(text, texts).map_err(|reason| TrafficError::Line { line, reason })? {
            Some(shape) => shapes.push(shape),
            None => passed_over += 1,
        }
    }
    Ok((shapes, passed_over))
}

/// Whether a recorded request has probes like it, for a model with this context.
#[must_use]
pub fn has_probe(line: &str, context: u32) -> bool {
    Shape::read(line, &mut Vec::new()).is_ok_and(|shape| shape.is_some_and(|shape| shape.fits(context)))
}

/// Probes for one model.
#[derive(Clone, Debug)]
pub struct Source {
    traffic: Arc<Traffic>,
    /// Places of the shapes that fit; at least one.
    fitting: Vec<usize>,
    asked: Asked,
}

impl Source {
    /// A new probe: the shape of a recorded request, fresh text, a fresh nonce.
    #[must_use]
    pub fn draw(&self, rng: &mut impl RngCore) -> Probe {
        let shape = self.fitting[text::below(rng, self.fitting.len())];
        self.traffic.shapes[shape].probe(&self.traffic.texts, &self.asked, rng)
    }
}

impl Probe {
    /// What its answer may be, from a model with so many rows of logits and this context.
    #[must_use]
    pub fn expected(&self, vocabulary: u32, context: u32) -> Expected {
        Expected {
            max_tokens: self.max_tokens.unwrap_or(context),
            answer_tokens: self.answer_tokens,
            vocabulary,
            alternatives: self.alternatives,
            fingerprint: self.fingerprint,
        }
    }
}

/// The time until the next probe outside of the windows, in milliseconds: exponential with this mean, so that the time since the
/// last one says nothing about the next. At most 20 times the mean.
#[must_use]
pub fn gap_ms(rng: &mut impl RngCore, mean_ms: u64) -> u64 {
    // In (0, 1]: the logarithm is finite.
    let uniform = ((rng.next_u64() >> 11) + 1) as f64 / (1_u64 << 53) as f64;
    ((-uniform.ln()).min(20.0) * mean_ms as f64) as u64
}
