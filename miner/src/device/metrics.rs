//! What is counted of each device. The label is the device's name in the configuration, so the set is closed.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::device::DeviceName;

/// Name of the rate, as `miner devices` looks it up.
pub(crate) const RATE: &str = "assay_miner_device_rate";

/// The metrics of all devices of a miner.
#[derive(Clone, Debug, Default)]
pub struct DeviceMetrics {
    up: Family<Label, Gauge>,
    restarts: Family<Label, Counter>,
    rounds: Family<Label, Counter>,
    rate: Family<Label, Gauge<f64, AtomicU64>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Label {
    device: String,
}

fn label(device: DeviceName) -> Label {
    Label { device: device.to_string() }
}

impl DeviceMetrics {
    /// Registers them.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("assay_miner_device_up", "1 while the device can take chains", self.up.clone());
        let text = "Worker processes that ended and were started again";
        registry.register("assay_miner_device_restarts", text, self.restarts.clone());
        registry.register("assay_miner_device_rounds", "Rounds computed by the device", self.rounds.clone());
        let text = "Operations per second of the device's rounds in its last window, by this miner's clock";
        registry.register(RATE, text, self.rate.clone());
    }

    /// The device can take chains, or not.
    pub fn up(&self, device: DeviceName, up: bool) {
        self.up.get_or_create(&label(device)).set(up.into());
        // So that the line is there before anything has gone wrong.
        self.restarts.get_or_create(&label(device)).inc_by(0);
    }

    /// A worker has ended and is started again.
    pub fn restarted(&self, device: DeviceName) {
        self.restarts.get_or_create(&label(device)).inc();
    }

    /// A round was computed; the rate of its window so far, in operations per second.
    pub fn round(&self, device: DeviceName, rate: f64) {
        self.rounds.get_or_create(&label(device)).inc();
        self.rate.get_or_create(&label(device)).set(rate);
    }

    /// Restarts of a device's worker so far.
    #[must_use]
    pub fn restarts(&self, device: DeviceName) -> u64 {
        self.restarts.get_or_create(&label(device)).get()
    }
}
