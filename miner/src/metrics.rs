//! What a miner counts. Labels come from closed sets.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// The counters of a miner.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    windows: Counter,
    rounds: Counter,
    opened: Counter,
    turned_away: Counter,
    refused: Family<Reason, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    code: &'static str,
}

impl Metrics {
    /// Registers all counters.
    #[must_use]
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register("assay_miner_windows", "Windows that this miner worked in", metrics.windows.clone());
        registry.register("assay_miner_rounds", "Rounds computed and signed", metrics.rounds.clone());
        registry.register("assay_miner_opened", "Openings answered", metrics.opened.clone());
        registry.register("assay_miner_turned_away", "Connections beyond the limit", metrics.turned_away.clone());
        registry.register("assay_miner_refused", "Requests refused, by code", metrics.refused.clone());
        metrics
    }

    /// A window has begun.
    pub fn window(&self) {
        self.windows.inc();
    }

    /// A round is computed and signed.
    pub fn round(&self) {
        self.rounds.inc();
    }

    /// A window was opened for a validator.
    pub fn opened(&self) {
        self.opened.inc();
    }

    /// A connection was closed at once because too many are open.
    pub fn turned_away(&self) {
        self.turned_away.inc();
    }

    /// A request was refused.
    pub fn refused(&self, code: &'static str) {
        self.refused.get_or_create(&Reason { code }).inc();
    }
}
