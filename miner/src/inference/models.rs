//! What answers, opened as configured; and `miner models`.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use engine::model::{LoadOptions, ModelError, ModelInfo};
use incentive::units::{Hotkey, NetUid};
use neuron_common::exit;
use serde::Serialize;

use super::backend::{Backend, Kind};
use super::config::{InferenceConfig, LocalModel, ModelConfig};
use super::remote::{self, Parts, Remote, Seed, Standing};
use super::{Identity, local};

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
    /// What was found at a server, and what that is paid.
    pub found: Option<String>,
    /// Whether anything of it can be paid.
    pub payable: bool,
    /// Why it cannot be served.
    pub problem: Option<String>,
}

/// What answers, each with its number of slots.
pub type Opened = Vec<(Arc<dyn Backend>, usize)>;

/// Opens every model of the configuration.
///
/// # Errors
/// Names the model and what is wrong with it.
pub async fn open(config: &InferenceConfig, identity: Identity) -> Result<Opened> {
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
pub async fn one(model: &ModelConfig, identity: Identity) -> Result<Arc<dyn Backend>> {
    match model {
        ModelConfig::Local(model) => local::open(model, identity).await,
        ModelConfig::Url(model) => Ok(Arc::new(Remote::connect(model.clone(), parts(identity)).await?)),
    }
}

fn parts(identity: Identity) -> Parts {
    let seed: Seed = Arc::new(move |completion, ids| {
        identity.seed(completion, &proof::inference::request_digest(ids, &completion.params()))
    });
    Parts { seed: Some(seed), ..Parts::default() }
}

/// Prints the configured models. Servers are asked; of local models nothing but headers is read unless `load`.
///
/// # Errors
/// When JSON cannot be made of them.
pub async fn run(config: &InferenceConfig, load: bool, json: bool) -> Result<ExitCode> {
    config.check()?;
    let rows = rows(config, load).await;
    let fine = rows.iter().all(|row| row.problem.is_none());
    exit::print(&if json { serde_json::to_string_pretty(&rows)? + "\n" } else { table(&rows)? });
    Ok(if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Every model of the configuration, as far as it can be seen.
pub async fn rows(config: &InferenceConfig, load: bool) -> Vec<Row> {
    let mut rows = Vec::with_capacity(config.models.len());
    for model in &config.models {
        rows.push(look(model, load).await);
    }
    rows
}

async fn look(model: &ModelConfig, load: bool) -> Row {
    let mut row = Row::configured(model);
    let found = async {
        match model {
            ModelConfig::Local(local) => {
                let local = local.clone();
                let found = move || row_of(row, &local, load);
                return tokio::task::spawn_blocking(found).await.context("reading broke off")?;
            }
            ModelConfig::Url(remote) => {
                // Nobody is answered, so no seed is anybody's.
                let nobody = Identity { genesis: [0; 32], netuid: NetUid(0), own: Hotkey([0; 32]) };
                let report = remote::check(remote, parts(nobody)).await?;
                row.payable = !matches!(report.standing, Some(Standing::Unpaid(_)));
                row.found = Some(report.text);
            }
        }
        Ok(row)
    };
    found
        .await
        .unwrap_or_else(|error: anyhow::Error| Row { problem: Some(format!("{error:#}")), ..Row::configured(model) })
}

/// What the files of a model say.
fn row_of(mut row: Row, model: &LocalModel, load: bool) -> Result<Row> {
    let filled = |row: Row, info: &ModelInfo| Row {
        precision: Some(info.precision.clone()),
        context: Some(info.context),
        digest: Some(hex::encode(info.digest)),
        ..row
    };
    if model.kind == Kind::Encoder {
        // Encoders are small.
        return Ok(filled(row, engine::embedding::Encoder::load(&model.path)?.info()));
    }
    // What is needed is computed from the headers, before anything large is read.
    let options = local::options(model)?;
    match engine::model::load(&model.path, &LoadOptions { memory_limit: Some(0), ..options }) {
        Err(ModelError::Memory { needed, .. }) => row.memory = Some(needed),
        Err(other) => return Err(other.into()),
        Ok(_) => {}
    }
    if !load {
        return Ok(row);
    }
    let loaded = engine::model::load(&model.path, &local::options(model)?)?;
    Ok(filled(row, loaded.decoder.info()))
}

impl Row {
    fn configured(model: &ModelConfig) -> Self {
        let (source, kind, precision, context) = match model {
            ModelConfig::Local(local) => {
                (local.path.display().to_string(), local.kind, local.precision.clone(), local.context)
            }
            ModelConfig::Url(remote) => {
                (remote.url.clone(), if remote.embedding { Kind::Encoder } else { Kind::Decoder }, None, remote.context)
            }
        };
        let (id, slots) = (model.id().to_owned(), model.slots());
        Self {
            id,
            source,
            kind,
            precision,
            memory: None,
            context,
            slots,
            digest: None,
            found: None,
            payable: true,
            problem: None,
        }
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
        let context =
            row.context.map_or_else(|| "as the model has it".to_owned(), |context| format!("{context} tokens"));
        writeln!(text, "  serves     {kind}, {} slots, context {context}", row.slots)?;
        let precision = row.precision.as_deref().unwrap_or("as stored or unknown");
        let memory =
            row.memory.map_or_else(|| "unknown".to_owned(), |bytes| format!("{} MiB", bytes.div_ceil(1 << 20)));
        writeln!(text, "  weights    {precision}, memory {memory}")?;
        writeln!(text, "  digest     {}", row.digest.as_deref().unwrap_or("unknown"))?;
        if let Some(found) = &row.found {
            writeln!(text, "  there      {found}")?;
        }
        if let Some(problem) = &row.problem {
            writeln!(text, "  problem    {problem}")?;
        }
    }
    Ok(text)
}
