//! What answers, opened as configured; and `miner models`.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use neuron_common::exit;
use serde::Serialize;

use super::Identity;
use super::backend::{Backend, Kind};
use super::config::{InferenceConfig, ModelConfig};

/// A model as `miner models` shows it.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Its name in requests.
    pub id: String,
    /// Where it comes from.
    pub source: String,
    /// What it does.
    pub kind: Kind,
    /// How weights are held.
    pub precision: Option<String>,
    /// Bytes of weights, and of the caches of all slots.
    pub memory: Option<u64>,
    /// Longest sequence.
    pub context: Option<usize>,
    /// Answers at once.
    pub slots: usize,
    /// The digest, in hex.
    pub digest: Option<String>,
    /// Why it cannot be served.
    pub problem: Option<String>,
}

/// Opens every model of the configuration, with its number of slots.
///
/// # Errors
/// Names the model and what is wrong with it.
pub async fn open(config: &InferenceConfig, identity: Identity) -> Result<Vec<(Arc<dyn Backend>, usize)>> {
    let mut models = Vec::with_capacity(config.models.len());
    for model in &config.models {
        let backend = one(model, identity).await.with_context(|| format!("model {:?}", model.id()))?;
        tracing::info!(model = model.id(), slots = model.slots(), "serving");
        models.push((backend, model.slots()));
    }
    Ok(models)
}

/// Opens one model.
///
/// # Errors
/// What is wrong with it.
pub async fn one(model: &ModelConfig, _identity: Identity) -> Result<Arc<dyn Backend>> {
    match model {
        ModelConfig::Local(model) => {
            anyhow::bail!("{}: this build has no engine for models", model.path.display())
        }
    }
}

/// Prints the configured models; nothing but headers is read of their weights.
///
/// # Errors
/// When JSON cannot be made of them.
pub async fn run(config: &InferenceConfig, json: bool) -> Result<ExitCode> {
    config.check()?;
    let mut rows = Vec::with_capacity(config.models.len());
    for model in &config.models {
        rows.push(look(model).await);
    }
    let fine = rows.iter().all(|row| row.problem.is_none());
    exit::print(&if json { serde_json::to_string_pretty(&rows)? + "\n" } else { table(&rows)? });
    Ok(if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn look(model: &ModelConfig) -> Row {
    match model {
        ModelConfig::Local(model) => Row {
            id: model.id.clone(),
            source: model.path.display().to_string(),
            kind: model.kind,
            precision: model.precision.clone(),
            memory: None,
            context: model.context,
            slots: model.slots,
            digest: None,
            problem: (!model.path.exists()).then(|| "there is nothing at this path".to_owned()),
        },
    }
}

/// A block of lines for each model: names and digests are longer than any column.
fn table(rows: &[Row]) -> Result<String, std::fmt::Error> {
    if rows.is_empty() {
        return Ok("no models; add [[inference.models]] to the configuration\n".to_owned());
    }
    let mut text = String::new();
    for row in rows {
        writeln!(text, "{}", row.id)?;
        writeln!(text, "  from       {}", row.source)?;
        let kind = if row.kind == Kind::Decoder { "decoder" } else { "encoder" };
        let context = row.context.map_or_else(|| "unknown".to_owned(), |context| format!("{context} tokens"));
        writeln!(text, "  serves     {kind}, {} slots, context {context}", row.slots)?;
        let precision = row.precision.as_deref().unwrap_or("as stored");
        let memory =
            row.memory.map_or_else(|| "unknown".to_owned(), |bytes| format!("{} MiB", bytes.div_ceil(1 << 20)));
        writeln!(text, "  weights    {precision}, memory {memory}")?;
        writeln!(text, "  digest     {}", row.digest.as_deref().unwrap_or("unknown"))?;
        if let Some(problem) = &row.problem {
            writeln!(text, "  problem    {problem}")?;
        }
    }
    Ok(text)
}
