//! What a validator counts. Labels come from closed sets.

use std::time::Duration;

use incentive::verdict::Verdict;
use neuron_common::chain::Cause;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::record::{Outcome, VoidReason};

/// The metrics of a validator.
#[derive(Clone, Debug)]
pub struct Metrics {
    rounds: Family<Code, Counter>,
    verdicts: Family<Code, Counter>,
    submissions: Family<Code, Counter>,
    refusals: Family<Why, Counter>,
    reveals: Family<Code, Counter>,
    duration: Histogram,
    probes: Family<Code, Counter>,
    checked: Counter,
    checks: Histogram,
    answers_lag: Gauge<f64, std::sync::atomic::AtomicU64>,
    answers_spread: Gauge<f64, std::sync::atomic::AtomicU64>,
    lag: Gauge<f64, std::sync::atomic::AtomicU64>,
    spread: Gauge<f64, std::sync::atomic::AtomicU64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Code {
    code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Why {
    cause: &'static str,
}

impl Metrics {
    /// Registers all of them.
    #[must_use]
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            rounds: Family::default(),
            verdicts: Family::default(),
            submissions: Family::default(),
            refusals: Family::default(),
            reveals: Family::default(),
            duration: Histogram::new(exponential_buckets(1.0, 2.0, 10)),
            probes: Family::default(),
            checked: Counter::default(),
            checks: Histogram::new(exponential_buckets(0.25, 2.0, 12)),
            answers_lag: Gauge::default(),
            answers_spread: Gauge::default(),
            lag: Gauge::default(),
            spread: Gauge::default(),
        };
        registry.register("assay_validator_rounds", "Rounds: counted, or why void", metrics.rounds.clone());
        registry.register("assay_validator_verdicts", "Verdicts: accepted, or by fault", metrics.verdicts.clone());
        registry.register("assay_validator_submissions", "Weight submissions by outcome", metrics.submissions.clone());
        registry.register("assay_validator_refusals", "Refused or failed weights by cause", metrics.refusals.clone());
        registry.register("assay_validator_reveals", "Commits of weights by outcome", metrics.reveals.clone());
        let seconds = || Unit::Seconds;
        registry.register_with_unit(
            "assay_validator_round_duration",
            "From the first request to the last verdict",
            seconds(),
            metrics.duration.clone(),
        );
        registry.register_with_unit(
            "assay_validator_lag",
            "How long the program stood still during the last window",
            seconds(),
            metrics.lag.clone(),
        );
        registry.register_with_unit(
            "assay_validator_start_spread",
            "From the first to the last start of the last window",
            seconds(),
            metrics.spread.clone(),
        );
        metrics.register_inference(registry);
        metrics
    }

    fn register_inference(&self, registry: &mut Registry) {
        let seconds = || Unit::Seconds;
        registry.register(
            "assay_validator_probes",
            "Probes between windows: answered, disturbed by a window, or by fault",
            self.probes.clone(),
        );
        registry.register(
            "assay_validator_checked_tokens",
            "Tokens of answers in windows that were computed again",
            self.checked.clone(),
        );
        registry.register_with_unit(
            "assay_validator_checks_duration",
            "Checking the answers of one window",
            seconds(),
            self.checks.clone(),
        );
        registry.register_with_unit(
            "assay_validator_answers_lag",
            "How long the program stood still while answers were timed",
            seconds(),
            self.answers_lag.clone(),
        );
        registry.register_with_unit(
            "assay_validator_answers_start_spread",
            "From the first to the last start of the last inference part",
            seconds(),
            self.answers_spread.clone(),
        );
    }

    /// A probe between two windows has ended.
    pub fn probe(&self, code: &'static str) {
        self.probes.get_or_create(&Code { code }).inc();
    }

    /// The answers of a window were checked.
    pub fn checks(&self, tokens: u64, took: Duration) {
        self.checked.inc_by(tokens);
        self.checks.observe(took.as_secs_f64());
    }

    /// How punctual the inference part of the last window was.
    pub fn inference_window(&self, spread: Duration, lag: Duration) {
        self.answers_spread.set(spread.as_secs_f64());
        self.answers_lag.set(lag.as_secs_f64());
    }

    /// A round has ended.
    pub fn round(&self, void: Option<VoidReason>, outcomes: &[Outcome], took: Duration) {
        self.rounds.get_or_create(&Code { code: void.map_or("counted", VoidReason::code) }).inc();
        for outcome in outcomes {
            let code = match outcome.verdict {
                Verdict::Accepted(_) => "accepted",
                Verdict::Rejected(fault) => fault.code(),
                Verdict::Void => "void",
            };
            self.verdicts.get_or_create(&Code { code }).inc();
        }
        self.duration.observe(took.as_secs_f64());
    }

    /// How punctual the last window was.
    pub fn window(&self, spread: Duration, lag: Duration) {
        self.spread.set(spread.as_secs_f64());
        self.lag.set(lag.as_secs_f64());
    }

    /// What became of a submission: the name of its outcome, or of the reason why there was none, and the chain's reason.
    pub fn submission(&self, code: &'static str, cause: Option<Cause>) {
        self.submissions.get_or_create(&Code { code }).inc();
        if let Some(cause) = cause {
            self.refusals.get_or_create(&Why { cause: cause.name() }).inc();
        }
    }

    /// What became of a commit of weights.
    pub fn reveal(&self, code: &'static str) {
        self.reveals.get_or_create(&Code { code }).inc();
    }
}
