//! One chain, as `proof` sees it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use proof::{Digest, RowKernel, Weights};

use crate::cuda::device::Gpu;
use crate::cuda::error::CudaError;
use crate::cuda::gemm::GemmPath;
use crate::cuda::lane::Lane;

/// [`RowKernel`] on a device, for one chain: a stream and buffers of its own, weights shared with the other chains of the
/// device. Threads may share it and then take turns; chains that shall run side by side have one each.
///
/// After a fault it is [broken](RowKernel::broken) and puts out zeros until [`GpuKernel::take_fault`].
pub struct GpuKernel {
    path: GemmPath,
    lane: Mutex<Lane>,
    fault: Mutex<Option<CudaError>>,
}

impl GpuKernel {
    pub(crate) fn new(gpu: &Arc<Gpu>, path: GemmPath, room: usize) -> Result<Self, CudaError> {
        Ok(Self { path, lane: Mutex::new(Lane::new(gpu, path, room)?), fault: Mutex::new(None) })
    }

    /// The path that it takes.
    #[must_use]
    pub const fn path(&self) -> GemmPath {
        self.path
    }

    /// Products of `rows` rows of this width and nothing else, for about this long, on this chain's stream; operations
    /// (two per product) per second. What rounds reach is stated as a share of it.
    ///
    /// # Errors
    /// A width that no policy has, too little memory (`rows · width · 5` bytes and a layer, on the int8 path), or a fault.
    pub fn raw_gemm_rate(&self, rows: usize, width: usize, length: Duration) -> Result<f64, CudaError> {
        let mut lane = self.lane();
        let rate = lane.raw_rate(rows, width, length);
        if rate.is_err() {
            lane.settle();
        }
        rate
    }

    /// What broke the kernel, once: it then tries again. After a [fatal](CudaError::is_fatal) fault it breaks again.
    #[must_use]
    pub fn take_fault(&self) -> Option<CudaError> {
        self.fault().take()
    }

    /// Does something on the device; `None` when it is broken or breaks.
    fn on_device<T>(&self, work: impl FnOnce(&mut Lane) -> Result<T, CudaError>) -> Option<T> {
        if self.fault().is_some() {
            return None;
        }
        let mut lane = self.lane();
        match work(&mut lane) {
            Ok(done) => Some(done),
            Err(error) => {
                lane.settle();
                self.fault().get_or_insert(error);
                None
            }
        }
    }

    fn lane(&self) -> MutexGuard<'_, Lane> {
        // A lane keeps nothing from one call to the next that a panic could have left half done.
        self.lane.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fault(&self) -> MutexGuard<'_, Option<CudaError>> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RowKernel for GpuKernel {
    fn multiply(&self, weights: &[i8], inputs: &[i8], width: usize, out: &mut [i32]) {
        if self.on_device(|lane| lane.multiply(weights, inputs, width, out)).is_none() {
            out.fill(0);
        }
    }

    fn forward(&self, weights: &Weights, rows: &mut [i8]) {
        if self.on_device(|lane| lane.forward(weights, rows)).is_none() {
            rows.fill(0);
        }
    }

    fn leaves(&self, weights: &Weights, head: &Digest, chain: u16, round: u32) -> Option<Vec<Digest>> {
        self.on_device(|lane| lane.leaves(weights, head, chain, round))
    }

    fn broken(&self) -> bool {
        self.fault().is_some()
    }
}

impl fmt::Debug for GpuKernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GpuKernel").field("path", &self.path).field("fault", &*self.fault()).finish_non_exhaustive()
    }
}
