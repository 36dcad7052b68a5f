//! What a neuron tells its operator: logs to stderr, metrics and health over HTTP.

use std::future::IntoFuture as _;
use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, TelemetryConfig};

/// The media type of the OpenMetrics text format.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Telemetry that cannot start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is not one.
    #[error(
        "`telemetry.log` (--log) {filter:?}: {source}; use a level such as `info`, or directives such as `info,miner=debug`"
    )]
    Filter {
        /// As configured.
        filter: String,
        /// What is wrong with it.
        source: tracing_subscriber::filter::ParseError,
    },
    /// Logging was set up before.
    #[error("logging was already set up: {0}")]
    Twice(Box<dyn std::error::Error + Send + Sync>),
    /// The address is taken or not ours.
    #[error("cannot serve metrics on {address}: {source}; choose another `telemetry.listen` (--telemetry-listen)")]
    Listen {
        /// As configured.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Sends logs to stderr as configured; colour only on a terminal. Once per process.
///
/// # Errors
/// If the filter is not one, or logging was set up before.
pub fn log(config: &TelemetryConfig) -> Result<(), TelemetryError> {
    let filter = EnvFilter::try_new(&config.log)
        .map_err(|source| TelemetryError::Filter { filter: config.log.clone(), source })?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match config.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    }
    .map_err(TelemetryError::Twice)
}

/// The listener for `/metrics`, `/healthz` and what a binary adds. Bound first, served once all metrics are registered.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    registry: Registry,
    routes: Router,
}

impl Server {
    /// Binds the configured address; port 0 takes a free one.
    ///
    /// # Errors
    /// If the address cannot be had.
    pub async fn bind(config: &TelemetryConfig) -> Result<Self, TelemetryError> {
        let failed = |source| TelemetryError::Listen { address: config.listen, source };
        let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let mut registry = Registry::default();
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("assay_build", "The version that runs", build);
        Ok(Self { listener, address, registry, routes: Router::new() })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where metrics are registered.
    pub const fn registry(&mut self) -> &mut Registry {
        &mut self.registry
    }

    /// Serves further routes on the same listener.
    pub fn add_routes(&mut self, routes: Router) {
        self.routes = std::mem::take(&mut self.routes).merge(routes);
    }

    /// Serves until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let registry = Arc::new(self.registry);
        let router = self
            .routes
            .route("/metrics", get(move || async move { metrics(&registry) }))
            .route("/healthz", get(|| async { "ok\n" }));
        tracing::info!(address = %self.address, "metrics");
        let server = axum::serve(self.listener, router).into_future();
        tokio::select! {
            Err(error) = server => tracing::error!(%error, "metrics are no longer served"),
            () = stop.cancelled() => {}
        }
    }
}

fn metrics(registry: &Registry) -> Response {
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, registry) {
        Ok(()) => ([(header::CONTENT_TYPE, OPENMETRICS)], text).into_response(),
        Err(std::fmt::Error) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use prometheus_client::metrics::counter::Counter;

    use super::*;

    fn config() -> TelemetryConfig {
        TelemetryConfig { listen: (Ipv4Addr::LOCALHOST, 0).into(), ..TelemetryConfig::default() }
    }

    #[tokio::test]
    async fn metrics_health_and_added_routes_are_served_until_stopped() {
        let mut server = Server::bind(&config()).await.unwrap();
        let counter: Counter = Counter::default();
        server.registry().register("assay_things", "Things", counter.clone());
        server.add_routes(Router::new().route("/v1/board", get(|| async { "[]" })));
        let (url, stop) = (format!("http://{}", server.address()), CancellationToken::new());
        let running = tokio::spawn(server.run(stop.clone()));
        counter.inc();
        let text = async |path: &str| reqwest::get(format!("{url}{path}")).await.unwrap().text().await.unwrap();
        let metrics = text("/metrics").await;
        assert!(metrics.contains("assay_things_total 1\n"), "{metrics}");
        assert!(metrics.contains("assay_build_info{version=\"0.1.0\"} 1\n"), "{metrics}");
        assert_eq!((text("/healthz").await.as_str(), text("/v1/board").await.as_str()), ("ok\n", "[]"));
        stop.cancel();
        running.await.unwrap();
    }

    #[tokio::test]
    async fn a_taken_port_is_named_with_the_remedy() {
        let first = Server::bind(&config()).await.unwrap();
        let taken = TelemetryConfig { listen: first.address(), ..config() };
        let error = Server::bind(&taken).await.unwrap_err().to_string();
        assert!(error.contains(&first.address().to_string()) && error.contains("--telemetry-listen"), "{error}");
    }

    #[test]
    fn a_wrong_filter_is_named() {
        let error = log(&TelemetryConfig { log: "in=fo=x".into(), ..config() }).unwrap_err().to_string();
        assert!(error.contains("--log"), "{error}");
    }
}
