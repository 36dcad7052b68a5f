//! Ids that llama.cpp does not show.
//!
//! In a stream its server sends an event for each token, except for tokens that end inside a character: their bytes come with the
//! token that completes it, their ids never (`process_token` in `tools/server/server-context.cpp`). Its
//! count `tokens_predicted` goes on, so a gap is seen. At temperature 0 what is missing can be asked for again: the same prompt
//! and the tokens before the gap give the same tokens, and the first token behind the gap says whether they did.

use serde::Deserialize;
use serde_json::{Value, json};

use engine::generation::Token;

use super::capabilities::{Capabilities, Dialect};
use super::chunk;
use super::http::{Failure, Http};
use crate::inference::backend::Completion;

/// Most tokens that are asked for again. A character has at most four bytes, so a gap has at most three tokens unless the model
/// writes what is no text.
const LONGEST: usize = 16;

/// How missing tokens are asked for; nothing where they cannot be.
pub(super) struct Gaps(Option<(Http, Value)>);

#[derive(Deserialize)]
struct Answer {
    tokens: Vec<u32>,
}

/// A token, or how many are missing before the next.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Held {
    Missing(usize),
    Token(Token),
}

impl Gaps {
    /// `body` is that of the request.
    pub fn new(http: &Http, capabilities: &Capabilities, request: &Completion, body: Value) -> Self {
        let again = capabilities.dialect == Dialect::LlamaCpp
            && request.temperature == 0.0
            && request.presence_penalty == 0.0
            && request.frequency_penalty == 0.0
            && request.logprobs.is_none();
        Self(again.then(|| (http.clone(), body)))
    }

    /// All tokens from the first gap on; `None` where that fails. `known` is the prompt and the answer up to there.
    pub async fn fill(&self, mut known: Vec<u32>, held: Vec<Held>) -> Option<Vec<Token>> {
        let mut tokens = Vec::with_capacity(held.len());
        let mut held = held.into_iter();
        while let Some(next) = held.next() {
            let found = match next {
                Held::Token(token) => vec![token],
                Held::Missing(missing) => self.gap(&known, missing, held.next()).await?,
            };
            known.extend(found.iter().map(|token| token.id));
            tokens.extend(found);
        }
        Some(tokens)
    }

    /// The missing tokens and the one behind them, if there is one.
    async fn gap(&self, known: &[u32], missing: usize, behind: Option<Held>) -> Option<Vec<Token>> {
        let behind = match behind {
            None => None,
            Some(Held::Token(token)) => Some(token),
            Some(Held::Missing(_)) => return None,
        };
        let wanted = missing + usize::from(behind.is_some());
        let mut ids = self.ask(known, wanted).await.ok()?;
        if ids.len() != wanted || behind.as_ref().is_some_and(|behind| ids.pop() != Some(behind.id)) {
            return None;
        }
        Some(ids.into_iter().map(chunk::unsaid).chain(behind).collect())
    }

    async fn ask(&self, known: &[u32], tokens: usize) -> Result<Vec<u32>, Failure> {
        let Some((http, body)) = self.0.as_ref().filter(|_| tokens <= LONGEST) else {
            return Err(Failure::Answer("these tokens cannot be asked for again".into()));
        };
        let mut body = body.clone();
        body["prompt"] = json!(known);
        body["stream"] = false.into();
        body["n_predict"] = tokens.into();
        // The answer is otherwise a copy of the prompt and all settings.
        body["response_fields"] = json!(["tokens"]);
        http.post::<Answer>("/completion", &body, 1 << 16).await.map(|answer| answer.tokens)
    }
}
