//! An open device.

use std::fmt;
use std::sync::{Arc, OnceLock};

use cudarc::driver::CudaContext;

use crate::cuda::driver;
use crate::cuda::error::CudaError;
use crate::cuda::gemm::GemmPath;
use crate::cuda::kernel::GpuKernel;
use crate::cuda::probe::{self, DeviceInfo};
use crate::cuda::queue::{Functions, Queue};
use crate::cuda::tune::{self, Plan};
use crate::cuda::weights::Shared;

/// The oldest generation with integer tensor cores, and that every NVRTC since 12 and up to 13 compiles for.
const OLDEST: (u32, u32) = (7, 5);

/// A device that this process uses: its context, its kernels, and what was measured when it was opened. Several may be
/// open at once; each is a context of its own.
pub struct Gpu {
    info: DeviceInfo,
    context: Arc<CudaContext>,
    functions: Arc<Functions>,
    shared: Shared,
    plan: OnceLock<Plan>,
}

impl Gpu {
    /// Opens the device with this number: compiles the kernels, tests every path on the bound of exactness and measures
    /// those that are right, which takes a second or two and up to 600 MiB of its memory.
    ///
    /// # Errors
    /// Whatever [`CudaError`] there is, with its remedy.
    pub fn open(index: usize) -> Result<Arc<Self>, CudaError> {
        Self::find(&index.to_string())
    }

    /// Opens the device with this number or UUID (`GPU-…`, or its beginning).
    ///
    /// # Errors
    /// As [`Gpu::open`].
    pub fn find(wanted: &str) -> Result<Arc<Self>, CudaError> {
        let supported = driver::start()?;
        let info = probe::find(&probe::devices()?, wanted)?;
        if info.capability < OLDEST {
            return Err(CudaError::ArchitectureTooOld { name: info.name, found: info.capability, needed: OLDEST });
        }
        driver::libraries(supported)?;
        let index = info.index;
        let context = driver::context(index).map_err(|error| CudaError::from_driver(index, "opening it", error))?;
        let functions = Arc::new(Functions::load(&context, info.capability.0 * 10 + info.capability.1)?);
        let gpu = Arc::new(Self { info, context, functions, shared: Shared::default(), plan: OnceLock::new() });
        let plan = tune::plan(&gpu)?;
        gpu.plan.get_or_init(|| plan);
        Ok(gpu)
    }

    /// What it is.
    #[must_use]
    pub const fn info(&self) -> &DeviceInfo {
        &self.info
    }

    /// The paths that give the right bits here, fastest first.
    #[must_use]
    pub fn paths(&self) -> Vec<GemmPath> {
        self.plan.get().map(Plan::paths).unwrap_or_default()
    }

    /// The paths that the device has and that give wrong bits. They are never taken; a device that has any deserves
    /// suspicion.
    #[must_use]
    pub fn wrong_paths(&self) -> &[GemmPath] {
        self.plan.get().map_or(&[], |plan| &plan.wrong)
    }

    /// The fastest path.
    #[must_use]
    pub fn path(&self) -> GemmPath {
        // A device without a path is not open.
        self.paths().first().copied().unwrap_or(GemmPath::F32)
    }

    /// A kernel for one chain, with a stream of its own, on the fastest path or another.
    ///
    /// # Errors
    /// The device does not have the path, its memory does not suffice, or it failed.
    pub fn kernel(self: &Arc<Self>, path: Option<GemmPath>) -> Result<GpuKernel, CudaError> {
        let path = path.unwrap_or_else(|| self.path());
        let missing = CudaError::NoPath { device: self.info.index, path };
        let room = self.plan.get().and_then(|plan| plan.room(path)).ok_or(missing)?;
        GpuKernel::new(self, path, room)
    }

    /// Bytes of its memory that nobody uses now.
    ///
    /// # Errors
    /// The device failed.
    pub fn free_memory(&self) -> Result<u64, CudaError> {
        let (free, _) = self
            .context
            .mem_get_info()
            .map_err(|error| CudaError::from_driver(self.info.index, "asking for free memory", error))?;
        Ok(free as u64)
    }

    pub(crate) fn queue(&self) -> Result<Queue, CudaError> {
        Queue::new(&self.context, &self.functions)
    }

    pub(crate) const fn shared(&self) -> &Shared {
        &self.shared
    }
}

impl fmt::Debug for Gpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gpu").field("info", &self.info).field("plan", &self.plan).finish_non_exhaustive()
    }
}
