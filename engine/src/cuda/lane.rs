//! One chain on a device: bands of rows through all layers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use proof::rows::Inputs;
use proof::{Digest, Weights};

use crate::cuda::device::Gpu;
use crate::cuda::error::CudaError;
use crate::cuda::gemm::{Gemm, GemmPath};
use crate::cuda::grid;
use crate::cuda::queue::{Memory, Queue};
use crate::cuda::weights::DeviceWeights;

/// Rows are multiplied in whole steps of this many; what a band lacks is computed and ignored.
const STEP: usize = 16;
/// The widest row of any policy.
const WIDTH_MAX: usize = incentive::policy::ComputePolicy::WIDTH_MAX as usize;

/// Rows that pass the layers together where their sums may take this many bytes.
pub(crate) const fn band(width: usize, sums: usize) -> usize {
    let rows = sums / (4 * width) / STEP * STEP;
    let most = grid::ROWS_MAX / STEP * STEP;
    if rows < STEP {
        STEP
    } else if rows > most {
        most
    } else {
        rows
    }
}

/// A stream, its buffers, and the weights that it last used.
pub(crate) struct Lane {
    gpu: Arc<Gpu>,
    queue: Queue,
    gemm: Gemm,
    /// Bytes of sums that the rows of a band may have.
    room: usize,
    rows: Memory,
    sums: Memory,
    leaves: Memory,
    weights: Option<Arc<DeviceWeights>>,
}

impl Lane {
    /// A chain whose bands may have this many bytes of sums. Its buffers grow with the first work.
    pub(crate) fn new(gpu: &Arc<Gpu>, path: GemmPath, room: usize) -> Result<Self, CudaError> {
        let queue = gpu.queue()?;
        let gemm = Gemm::new(&queue, path)?;
        let [rows, sums, leaves] = [queue.allocate(0)?, queue.allocate(0)?, queue.allocate(0)?];
        Ok(Self { gpu: Arc::clone(gpu), queue, gemm, room, rows, sums, leaves, weights: None })
    }

    pub(crate) const fn path(&self) -> GemmPath {
        self.gemm.path()
    }

    /// The leaves of a whole round.
    pub(crate) fn leaves(
        &mut self,
        weights: &Weights,
        head: &Digest,
        chain: u16,
        round: u32,
    ) -> Result<Vec<Digest>, CudaError> {
        let (width, rows) = (weights.shape().width, weights.shape().rows);
        let weights = self.load(weights)?;
        let inputs = Inputs::after(head);
        let band = band(width, self.room).min(rows.next_multiple_of(STEP));
        let form = self.path().form();
        self.reserve(width, band, rows)?;
        for first in (0..rows).step_by(band) {
            let count = band.min(rows - first);
            // A band is a multiple of 16 rows of a multiple of 16 values: it begins with a block of the stream.
            self.queue.fill_inputs(&mut self.rows, form, inputs.seed(), (first * width) as u64, count * width)?;
            self.layers(&weights, count)?;
            let place = (chain, round, first as u32);
            self.queue.leaves((&mut self.leaves, first * 32), &self.rows, width, count, place)?;
        }
        let mut leaves = vec![0; rows * 32];
        self.queue.download(&self.leaves, &mut leaves)?;
        Ok(leaves.as_chunks::<32>().0.to_vec())
    }

    /// Takes rows of the host through all layers.
    pub(crate) fn forward(&mut self, weights: &Weights, rows: &mut [i8]) -> Result<(), CudaError> {
        if rows.is_empty() {
            return Ok(());
        }
        let width = weights.shape().width;
        let weights = self.load(weights)?;
        let count = rows.len() / width;
        let band = band(width, self.room).min(count.next_multiple_of(STEP));
        self.reserve(width, band, 0)?;
        for rows in rows.chunks_mut(band * width) {
            self.queue.bring(rows, self.gemm.path().form(), &mut self.rows)?;
            self.layers(&weights, rows.len() / width)?;
            let mut bytes = vec![0; rows.len()];
            self.queue.download(&self.rows, &mut bytes)?;
            for (value, byte) in rows.iter_mut().zip(bytes) {
                *value = byte.cast_signed();
            }
        }
        Ok(())
    }

