//! What an operator sees of the chain's runtime: metrics, `GET /v1/runtime`, and the report of `check`.

use std::fmt;

use axum::routing::get;
use axum::{Json, Router};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use runtime_metadata::Report;
use serde::Serialize;

use crate::chain::ChainClient;
use crate::telemetry;

/// The answer of `GET /v1/runtime`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuntimeView {
    /// Whose needs are meant: `miner` or `validator`.
    pub role: &'static str,
    /// Why submissions are stopped: what the runtime lacks; `null` while all is well.
    pub stopped_by: Option<String>,
    /// Every item that this release uses.
    #[serde(flatten)]
    pub report: Report,
}

impl RuntimeView {
    /// As of the newest head that was read.
    #[must_use]
    pub fn of(chain: &ChainClient) -> Self {
        let report = chain.report().as_ref().clone();
        Self { role: chain.role().name(), stopped_by: report.cause(chain.role()), report }
    }
}

/// Adds the metrics `assay_runtime_spec_version` and `assay_runtime_items`, and the route `/v1/runtime`.
pub fn show(chain: &ChainClient, server: &mut telemetry::Server) {
    server.registry().register_collector(Box::new(Gauges(chain.clone())));
    let chain = chain.clone();
    server.add_routes(Router::new().route("/v1/runtime", get(async move || Json(RuntimeView::of(&chain)))));
}

/// Reads the report at every scrape.
struct Gauges(ChainClient);

impl fmt::Debug for Gauges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gauges")
    }
}

impl Collector for Gauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let report = self.0.report();
        let version = ConstGauge::new(i64::from(report.spec_version.unwrap_or_default()));
        let help = "Version of the chain's runtime";
        version.encode(encoder.encode_descriptor("assay_runtime_spec_version", help, None, MetricType::Gauge)?)?;
        let help = "Items of the runtime that this program uses; any that is missing stops submissions";
        let mut items = encoder.encode_descriptor("assay_runtime_items", help, None, MetricType::Gauge)?;
        for (status, count) in ["found", "handled", "missing"].into_iter().zip(report.counts(self.0.role())) {
            let count = ConstGauge::new(i64::try_from(count).unwrap_or(i64::MAX));
            count.encode(items.encode_family(&[("status", status)])?)?;
        }
        Ok(())
    }
}
