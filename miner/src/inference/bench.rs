//! `miner bench --model`: how fast a model is, for one caller and for many at once.

use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures_util::future::join_all;
use incentive::units::{Hotkey, NetUid};
use neuron_common::config::{self, Overrides};
use neuron_common::exit;
use serde::Serialize;

use super::backend::{Backend, Completion, Delta, Kind, Prompt};
use super::config::{LocalModel, ModelConfig};
use super::{Identity, models};
use crate::Config;

/// What is measured of a model.
#[derive(Clone, Debug, clap::Args)]
pub struct Serving {
    /// Measure a model instead: its name in the configuration, or a path
    #[arg(long, value_name = "ID|PATH")]
    pub model: Option<String>,
    /// Configuration file that has the model (TOML)
    #[arg(short, long, value_name = "FILE", env = "ASSAY_CONFIG")]
    pub config: Option<PathBuf>,
    /// Answers at once, one measurement for each
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_value = "1,2,4,8")]
    pub concurrency: Vec<NonZeroUsize>,
    /// Tokens of each prompt
    #[arg(long, value_name = "N", default_value = "128")]
    pub prompt_tokens: NonZeroUsize,
    /// Tokens of each answer
    #[arg(long, value_name = "N", default_value = "64")]
    pub answer_tokens: NonZeroUsize,
}

/// What was measured at one concurrency. Times in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// Answers at once.
    pub concurrency: usize,
    /// Median time to the first token.
    pub ttft_p50: f64,
    /// 95th percentile.
    pub ttft_p95: f64,
    /// Median time of each token after the first, over answers.
    pub tpot_p50: f64,
    /// 95th percentile.
    pub tpot_p95: f64,
    /// Tokens of all answers a second.
    pub tokens_per_second: f64,
}

#[derive(Serialize)]
struct Report<'a> {
    model: &'a str,
    prompt_tokens: NonZeroUsize,
    answer_tokens: NonZeroUsize,
    figures: Vec<Figures>,
}

/// One answer.
struct Run {
    ttft: Duration,
    rest: Duration,
    tokens: usize,
}

impl Serving {
    /// Measures and prints.
    ///
    /// # Errors
    /// When there is no such model, it cannot be opened, or it does not answer.
    pub async fn run(&self, json: bool) -> Result<ExitCode> {
        let name = self.model.as_deref().context("no model is given (--model)")?;
        run(name, self, json).await
    }
}

async fn run(name: &str, serving: &Serving, json: bool) -> Result<ExitCode> {
    let mut model = find(name, serving.config.as_deref())?;
    let most = serving.concurrency.iter().max().map_or(1, |most| most.get());
    if let ModelConfig::Local(local) = &mut model {
        local.slots = local.slots.max(most);
    }
    let identity = Identity { genesis: [0; 32], netuid: NetUid(0), own: Hotkey([0; 32]) };
    let backend = models::one(&model, identity).await?;
    ensure!(backend.model().kind == Kind::Decoder, "{name} only embeds; its answers have no tokens to be timed");
    let mut figures = Vec::new();
    // One that warms up.
    measure(&backend, 0..1, serving).await?;
    let mut asked = 1;
    for concurrency in &serving.concurrency {
        let numbers = asked..asked + concurrency.get();
        asked = numbers.end;
        figures.push(measure(&backend, numbers, serving).await?);
    }
    let (prompt_tokens, answer_tokens) = (serving.prompt_tokens, serving.answer_tokens);
    let report = Report { model: model.id(), prompt_tokens, answer_tokens, figures };
    exit::print(&if json { serde_json::to_string_pretty(&report)? + "\n" } else { report.table()? });
    Ok(ExitCode::SUCCESS)
}

/// A model of the configuration, or what lies at a path.
fn find(name: &str, file: Option<&Path>) -> Result<ModelConfig> {
    if let Some(file) = file {
        let config: Config = config::load(Some(file), &Overrides::default())?;
        if let Some(model) = config.inference.models.into_iter().find(|model| model.id() == name) {
            return Ok(model);
        }
    }
    ensure!(
        Path::new(name).exists(),
        "there is no model {name:?}: neither a path, nor a name in the configuration (--config)"
    );
    Ok(ModelConfig::Local(LocalModel::new(name, name.into())))
}

/// As many answers at once as there are numbers. Another number has another prompt, so that no cache helps.
///
/// # Errors
/// The first error of an answer.
pub async fn measure(backend: &Arc<dyn Backend>, numbers: Range<usize>, serving: &Serving) -> Result<Figures> {
    let start = Instant::now();
    let answers = numbers.map(|number| answer(backend.as_ref(), completion(number, serving)));
    let runs = join_all(answers).await.into_iter().collect::<Result<Vec<Run>>>()?;
    let wall = start.elapsed();
    Ok(Figures::of(&runs, wall))
}

fn completion(number: usize, serving: &Serving) -> Completion {
    // Small ids are single bytes or frequent pieces in every vocabulary; which, does not matter for the time.
    let ids = (0..serving.prompt_tokens.get()).map(|at| 32 + mix(number, at) % 200);
    Completion {
        prompt: Prompt::Tokens(ids.collect()),
        temperature: 0.0,
        top_k: 0,
        top_p: 1.0,
        presence_penalty: 0.0,
        frequency_penalty: 0.0,
        max_tokens: Some(serving.answer_tokens.get()),
        stop: Vec::new(),
        ignore_eos: true,
        logprobs: None,
        fingerprint: false,
        caller: Hotkey([0; 32]),
        nonce: [0; 32],
    }
}

