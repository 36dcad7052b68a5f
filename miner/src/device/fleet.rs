//! The devices of a miner as one [`Work`]: each chain has its device, each device its worker.

use std::sync::Arc;
use std::time::Instant;

use incentive::units::Hotkey;
use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use proof::{Digest, OpenedRow, Sample, Weights};

use crate::device::DeviceName;
use crate::device::launch::Launch;
use crate::device::metrics::DeviceMetrics;
use crate::device::plan::Plan;
use crate::device::remote::RemoteWork;
use crate::device::supervisor::Supervisor;
use crate::work::{HonestWork, Work, Worker};

/// All devices that work.
pub struct Fleet {
    devices: Vec<Device>,
    chains: u16,
    metrics: DeviceMetrics,
}

/// One device, from its first chain to the first of the next.
struct Device {
    first: u16,
    chains: u16,
    work: Box<dyn Work>,
    meter: Arc<Meter>,
}

impl Fleet {
    /// Starts the workers. Those of cards open their devices in the background, and are started again whenever they end.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub fn start(plan: &Plan, launch: &Launch) -> std::io::Result<Self> {
        let metrics = DeviceMetrics::default();
        let device = |share: &crate::device::plan::Share| {
            let (name, metrics) = (share.device, metrics.clone());
            let work: Box<dyn Work> = match name {
                DeviceName::Cpu => {
                    metrics.up(name, true);
                    Box::new(HonestWork::default())
                }
                DeviceName::CpuProcess(_) | DeviceName::Cuda(_) => {
                    let supervisor = Supervisor::start(name, launch.clone(), metrics.clone())?;
                    Box::new(RemoteWork::new(Arc::new(supervisor)))
                }
            };
            let meter = Arc::new(Meter { device: name, metrics, window: Mutex::default() });
            Ok(Device { first: share.first, chains: share.chains, work, meter })
        };
        let devices = plan.shares().iter().map(device).collect::<std::io::Result<_>>()?;
        Ok(Self { devices, chains: plan.chains(), metrics })
    }

    /// What is counted.
    #[must_use]
    pub const fn metrics(&self) -> &DeviceMetrics {
        &self.metrics
    }
}

impl Work for Fleet {
    fn start(&self, weights: Arc<Weights>, hotkey: &Hotkey, chain: u16) -> Box<dyn Worker> {
        let owner = self.devices.iter().find(|device| (device.first..device.first + device.chains).contains(&chain));
        let Some(Device { work, meter, .. }) = owner else { return Box::new(Idle) };
        let operations = weights.challenge().compute.operations_per_round() as f64;
        meter.begin(weights.id());
        Box::new(Metered { operations, meter: Arc::clone(meter), inner: work.start(weights, hotkey, chain) })
    }

    fn chains(&self) -> Option<u16> {
        Some(self.chains)
    }

    fn register(&self, registry: &mut Registry) {
        self.metrics.register(registry);
    }
}

/// The chain of no device.
struct Idle;

impl Worker for Idle {
    fn next_round(&mut self) -> Option<Digest> {
        None
    }

    fn open(&mut self, _: &[Sample]) -> Option<Vec<OpenedRow>> {
        None
    }
}

/// Counts the rounds of a device's chains together.
struct Meter {
    device: DeviceName,
    metrics: DeviceMetrics,
    window: Mutex<Option<Window>>,
}

struct Window {
    id: Digest,
    began: Instant,
    operations: f64,
    /// Operations per second until the last round.
    rate: f64,
}

impl Meter {
    /// The first chain of a window begins its time.
    fn begin(&self, id: &Digest) {
        let mut window = self.window.lock();
        if window.as_ref().is_none_or(|window| window.id != *id) {
            let before = window.replace(Window { id: *id, began: Instant::now(), operations: 0.0, rate: 0.0 });
            if let Some(Window { rate, .. }) = before {
                tracing::info!(device = %self.device, rate = format!("{rate:.3e}"), "operations per second in the window before");
            }
        }
    }

    fn round(&self, operations: f64) {
        if let Some(window) = self.window.lock().as_mut() {
            window.operations += operations;
            window.rate = window.operations / window.began.elapsed().as_secs_f64();
            self.metrics.round(self.device, window.rate);
        }
    }
}

/// A chain whose rounds count for its device.
struct Metered {
    inner: Box<dyn Worker>,
    meter: Arc<Meter>,
    operations: f64,
}

impl Worker for Metered {
    fn next_round(&mut self) -> Option<Digest> {
        let root = self.inner.next_round()?;
        self.meter.round(self.operations);
        Some(root)
    }

    fn open(&mut self, samples: &[Sample]) -> Option<Vec<OpenedRow>> {
        self.inner.open(samples)
    }
}
