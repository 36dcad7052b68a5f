//! Tokens sent before anything was computed: a quick beginning, on paper. One of them is a fake first token.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Result;
use engine::generation::Token;
use engine::model::{Decoder, ModelError, Output, Segment, Want};
use futures_util::future::BoxFuture;
use miner::inference::backend::{Backend, BackendError, Completion, Delta, Deltas, Embeddings, Prompt};
use tokio::sync::mpsc;

use super::{Model, Twist};

/// The token that is sent.
const FILLER: u32 = 11;

/// Answers that begin with `count` tokens of no meaning and go on as the model would go on after them.
///
/// # Errors
/// When the model cannot be loaded.
pub fn filler(model: &Model, count: usize) -> Result<Arc<dyn Backend>> {
    let decoder = model.decoder()?;
    let forced = Forced { count, left: BTreeMap::new() };
    let inner = model.disguised(&decoder.info().clone(), decoder, forced)?;
    Ok(Arc::new(Early { inner, count }))
}

/// Lets no other token win at the first places of an answer.
struct Forced {
    count: usize,
    left: BTreeMap<usize, usize>,
}

impl Twist for Forced {
    fn forward(&mut self, inner: &mut dyn Decoder, batch: &[Segment<'_>]) -> Result<Vec<Output>, ModelError> {
        let mut outputs = inner.forward(batch)?;
        for (segment, output) in batch.iter().zip(&mut outputs).filter(|(segment, _)| segment.want != Want::Nothing) {
            let left = self.left.entry(segment.slot).or_insert(self.count);
            if *left > 0 {
                *left -= 1;
                for (id, logit) in (0..).zip(&mut output.logits) {
                    *logit = if id == FILLER { 0.0 } else { f32::NEG_INFINITY };
                }
            }
        }
        Ok(outputs)
    }

    fn truncate(&mut self, inner: &mut dyn Decoder, slot: usize, length: usize) {
        self.left.insert(slot, self.count);
        inner.truncate(slot, length);
    }
}

/// Sends the first tokens before the decoder has them, and not again when it has.
struct Early {
    inner: Arc<dyn Backend>,
    count: usize,
}

impl Early {
    async fn answer(&self, request: Completion) -> Result<Deltas, BackendError> {
        let count = self.count.min(request.max_tokens.unwrap_or(usize::MAX));
        let mut answer = self.inner.complete(request).await?;
        let (sender, deltas) = mpsc::channel(count + 1);
        tokio::spawn(async move {
            let (mut begun, mut left) = (false, count);
            while let Some(mut delta) = answer.recv().await {
                if let Ok(Delta::Text { tokens, .. }) = &mut delta {
                    let early = left.min(tokens.len());
                    tokens.drain(..early);
                    left -= early;
                }
                let _gone = sender.send(delta).await;
                for _ in 0..if std::mem::replace(&mut begun, true) { 0 } else { count } {
                    let token = Token { id: FILLER, logprob: 0.0, top: Vec::new() };
                    let filler = Delta::Text { text: String::new(), tokens: vec![token], logprobs: Vec::new() };
                    let _gone = sender.send(Ok(filler)).await;
                }
            }
        });
        Ok(deltas)
    }
}

impl Backend for Early {
    fn model(&self) -> &miner::inference::backend::Model {
        self.inner.model()
    }

    fn complete(&self, request: Completion) -> BoxFuture<'_, Result<Deltas, BackendError>> {
        Box::pin(self.answer(request))
    }

    fn embed(&self, inputs: Vec<Prompt>) -> BoxFuture<'_, Result<Embeddings, BackendError>> {
        self.inner.embed(inputs)
    }
}