/// No two numbers have a row in common.
fn mix(number: usize, at: usize) -> u32 {
    let mixed =
        (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (at as u64 + 1).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((mixed ^ (mixed >> 31)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 40) as u32
}

async fn answer(backend: &dyn Backend, completion: Completion) -> Result<Run> {
    let start = Instant::now();
    let mut deltas = backend.complete(completion).await?;
    let (mut first, mut last) = (None, start);
    while let Some(delta) = deltas.recv().await {
        match delta? {
            Delta::Begin { .. } | Delta::Fingerprint(_) => {}
            Delta::Text { .. } => {
                last = Instant::now();
                first.get_or_insert(last);
            }
            Delta::End { tokens, .. } => {
                let first = first.context("an answer without a token")?;
                return Ok(Run { ttft: first - start, rest: last - first, tokens });
            }
        }
    }
    anyhow::bail!("the answer broke off")
}

// === impl Figures, Report ===

impl Figures {
    fn of(runs: &[Run], wall: Duration) -> Self {
        let milliseconds = |duration: Duration| duration.as_secs_f64() * 1e3;
        let ttft: Vec<f64> = runs.iter().map(|run| milliseconds(run.ttft)).collect();
        let tpot: Vec<f64> = runs
            .iter()
            .filter(|run| run.tokens > 1)
            .map(|run| milliseconds(run.rest) / (run.tokens - 1) as f64)
            .collect();
        let tokens: usize = runs.iter().map(|run| run.tokens).sum();
        Self {
            concurrency: runs.len(),
            ttft_p50: percentile(&ttft, 50),
            ttft_p95: percentile(&ttft, 95),
            tpot_p50: percentile(&tpot, 50),
            tpot_p95: percentile(&tpot, 95),
            tokens_per_second: tokens as f64 / wall.as_secs_f64(),
        }
    }
}

/// The smallest value that is not below so many percent of all; 0 of none.
fn percentile(values: &[f64], percent: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
}

impl Report<'_> {
    fn table(&self) -> Result<String, std::fmt::Error> {
        let Self { model, prompt_tokens, answer_tokens, figures } = self;
        let mut text =
            format!("{model}\nprompts of {prompt_tokens} tokens, answers of {answer_tokens}; times in ms\n\n");
        writeln!(text, "at once   TTFT p50   TTFT p95   TPOT p50   TPOT p95   tokens/s")?;
        for row in figures {
            let Figures { concurrency, ttft_p50, ttft_p95, tpot_p50, tpot_p95, tokens_per_second } = row;
            writeln!(
                text,
                "{concurrency:>7}   {ttft_p50:>8.1}   {ttft_p95:>8.1}   {tpot_p50:>8.2}   {tpot_p95:>8.2}   {tokens_per_second:>8.1}"
            )?;
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inference::stub::{Pace, Stub};

    fn serving() -> Serving {
        let number = |number| NonZeroUsize::new(number).unwrap();
        Serving {
            model: None,
            config: None,
            concurrency: vec![number(3)],
            prompt_tokens: number(5),
            answer_tokens: number(11),
        }
    }

    #[test]
    fn percentiles_are_ranks() {
        let values: Vec<f64> = (1..=20).rev().map(f64::from).collect();
        assert_eq!((percentile(&values, 50), percentile(&values, 95), percentile(&values, 100)), (10.0, 19.0, 20.0));
        assert_eq!((percentile(&[], 50), percentile(&[7.0], 95)), (0.0, 7.0));
    }

    #[tokio::test]
    async fn figures_are_those_of_the_backend() {
        let pace = Pace::Every(Duration::from_millis(10));
        let backend: Arc<dyn Backend> = Arc::new(Stub::new("stub", pace, 1));
        let figures = measure(&backend, 0..3, &serving()).await.unwrap();
        assert_eq!(figures.concurrency, 3);
        assert!(figures.tpot_p50 >= 9.0 && figures.tpot_p95 >= figures.tpot_p50, "{figures:?}");
        assert!(figures.tokens_per_second > 0.0 && figures.tokens_per_second <= 33.0 / 0.09, "{figures:?}");
        let report = Report {
            model: "m",
            prompt_tokens: NonZeroUsize::MIN,
            answer_tokens: NonZeroUsize::MIN,
            figures: vec![figures],
        };
        assert!(report.table().unwrap().lines().all(|line| line.len() <= 80));
    }

    #[test]
    fn prompts_begin_differently() {
        let heads: std::collections::HashSet<_> =
            (0..200).map(|number| [0, 1, 2, 3].map(|at| mix(number, at) % 200)).collect();
        assert_eq!(heads.len(), 200);
    }

    #[test]
    fn an_unknown_model_is_named() {
        let error = find("no/such/model", None).unwrap_err().to_string();
        assert!(error.contains("no/such/model") && error.contains("--config"), "{error}");
    }
}
