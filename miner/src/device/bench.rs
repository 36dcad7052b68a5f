//! How fast a device is: whole rounds, as they are paid, beside nothing but products on the same device.

use std::num::NonZeroU16;
use std::process::ExitCode;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use incentive::policy::{ComputePolicy, Policy};
use incentive::units::{Block, Hotkey, NetUid};
use neuron_common::exit;
use proof::{Challenge, Solver, Weights};
use serde::Serialize;

use crate::device::inventory::cores;
use crate::device::open::{ChainKernel, Device, open};
use crate::device::plan::resolve;
use crate::device::{DeviceName, Selector, cuda};

/// Chains of one hotkey on a card unless told otherwise.
const CHAINS: u16 = 3;

/// What to measure.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// On which devices, one after the other.
    pub device: Selector,
    /// Chains of each hotkey; for the processor these are threads.
    pub chains: Option<NonZeroU16>,
    /// Hotkeys that share the device.
    pub hotkeys: NonZeroU16,
    /// How long each figure takes.
    pub length: Duration,
}

/// What was measured. A multiplication and an addition are two operations, as in the score.
#[derive(Clone, Debug, Serialize)]
struct Rates {
    device: DeviceName,
    about: String,
    hotkeys: NonZeroU16,
    chains: u16,
    width: u32,
    rows: u32,
    layers: u32,
    /// Operations per second of products alone, weights in memory.
    products: f64,
    /// Operations per second of one hotkey's rounds: weights, inputs, products, and hashes.
    rounds: f64,
    /// Rounds over products.
    ratio: f64,
    /// Operations per second of all hotkeys' rounds at the same time, if there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    together: Option<f64>,
    /// All hotkeys over one.
    #[serde(skip_serializing_if = "Option::is_none")]
    gain: Option<f64>,
}

/// Measures and prints.
///
/// # Errors
/// When a device is not there or fails, or JSON cannot be made of the result.
pub fn run(options: &Options, json: bool) -> Result<ExitCode> {
    let mut measured = Vec::new();
    for name in resolve(&[options.device], cuda::indices)? {
        let rates = measure(name, options)?;
        if !json {
            exit::print(&rates.text());
        }
        measured.push(rates);
    }
    if json {
        exit::print(&(serde_json::to_string_pretty(&measured)? + "\n"));
    }
    Ok(ExitCode::SUCCESS)
}

fn measure(name: DeviceName, options: &Options) -> Result<Rates> {
    let device = open(name, NonZeroU16::MIN.into())?;
    let bench = Bench { chains: options.chains.map_or_else(|| chains(name), NonZeroU16::get), ..Bench::of(name) };
    let products = bench.products(device.as_ref(), options.length)?;
    let rounds = bench.rounds(&device, 1, options.length)?;
    let together = (options.hotkeys.get() > 1).then(|| bench.rounds(&device, options.hotkeys.get(), options.length));
    let together = together.transpose()?;
    let ComputePolicy { width, rows, layers, .. } = bench.compute;
    let (about, hotkeys, chains) = (device.about(), options.hotkeys, bench.chains);
    let (ratio, gain) = (rounds / products, together.map(|together| together / rounds));
    Ok(Rates { device: name, about, hotkeys, chains, width, rows, layers, products, rounds, ratio, together, gain })
}

/// Chains of one hotkey that keep a device busy: a thread for each core, a few for a card.
#[must_use]
pub(crate) fn chains(name: DeviceName) -> u16 {
    match name {
        DeviceName::Cpu | DeviceName::CpuProcess(_) => u16::try_from(cores().get()).unwrap_or(u16::MAX),
        DeviceName::Cuda(_) => CHAINS,
    }
}

impl Rates {
    fn text(&self) -> String {
        let Self { device, about, hotkeys, chains, width, rows, layers, products, rounds, ratio, .. } = self;
        let (products, rounds) = (products / 1e9, rounds / 1e9);
        let mut text = format!(
            "{device}: {about}, {chains} chain(s)\n\
             products  {products:>11.1} Gop/s  {rows} rows times {width} x {width}, weights in memory\n\
             rounds    {rounds:>11.1} Gop/s  {rows} rows through {layers} layers, weights and hashes included\n\
             ratio     {ratio:>11.3}\n"
        );
        if let (Some(together), Some(gain)) = (self.together, self.gain) {
            let together = together / 1e9;
            text +=
                &format!("together  {together:>11.1} Gop/s  {hotkeys} hotkeys at the same time: {gain:.3} of one\n");
        }
        text
    }
}

/// What is measured on a device.
pub(crate) struct Bench {
    pub(crate) compute: ComputePolicy,
    /// Of each hotkey.
    pub(crate) chains: u16,
    /// Kernels that multiply at the same time when nothing else is done: one for each core, one for a card.
    pub(crate) multipliers: u16,
}

