//! This validator's own copies of the models that the policy pays for: what answers are computed again with.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use engine::model::{Decoder, LoadOptions, ModelError};
use engine::text::{Text, TextError};
use incentive::evidence::Table;
use incentive::policy::{InferencePolicy, ModelPolicy};
use incentive::task::ModelDigest;
use proof::inference::request_digest;

use super::tables::{self, TableError};
use super::traffic::{Asked, Probe, Prompt};
use crate::config::{CopyConfig, InferenceConfig};

/// A model that this validator can judge answers of, but for its decoder.
pub struct Model {
    /// What is paid for it, and by which deadlines.
    pub policy: ModelPolicy,
    /// Its tokenizer and chat template.
    pub text: Text,
    /// What honest answers look like.
    pub table: Table,
    /// Rows of its logits.
    pub vocabulary: u32,
    /// Longest sequence.
    pub context: u32,
    /// Width of its hidden state.
    pub hidden: usize,
}

/// A copy that is loaded.
pub struct LocalCopy {
    /// All but the decoder.
    pub model: Model,
    /// What computes; it belongs to one thread.
    pub decoder: Box<dyn Decoder>,
}

/// A request, and what its answer is derived from.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// What is sent.
    pub probe: Probe,
    /// Tokens of its prompt.
    pub prompt: Vec<u32>,
    /// Digest of prompt and parameters.
    pub request: [u8; 32],
}

/// Why answers of a model cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The policy pays for a model that is not configured, or whose copy or table failed.
    #[error(
        "the policy pays for {id} ({digest}) and no `inference.models` of this validator is that model; name its folder and its table there"
    )]
    Missing {
        /// Its name in requests.
        id: String,
        /// What it is.
        digest: ModelDigest,
    },
    /// A copy of something else.
    #[error(
        "`inference.models`: {} in {precision} has digest {digest}, which the policy does not pay for; correct `path` or `precision`, or leave it out", path.display()
    )]
    Foreign {
        /// The configured path.
        path: PathBuf,
        /// Its digest.
        digest: ModelDigest,
        /// As it is held.
        precision: String,
    },
    /// It cannot be loaded.
    #[error("`inference.models.path`: {0}")]
    Model(#[from] ModelError),
    /// Its table cannot be used.
    #[error("`inference.models.table`: {0}")]
    Table(#[from] TableError),
}

/// Loads what is configured. One copy that fails costs its own model and no other: what failed is returned beside the rest.
/// Blocks, as long as the files are large.
#[must_use]
pub fn load(config: &InferenceConfig, policy: &InferencePolicy) -> (Vec<LocalCopy>, Vec<CopyError>) {
    let (mut copies, mut problems) = (Vec::<LocalCopy>::new(), Vec::new());
    for copy in &config.models {
        match one(copy, policy, NonZeroUsize::new(config.threads)) {
            Ok(copy) => copies.push(copy),
            Err(problem) => problems.push(problem),
        }
    }
    // In the order of the policy, each once.
    let mut ordered = Vec::new();
    for model in &policy.models {
        match copies.iter().position(|copy| copy.model.policy.digest == model.digest) {
            Some(index) => ordered.push(copies.swap_remove(index)),
            None => problems.push(CopyError::Missing { id: model.id.clone(), digest: model.digest }),
        }
    }
    (ordered, problems)
}

fn one(config: &CopyConfig, policy: &InferencePolicy, threads: Option<NonZeroUsize>) -> Result<LocalCopy, CopyError> {
    let CopyConfig { path, table, precision } = config;
    let table = tables::load(table)?;
    let told = |done: usize, total: usize| {
        // Ten lines for a model of any size.
        if done * 10 / total.max(1) != done.saturating_sub(1) * 10 / total.max(1) {
            tracing::info!(path = %path.display(), tensors = done, of = total, "loading a model");
        }
    };
    // The configuration was checked: a precision that is none never gets here.
    let precision = precision.as_deref().and_then(|name| name.parse().ok());
    let options = LoadOptions { precision, threads, progress: Some(&told), ..LoadOptions::default() };
    let decoder = engine::model::load(path, &options)?.decoder;
    let info = decoder.info();
    let digest = ModelDigest(info.digest);
    let Some(paid) = policy.models.iter().find(|model| model.digest == digest) else {
        return Err(CopyError::Foreign { path: path.clone(), digest, precision: info.precision.clone() });
    };
    tables::admit(&table, &digest, &tables::checker())?;
    let narrow = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    let (vocabulary, context, hidden) = (narrow(info.vocabulary), narrow(info.context), info.hidden);
    let model = Model { policy: paid.clone(), text: Text::load(path)?, table, vocabulary, context, hidden };
    Ok(LocalCopy { model, decoder })
}

// === impl Question ===

impl Question {
    /// The same without what was needed only to send it.
    #[must_use]
    pub fn sent(mut self) -> Self {
        self.probe.body = Vec::new();
        self.probe.prompt = Prompt::Text(String::new());
        self
    }
}

// === impl Model ===

impl Model {
    /// What probes ask of it. Fingerprints only where they are worth something: the policy wants them, and the table has limits
    /// for them.
    #[must_use]
    pub fn asked(&self, answer_tokens: u32) -> Asked {
        let fingerprint = self.policy.fingerprint && self.table.fingerprint.is_some();
        Asked { id: self.policy.id.clone(), context: self.context, answer_tokens, fingerprint }
    }

    /// Counts the tokens of a probe. Takes about a millisecond for a long one.
    ///
    /// # Errors
    /// When the template refuses it.
    pub fn question(&self, probe: Probe) -> Result<Question, TextError> {
        let prompt = match &probe.prompt {
            Prompt::Chat(messages) => self.text.chat(messages)?,
            Prompt::Text(text) => self.text.encode(text, true)?,
        };
        let request = request_digest(&prompt, &probe.params);
        Ok(Question { probe, prompt, request })
    }
}
