//! A device that is opened in this process, behind one seam for the worker, the self-test and the measurements.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use engine::{Kernel, Path};
use proof::RowKernel;
use proof::rows::{Inputs, mix32};

use crate::device::{DeviceName, cuda};

/// An opened device. Every chain takes a kernel of its own.
pub trait Device: Send + Sync {
    /// The device in words: for people and logs, never for a decision.
    fn about(&self) -> String;

    /// The fastest kernel, for one chain.
    ///
    /// # Errors
    /// When the device has no room for it, or has failed.
    fn kernel(&self) -> Result<Box<dyn ChainKernel>>;

    /// A kernel for each way through the device, with its name.
    ///
    /// # Errors
    /// As [`Device::kernel`].
    fn paths(&self) -> Result<Vec<(String, Box<dyn ChainKernel>)>>;
}

/// What one chain computes with.
pub trait ChainKernel: RowKernel {
    /// What has gone wrong since the last call, if anything: results since then are worth nothing.
    fn fault(&self) -> Option<String>;

    /// Operations per second of nothing but exact int8 products of `rows` rows with a width × width matrix, everything in
    /// the device's memory: what rounds are compared with. Takes about `length`.
    ///
    /// # Errors
    /// When the device fails.
    fn products(&self, rows: usize, width: usize, length: Duration) -> Result<f64>;
}

/// Opens a device. `threads` is what one kernel of the processor spreads over; a card ignores it.
///
/// # Errors
/// When there is no such device, it is busy or broken, or this build cannot use it; with the remedy.
pub fn open(name: DeviceName, threads: NonZeroUsize) -> Result<Arc<dyn Device>> {
    Ok(match name {
        DeviceName::Cpu | DeviceName::CpuProcess(_) => Arc::new(Processor(threads)),
        DeviceName::Cuda(index) => cuda::open(index)?,
    })
}

/// The processor.
struct Processor(NonZeroUsize);

impl Device for Processor {
    fn about(&self) -> String {
        format!("{}, {}", super::inventory::processor(), Path::best())
    }

    fn kernel(&self) -> Result<Box<dyn ChainKernel>> {
        Ok(Box::new(Kernel::new(self.0)))
    }

    fn paths(&self) -> Result<Vec<(String, Box<dyn ChainKernel>)>> {
        let kernel = |path| Some((Path::name(path).to_owned(), Box::new(Kernel::on(path, self.0)?) as _));
        Ok(Path::ALL.into_iter().filter_map(kernel).collect())
    }
}

impl ChainKernel for Kernel {
    fn fault(&self) -> Option<String> {
        None
    }

    fn products(&self, rows: usize, width: usize, length: Duration) -> Result<f64> {
        ensure!(rows > 0 && width > 0, "nothing to multiply");
        let weights: Vec<i8> = (0..width * width).map(|index| mix32(index as u32) as i8).collect();
        let mut inputs = vec![0; rows * width];
        Inputs::after(&[3; 32]).fill(0, width, &mut inputs);
        let mut out = vec![0; inputs.len()];
        self.multiply(&weights, &inputs, width, &mut out);
        let (start, mut runs) = (Instant::now(), 0u32);
        while runs == 0 || start.elapsed() < length {
            self.multiply(&weights, &inputs, width, &mut out);
            runs += 1;
        }
        Ok(2.0 * (inputs.len() * width) as f64 * f64::from(runs) / start.elapsed().as_secs_f64())
    }
}
