//! Which path a device takes and how many rows at once: tested and measured, not looked up by name.

use std::sync::Arc;
use std::time::Duration;

use incentive::policy::ComputePolicy;
use incentive::units::{Block, NetUid};
use proof::{Challenge, RowKernel, ScalarKernel, Weights};

use crate::compute::Case;
use crate::cuda::device::Gpu;
use crate::cuda::error::CudaError;
use crate::cuda::gemm::GemmPath;
use crate::cuda::kernel::GpuKernel;
use crate::cuda::lane::Lane;

/// The width of the production policy.
const WIDTH: usize = 4096;
/// Layers that rows pass while they are measured: their weights fit into no cache.
const LAYERS: usize = 4;
/// Bytes of sums that a band may have: from what stays in the second cache to what fills every device.
const ROOMS: [usize; 4] = [16 << 20, 32 << 20, 64 << 20, 128 << 20];
/// How long each is measured.
const LENGTH: Duration = Duration::from_millis(40);

/// The paths that are right, with the room for sums that is best for each, fastest first; and those that are wrong.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    right: Vec<(GemmPath, usize)>,
    pub(crate) wrong: Vec<GemmPath>,
}

impl Plan {
    pub(crate) fn paths(&self) -> Vec<GemmPath> {
        self.right.iter().map(|(path, _)| *path).collect()
    }

    pub(crate) fn room(&self, path: GemmPath) -> Option<usize> {
        self.right.iter().find(|(known, _)| *known == path).map(|(_, room)| *room)
    }
}

/// Tests and measures every path of the device.
pub(crate) fn plan(gpu: &Arc<Gpu>) -> Result<Plan, CudaError> {
    let device = gpu.info().index;
    let cases = [Case::adversarial(WIDTH), Case::random(272, 33)];
    let (mut measured, mut wrong) = (Vec::new(), Vec::new());
    for path in GemmPath::ALL {
        match is_right(gpu, path, &cases).and_then(|right| right.then(|| best(gpu, path)).transpose()) {
            Ok(Some(best)) => measured.push((path, best)),
            Ok(None) => wrong.push(path),
            Err(CudaError::NoPath { .. }) => {}
            // Other paths take more memory than the first, and one will do.
            Err(CudaError::OutOfMemory { .. }) if !measured.is_empty() => {}
            Err(error) => return Err(error),
        }
    }
    match (measured.is_empty(), wrong.is_empty()) {
        (false, _) => Ok(Plan { right: ranked(measured), wrong }),
        (true, false) => Err(CudaError::Wrong { device }),
        (true, true) => Err(CudaError::NoPath { device, path: GemmPath::F32 }),
    }
}

fn is_right(gpu: &Arc<Gpu>, path: GemmPath, cases: &[Case]) -> Result<bool, CudaError> {
    let kernel = GpuKernel::new(gpu, path, ROOMS[0])?;
    let right = cases.iter().all(|case| case.holds(&kernel)) && round_holds(&kernel);
    kernel.take_fault().map_or(Ok(right), Err)
}

/// Whether a whole small round is right, from the head to the leaves: rows of two chunks, and no whole blocks.
fn round_holds(kernel: &dyn RowKernel) -> bool {
    let compute = ComputePolicy { width: 1648, layers: 2, rows: 32, openings: 1, chains_max: 1, rounds_max: 1 };
    let challenge = Challenge { genesis: [0; 32], netuid: NetUid(0), block: Block(0), nonce: [0; 32], compute };
    // The policy is a valid one.
    let Ok(weights) = Weights::new(&challenge) else { return false };
    let expected = proof::kernel::leaves(&ScalarKernel, &weights, &[7; 32], 3, 1);
    kernel.leaves(&weights, &[7; 32], 3, 1) == Some(expected)
}

/// The best rate and the room for sums that gives it.
fn best(gpu: &Arc<Gpu>, path: GemmPath) -> Result<(f64, usize), CudaError> {
    let mut best: Option<(f64, usize)> = None;
    for room in ROOMS {
        match Lane::new(gpu, path, room).and_then(|mut lane| lane.pass_rate(WIDTH, LAYERS, LENGTH)) {
            Ok(rate) if best.is_none_or(|(most, _)| rate > most) => best = Some((rate, room)),
            Ok(_) => {}
            // The device is nearly full: what fits is good enough.
            Err(CudaError::OutOfMemory { .. }) if best.is_some() => break,
            Err(error) => return Err(error),
        }
    }
    // There is a first room.
    Ok(best.unwrap_or((0.0, ROOMS[0])))
}

/// The fastest first.
fn ranked(mut measured: Vec<(GemmPath, (f64, usize))>) -> Vec<(GemmPath, usize)> {
    measured.sort_by(|(_, (one, _)), (_, (other, _))| other.total_cmp(one));
    measured.into_iter().map(|(path, (_, room))| (path, room)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_round_that_a_device_must_get_right_is_one() {
        assert!(round_holds(&crate::Kernel::new(std::num::NonZeroUsize::MIN)));
        struct Flawed;
        impl RowKernel for Flawed {
            fn multiply(&self, weights: &[i8], inputs: &[i8], width: usize, out: &mut [i32]) {
                ScalarKernel.multiply(weights, inputs, width, out);
                out[0] ^= 1;
            }
        }
        assert!(!round_holds(&Flawed));
    }

    #[test]
    fn the_fastest_path_is_first_and_keeps_its_room() {
        let measured = vec![(GemmPath::Int8, (150e12, 1)), (GemmPath::Bf16, (2250e12, 2)), (GemmPath::F32, (70e12, 3))];
        let plan = Plan { right: ranked(measured), wrong: Vec::new() };
        assert_eq!(plan.paths(), [GemmPath::Bf16, GemmPath::Int8, GemmPath::F32]);
        assert_eq!(plan.room(GemmPath::Int8), Some(1));
        let plan = Plan { right: ranked(vec![(GemmPath::F32, (7e12, 3))]), wrong: vec![GemmPath::Int8] };
        assert_eq!((plan.paths(), plan.room(GemmPath::Int8)), (vec![GemmPath::F32], None));
    }
}
