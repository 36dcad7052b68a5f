//! The weights of a window on a device, shared by its chains.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use proof::{Digest, Shape, Weights};

use crate::cuda::error::CudaError;
use crate::cuda::gemm::GemmPath;
use crate::cuda::queue::{Memory, Queue};

/// All layers and salts of a window. Written before anybody else sees them, read only from then on.
pub(crate) struct DeviceWeights {
    id: Digest,
    path: GemmPath,
    shape: Shape,
    pub(crate) layers: Memory,
    pub(crate) salts: Memory,
}

impl DeviceWeights {
    fn fill(queue: &Queue, path: GemmPath, weights: &Weights) -> Result<Self, CudaError> {
        let shape = *weights.shape();
        let values = shape.layers * shape.width * shape.width;
        let (bytes, salts) = (values * path.form().bytes(), shape.layers * shape.width * 4);
        queue.fits(bytes + salts)?;
        let mut filled =
            Self { id: *weights.id(), path, shape, layers: queue.allocate(bytes)?, salts: queue.allocate(salts)? };
        queue.fill_weights(&mut filled.layers, path.form(), &weights.seed(), values)?;
        let words = (0..shape.layers).flat_map(|index| weights.salts(index));
        queue.upload(&words.flat_map(|salt| salt.to_le_bytes()).collect::<Vec<_>>(), &mut filled.salts)?;
        queue.wait()?;
        Ok(filled)
    }

    /// Whether they are those of this window and path.
    pub(crate) fn are(&self, weights: &Weights, path: GemmPath) -> bool {
        self.id == *weights.id() && self.path == path
    }

    /// The dimensions of the work.
    pub(crate) const fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Byte at which a layer begins.
    pub(crate) const fn layer(&self, index: usize) -> usize {
        index * self.shape.width * self.shape.width * self.path.form().bytes()
    }

    /// Byte at which the salts of a layer begin.
    pub(crate) const fn salt(&self, index: usize) -> usize {
        index * self.shape.width * 4
    }
}

/// Those that some chain of a device uses.
#[derive(Default)]
pub(crate) struct Shared(Mutex<Vec<Weak<DeviceWeights>>>);

impl Shared {
    /// The weights of a window; the first chain that asks fills them while the others wait.
    pub(crate) fn get(
        &self,
        queue: &Queue,
        path: GemmPath,
        weights: &Weights,
    ) -> Result<Arc<DeviceWeights>, CudaError> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|weights| weights.strong_count() > 0);
        if let Some(found) = known.iter().filter_map(Weak::upgrade).find(|found| found.are(weights, path)) {
            return Ok(found);
        }
        let filled = Arc::new(DeviceWeights::fill(queue, path, weights)?);
        known.push(Arc::downgrade(&filled));
        Ok(filled)
    }
}