impl Bench {
    /// The production policy's rounds on a card; on a processor some of its rows and layers, which have the same rate.
    pub(crate) fn of(name: DeviceName) -> Self {
        let production = ComputePolicy { rounds_max: ComputePolicy::ROUNDS_MAX, ..Policy::production().compute };
        let chains = chains(name);
        match name {
            DeviceName::Cpu | DeviceName::CpuProcess(_) => {
                Self { compute: ComputePolicy { rows: 256, layers: 8, ..production }, chains, multipliers: chains }
            }
            DeviceName::Cuda(_) => Self { compute: production, chains, multipliers: 1 },
        }
    }

    /// Operations per second of nothing but products.
    pub(crate) fn products(&self, device: &dyn Device, length: Duration) -> Result<f64> {
        let (rows, width) = (self.compute.rows as usize, self.compute.width as usize);
        let kernels = (0..self.multipliers.max(1)).map(|_| device.kernel()).collect::<Result<Vec<_>>>()?;
        let rates = all(kernels, |_, kernel| {
            let rate = kernel.products(rows, width, length)?;
            sound(kernel.as_ref())?;
            Ok(rate)
        })?;
        Ok(rates.iter().sum())
    }

    /// Operations per second of the rounds of some hotkeys at the same time, each with as many chains. A chain counts
    /// until its last round that ends in time, so that a round which has no time left says nothing.
    pub(crate) fn rounds(&self, device: &Arc<dyn Device>, hotkeys: u16, length: Duration) -> Result<f64> {
        let challenge = Challenge {
            genesis: [1; 32],
            netuid: NetUid(1),
            block: Block(1),
            nonce: [2; 32],
            compute: self.compute.clone(),
        };
        let weights = Arc::new(Weights::new(&challenge)?);
        let chains: Vec<(u16, u16)> =
            (0..hotkeys).flat_map(|hotkey| (0..self.chains).map(move |chain| (hotkey, chain))).collect();
        let kernels = chains.iter().map(|_| device.kernel()).collect::<Result<Vec<_>>>()?;
        let ready = Barrier::new(chains.len());
        let rates = all(kernels, |index, kernel| {
            let (hotkey, chain) = chains[index];
            let mut solver = Solver::new(Arc::clone(&weights), &Hotkey([hotkey as u8 + 1; 32]), chain);
            solver.next_round(kernel.as_ref()).context("the policy has no round")?;
            ready.wait();
            let (start, mut rounds, mut until) = (Instant::now(), 0u32, Duration::ZERO);
            while solver.next_round(kernel.as_ref()).is_some() {
                let now = start.elapsed();
                if now > length && rounds > 0 {
                    break;
                }
                (rounds, until) = (rounds + 1, now);
            }
            sound(kernel.as_ref())?;
            Ok(self.compute.operations_per_round() as f64 * f64::from(rounds) / until.as_secs_f64())
        })?;
        Ok(rates.iter().sum())
    }
}

/// A figure beside which a fault stands is none.
pub(crate) fn sound(kernel: &dyn ChainKernel) -> Result<()> {
    kernel.fault().map_or(Ok(()), |fault| Err(anyhow!("the device failed: {fault}")))
}

/// The same on every kernel, each on a thread of its own, all at the same time.
fn all(
    kernels: Vec<Box<dyn ChainKernel>>,
    run: impl Fn(usize, Box<dyn ChainKernel>) -> Result<f64> + Sync,
) -> Result<Vec<f64>> {
    std::thread::scope(|scope| {
        let run = &run;
        let threads: Vec<_> =
            kernels.into_iter().enumerate().map(|(index, kernel)| scope.spawn(move || run(index, kernel))).collect();
        threads.into_iter().map(|thread| thread.join().map_err(|_| anyhow!("a chain panicked"))?).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_processor_is_measured_whole_and_with_two_hotkeys() {
        let mut bench = Bench::of(DeviceName::Cpu);
        bench.compute = ComputePolicy { width: 256, rows: 64, layers: 2, ..bench.compute };
        let device = open(DeviceName::Cpu, NonZeroU16::MIN.into()).unwrap();
        let length = Duration::from_millis(50);
        // No bound from above: what else runs on the machine may hit either of them.
        let products = bench.products(device.as_ref(), length).unwrap();
        assert!(products > 0.0 && products.is_finite(), "{products}");
        for hotkeys in [1, 2] {
            let rounds = bench.rounds(&device, hotkeys, length).unwrap();
            assert!(rounds > 0.0 && rounds.is_finite(), "{rounds}");
        }
    }
}