    /// See [`proof::RowKernel::multiply`].
    pub(crate) fn multiply(
        &mut self,
        weights: &[i8],
        inputs: &[i8],
        width: usize,
        out: &mut [i32],
    ) -> Result<(), CudaError> {
        if width == 0 || !width.is_multiple_of(16) || width > WIDTH_MAX {
            return Err(CudaError::Width(width));
        }
        if inputs.is_empty() {
            return Ok(());
        }
        let form = self.path().form();
        let mut layer = self.queue.allocate(weights.len() * form.bytes())?;
        self.queue.bring(weights, form, &mut layer)?;
        let band = band(width, self.room).min((inputs.len() / width).next_multiple_of(STEP));
        self.reserve(width, band, 0)?;
        for (inputs, out) in inputs.chunks(band * width).zip(out.chunks_mut(band * width)) {
            self.queue.bring(inputs, form, &mut self.rows)?;
            let rows = (inputs.len() / width).next_multiple_of(STEP);
            self.gemm.run((&layer, 0), &self.rows, &mut self.sums, width, rows)?;
            let mut bytes = vec![0; 4 * out.len()];
            self.queue.download(&self.sums, &mut bytes)?;
            let whole = self.path().is_whole();
            for (sum, bytes) in out.iter_mut().zip(bytes.as_chunks::<4>().0) {
                // A sum in f32 is a whole number within 24 bits.
                *sum = if whole { i32::from_le_bytes(*bytes) } else { f32::from_le_bytes(*bytes) as i32 };
            }
        }
        Ok(())
    }

    /// Waits for whatever is queued: after an error, before memory is given back.
    pub(crate) fn settle(&self) {
        // The error that led here is the one to report.
        let _ = self.queue.wait();
    }

    /// Products of this shape and nothing else, for about this long; operations per second.
    pub(crate) fn raw_rate(&mut self, rows: usize, width: usize, length: Duration) -> Result<f64, CudaError> {
        // Far beyond any memory, and far from what cannot be counted.
        let rows = rows.min(1 << 40).next_multiple_of(STEP);
        let (layer, inputs, mut sums) = self.operands(rows, width, 1)?;
        let operations = 2.0 * rows as f64 * (width * width) as f64;
        self.repeat(length, operations, |lane| lane.gemm.run((&layer, 0), &inputs, &mut sums, width, rows))
    }

    /// Rows through a few layers, as a round does it, for about this long; operations per second of the products.
    pub(crate) fn pass_rate(&mut self, width: usize, layers: usize, length: Duration) -> Result<f64, CudaError> {
        let rows = band(width, self.room);
        let (weights, mut inputs, mut sums) = self.operands(rows, width, layers)?;
        let mut salts = self.queue.allocate(width * 4)?;
        self.queue.upload(&vec![0xa5; width * 4], &mut salts)?;
        let path = self.path();
        let layer = width * width * path.form().bytes();
        let operations = 2.0 * (rows * layers) as f64 * (width * width) as f64;
        self.repeat(length, operations, |lane| {
            for index in 0..layers {
                lane.gemm.run((&weights, index * layer), &inputs, &mut sums, width, rows)?;
                lane.queue.requantise(path.requantise(false), &mut inputs, &sums, (&salts, 0), (width, rows))?;
            }
            Ok(())
        })
    }

