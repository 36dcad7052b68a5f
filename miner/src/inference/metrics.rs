//! What serving models counts. Labels come from closed sets: model names are those of the configuration.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Seconds to the first token: from a fast card to a prompt that waits.
const TTFT: [f64; 13] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
/// Seconds for each token after it.
const TPOT: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];

/// The counters of inference.
#[derive(Clone, Debug)]
pub struct Metrics {
    requests: Family<Model, Counter>,
    refused: Family<Reason, Counter>,
    prompt_tokens: Family<Model, Counter>,
    answer_tokens: Family<Model, Counter>,
    waiting: Family<Model, Gauge>,
    ttft: Family<Model, Histogram, fn() -> Histogram>,
    tpot: Family<Model, Histogram, fn() -> Histogram>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Model {
    model: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    code: &'static str,
}

/// The counters of one model, found once.
#[derive(Clone, Debug)]
pub struct Meter {
    requests: Counter,
    prompt_tokens: Counter,
    answer_tokens: Counter,
    ttft: Histogram,
    tpot: Histogram,
}

// === impl Metrics ===

impl Default for Metrics {
    fn default() -> Self {
        Self {
            requests: Family::default(),
            refused: Family::default(),
            prompt_tokens: Family::default(),
            answer_tokens: Family::default(),
            waiting: Family::default(),
            ttft: Family::new_with_constructor(|| Histogram::new(TTFT)),
            tpot: Family::new_with_constructor(|| Histogram::new(TPOT)),
        }
    }
}

impl Metrics {
    /// Registers all counters.
    #[must_use]
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let named = |name: &str| format!("assay_miner_inference_{name}");
        registry.register(named("requests"), "Requests that were begun", metrics.requests.clone());
        registry.register(named("refused"), "Requests refused or broken off, by code", metrics.refused.clone());
        registry.register(named("prompt_tokens"), "Tokens of prompts", metrics.prompt_tokens.clone());
        registry.register(named("answer_tokens"), "Tokens of answers", metrics.answer_tokens.clone());
        registry.register(named("waiting"), "Answers that wait for a slot", metrics.waiting.clone());
        registry.register(named("ttft_seconds"), "From a request to its first token", metrics.ttft.clone());
        registry.register(named("tpot_seconds"), "Time of each token after the first", metrics.tpot.clone());
        metrics
    }

    /// A request was refused, or its answer broken off.
    pub fn refused(&self, code: &'static str) {
        self.refused.get_or_create(&Reason { code }).inc();
    }

    /// How many answers of a model wait.
    #[must_use]
    pub fn waiting(&self, model: &str) -> Gauge {
        self.waiting.get_or_create_owned(&Model { model: model.to_owned() })
    }

    /// The counters of one model.
    #[must_use]
    pub fn meter(&self, model: &str) -> Meter {
        let label = Model { model: model.to_owned() };
        Meter {
            requests: self.requests.get_or_create_owned(&label),
            prompt_tokens: self.prompt_tokens.get_or_create_owned(&label),
            answer_tokens: self.answer_tokens.get_or_create_owned(&label),
            ttft: self.ttft.get_or_create_owned(&label),
            tpot: self.tpot.get_or_create_owned(&label),
        }
    }
}

// === impl Meter ===

impl Meter {
    /// A request was begun.
    pub fn request(&self) {
        self.requests.inc();
    }

    /// Tokens of a prompt were taken.
    pub fn prompt(&self, tokens: usize) {
        self.prompt_tokens.inc_by(tokens as u64);
    }

    /// The first token came.
    pub fn first(&self, after: Duration) {
        self.ttft.observe(after.as_secs_f64());
    }

    /// Tokens of an answer came.
    pub fn answer(&self, tokens: usize) {
        self.answer_tokens.inc_by(tokens as u64);
    }

    /// An answer is complete; `rest` is the time from its first token to its last.
    pub fn complete(&self, tokens: usize, rest: Duration) {
        if tokens > 1 {
            self.tpot.observe(rest.as_secs_f64() / (tokens - 1) as f64);
        }
    }
}
