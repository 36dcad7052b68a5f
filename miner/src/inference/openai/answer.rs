//! Runs the answers of a request side by side, each in a slot of its own. Dropping the stream frees them.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use futures_util::stream::{self, SelectAll, Stream, StreamExt as _};

use super::ApiError;
use crate::inference::backend::{Completion, Delta, Deltas};
use crate::inference::queue::{Permit, Place};
use crate::inference::service::Served;

/// A part of the choice with this index. After an error no part of that choice follows.
pub type Part = (usize, Result<Delta, ApiError>);

/// The parts of all choices, as they come.
pub type Parts = SelectAll<Pin<Box<dyn Stream<Item = Part> + Send>>>;

/// Where one choice is.
enum Stage {
    Waiting(Place, Completion),
    Running(Running),
    Over,
}

/// A choice that has its slot.
struct Running {
    deltas: Deltas,
    permit: Permit,
    /// When its first token came, and its last.
    first: Option<Instant>,
    last: Instant,
    tokens: usize,
}

/// All choices of a request, each with its place in the queue. `started` is when the request came in.
pub fn answers(served: &Arc<Served>, places: Vec<Place>, completions: Vec<Completion>, started: Instant) -> Parts {
    let choices = places.into_iter().zip(completions).zip(0..).map(|((place, completion), index)| {
        let (served, stage) = (Arc::clone(served), Stage::Waiting(place, completion));
        let steps = stream::unfold((served, stage), move |(served, stage)| async move {
            let (part, stage) = step(&served, stage, started).await?;
            Some(((index, part), (served, stage)))
        });
        steps.boxed()
    });
    choices.collect()
}

async fn step(served: &Served, stage: Stage, started: Instant) -> Option<(Result<Delta, ApiError>, Stage)> {
    let mut running = match stage {
        Stage::Over => return None,
        Stage::Running(running) => running,
        Stage::Waiting(place, completion) => match begin(served, place, completion).await {
            Ok(running) => running,
            Err(error) => return Some((Err(error), Stage::Over)),
        },
    };
    let part = match running.deltas.recv().await {
        Some(Ok(delta)) => {
            running.count(served, &delta, started);
            Ok(delta)
        }
        Some(Err(error)) => Err(error.into()),
        None => {
            tracing::error!(model = served.backend.model().id, "an answer broke off without an error");
            Err(ApiError::internal())
        }
    };
    let over = matches!(part, Err(_) | Ok(Delta::End { .. }));
    Some((part, if over { Stage::Over } else { Stage::Running(running) }))
}

async fn begin(served: &Served, place: Place, completion: Completion) -> Result<Running, ApiError> {
    let permit = place.slot().await?;
    let deltas = served.backend.complete(completion).await?;
    Ok(Running { deltas, permit, first: None, last: Instant::now(), tokens: 0 })
}

// === impl Running ===

impl Running {
    /// Charges the caller and keeps the time.
    fn count(&mut self, served: &Served, delta: &Delta, started: Instant) {
        match delta {
            Delta::Begin { prompt_tokens, .. } => {
                served.meter.prompt(*prompt_tokens);
                self.permit.charge(*prompt_tokens as u64);
            }
            Delta::Text { text, tokens, .. } => {
                // A server that shows no ids sends about one token at a time.
                let new = if tokens.is_empty() { usize::from(!text.is_empty()) } else { tokens.len() };
                self.token(served, new, started);
            }
            Delta::Fingerprint(_) => {}
            Delta::End { tokens, .. } => {
                let missed = tokens.saturating_sub(self.tokens);
                self.token(served, missed, started);
                if let Some(first) = self.first {
                    served.meter.complete(self.tokens, self.last - first);
                }
            }
        }
    }

    fn token(&mut self, served: &Served, new: usize, started: Instant) {
        if new == 0 {
            return;
        }
        self.last = Instant::now();
        if self.first.is_none() {
            self.first = Some(self.last);
            served.meter.first(self.last - started);
        }
        self.tokens += new;
        served.meter.answer(new);
        self.permit.charge(new as u64);
    }
}