    /// Weights, rows and room for sums, for measuring.
    fn operands(&self, rows: usize, width: usize, layers: usize) -> Result<(Memory, Memory, Memory), CudaError> {
        if width == 0 || !width.is_multiple_of(16) || width > WIDTH_MAX {
            return Err(CudaError::Width(width));
        }
        let form = self.path().form();
        let (layer, inputs) = (layers * width * width, rows * width);
        self.queue.fits((layer + inputs) * form.bytes() + inputs * 4)?;
        let mut weights = self.queue.allocate(layer * form.bytes())?;
        let mut values = self.queue.allocate(inputs * form.bytes())?;
        self.queue.fill_weights(&mut weights, form, &[1; 32], layer)?;
        self.queue.fill_inputs(&mut values, form, &[2; 32], 0, inputs)?;
        Ok((weights, values, self.queue.allocate(inputs * 4)?))
    }

    fn repeat(
        &mut self,
        length: Duration,
        operations: f64,
        mut work: impl FnMut(&mut Self) -> Result<(), CudaError>,
    ) -> Result<f64, CudaError> {
        // Once for what the library loads and for clocks to rise.
        work(self)?;
        self.queue.wait()?;
        let (begin, mut done, mut burst) = (Instant::now(), 0, 1);
        while begin.elapsed() < length {
            for _ in 0..burst {
                work(self)?;
            }
            self.queue.wait()?;
            done += burst;
            // Long bursts, so that waiting does not count, and no longer than what has passed.
            burst = (burst * 2).min(256);
        }
        Ok(f64::from(done) * operations / begin.elapsed().as_secs_f64())
    }

    /// The weights of a window; those of the one before are given back first.
    fn load(&mut self, weights: &Weights) -> Result<Arc<DeviceWeights>, CudaError> {
        let path = self.path();
        if let Some(loaded) = self.weights.take().filter(|loaded| loaded.are(weights, path)) {
            self.weights = Some(Arc::clone(&loaded));
            return Ok(loaded);
        }
        let loaded = self.gpu.shared().get(&self.queue, path, weights)?;
        self.weights = Some(Arc::clone(&loaded));
        Ok(loaded)
    }

    /// Queues the rows of a band through all layers; they are bytes in the end.
    fn layers(&mut self, weights: &DeviceWeights, count: usize) -> Result<(), CudaError> {
        let (width, last) = (weights.shape().width, weights.shape().layers - 1);
        let (path, rows) = (self.path(), count.next_multiple_of(STEP));
        for index in 0..=last {
            self.gemm.run((&weights.layers, weights.layer(index)), &self.rows, &mut self.sums, width, rows)?;
            // In place: the product has read the rows, and the next one reads only what is kept.
            let (kind, salts) = (path.requantise(index == last), (&weights.salts, weights.salt(index)));
            self.queue.requantise(kind, &mut self.rows, &self.sums, salts, (width, count))?;
        }
        Ok(())
    }

    /// Room for a band of rows, and for the leaves of a round.
    fn reserve(&mut self, width: usize, band: usize, leaves: usize) -> Result<(), CudaError> {
        let values = width * band;
        let sizes = [values * self.path().form().bytes(), values * 4, leaves * 32];
        let buffers = [&mut self.rows, &mut self.sums, &mut self.leaves];
        let missing =
            buffers.iter().zip(sizes).filter(|(buffer, size)| buffer.len() < *size).map(|(_, size)| size).sum();
        if missing == 0 {
            return Ok(());
        }
        self.queue.fits(missing)?;
        for (buffer, size) in buffers.into_iter().zip(sizes).filter(|(buffer, size)| buffer.len() < *size) {
            // Nothing is kept from one call to the next. What was there is freed when the stream has come that far.
            *buffer = self.queue.allocate(size)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_band_is_whole_steps_and_begins_with_a_block() {
        for width in (16..=WIDTH_MAX).step_by(16) {
            for room in [0, 1 << 20, 16 << 20, 128 << 20, 1 << 40] {
                let rows = band(width, room);
                assert!((STEP..=grid::ROWS_MAX).contains(&rows) && rows.is_multiple_of(STEP));
                assert!((rows * width).is_multiple_of(64));
                assert!(rows == STEP || rows * width * 4 <= room);
            }
        }
        assert_eq!(band(4096, 16 << 20), 1024);
    }
}
