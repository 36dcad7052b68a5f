//! Encoders of the BERT family: texts to vectors.
//!
//! A folder as sentence-transformers writes it: `config.json`, `model.safetensors`, and where they are there
//! `modules.json`, `sentence_bert_config.json` and `1_Pooling/config.json`. Text becomes ids with [`crate::text::Text`],
//! with the special tokens that the tokenizer adds.

mod bert;
mod config;
mod weights;

use std::path::Path;

use candle_core::Tensor;

use crate::model::{ModelError, ModelInfo};
use bert::Bert;
use config::{Config, Pooling};
use weights::Weights;

/// Tokens that pass the layers together; bounds the memory of a large batch.
const BATCH: usize = 4096;

/// A loaded encoder. Sequences of a batch do not see each other, nor any padding: there is none.
pub struct Encoder {
    info: ModelInfo,
    bert: Bert,
    pooling: Pooling,
}

/// One sequence of tokens.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// Token ids, with `[CLS]` and `[SEP]`.
    pub ids: &'a [u32],
    /// To which of two texts each token belongs; empty where there is one.
    pub types: &'a [u32],
}

impl Encoder {
    /// From a folder.
    ///
    /// # Errors
    /// When a file is missing or damaged, or asks for something that is not supported: it is named.
    pub fn load(folder: &Path) -> Result<Self, ModelError> {
        let config = Config::load(folder)?;
        let mut weights = Weights::load(folder)?;
        let bert = Bert::new(&config, &mut weights)?;
        let info = ModelInfo {
            architecture: "bert".into(),
            precision: "f32".into(),
            digest: weights.digest(),
            vocabulary: config.vocab_size,
            hidden: config.hidden_size,
            context: config.longest,
            parameters: weights.parameters(),
        };
        Ok(Self { info, bert, pooling: config.pooling })
    }

    /// What was loaded; [`ModelInfo::context`] is the longest sequence that is read.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// What of a sequence is read: all of it, or as many of its first tokens as fit, with its last (`[SEP]`).
    pub fn cut(&self, ids: &[u32]) -> Vec<u32> {
        match ids {
            [.., last] if ids.len() > self.info.context => [&ids[..self.info.context - 1], &[*last]].concat(),
            _ => ids.to_vec(),
        }
    }

    /// A vector of unit length for each sequence, of what [`Encoder::cut`] leaves of it.
    ///
    /// # Errors
    /// When a sequence is empty or holds an id that is not in the vocabulary.
    pub fn embed(&self, ids: &[Vec<u32>]) -> Result<Vec<Vec<f32>>, ModelError> {
        let cut: Vec<_> = ids.iter().map(|ids| self.cut(ids)).collect();
        let inputs: Vec<_> = cut.iter().map(|ids| Input { ids, types: &[] }).collect();
        let mut vectors = self.pooled(&inputs)?;
        vectors.iter_mut().for_each(|vector| normalize(vector));
        Ok(vectors)
    }

    /// The pooled state of each sequence, of any length.
    ///
    /// # Errors
    /// See [`Encoder::embed`]; and when a sequence is longer than the context.
    pub fn pooled(&self, inputs: &[Input<'_>]) -> Result<Vec<Vec<f32>>, ModelError> {
        let pool = |state: &Tensor| match self.pooling {
            Pooling::Mean => state.mean(0)?.to_vec1(),
            Pooling::Cls => state.get(0)?.to_vec1(),
        };
        Ok(self.states(inputs)?.iter().map(pool).collect::<candle_core::Result<_>>()?)
    }

    /// The last state of every token of each sequence, `tokens × hidden`, row-major.
    ///
    /// # Errors
    /// See [`Encoder::pooled`].
    pub fn hidden(&self, inputs: &[Input<'_>]) -> Result<Vec<Vec<f32>>, ModelError> {
        let flat = |state: &Tensor| state.flatten_all()?.to_vec1();
        Ok(self.states(inputs)?.iter().map(flat).collect::<candle_core::Result<_>>()?)
    }

    fn states(&self, inputs: &[Input<'_>]) -> Result<Vec<Tensor>, ModelError> {
        inputs.iter().try_for_each(|input| self.check(input))?;
        let mut states = Vec::with_capacity(inputs.len());
        let mut rest = inputs;
        while !rest.is_empty() {
            let mut tokens = 0;
            let fitting = rest.iter().take_while(|input| {
                tokens += input.ids.len();
                tokens <= BATCH
            });
            let (batch, later) = rest.split_at(fitting.count().max(1));
            states.append(&mut self.bert.forward(batch)?);
            rest = later;
        }
        Ok(states)
    }

    fn check(&self, input: &Input<'_>) -> Result<(), ModelError> {
        let wrong = |problem: String| Err(ModelError::Compute(candle_core::Error::msg(problem)));
        if input.ids.len() > self.info.context {
            return Err(ModelError::Context { tokens: input.ids.len(), context: self.info.context });
        }
        if input.ids.is_empty() {
            return wrong("a sequence has no tokens".into());
        }
        if let Some(id) = input.ids.iter().find(|&&id| id as usize >= self.info.vocabulary) {
            return wrong(format!("token id {id} is not in the vocabulary of {}", self.info.vocabulary));
        }
        if !input.types.is_empty() && input.types.len() != input.ids.len() {
            return wrong("a sequence has another number of types than of tokens".into());
        }
        Ok(())
    }
}

/// To unit length; zero stays zero.
fn normalize(vector: &mut [f32]) {
    let length = vector.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|x| *x = (f64::from(*x) / length) as f32);
    }
}
