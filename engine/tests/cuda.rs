//! Devices: on a machine without one every call is an error with a remedy and none is a panic; on a machine with one,
//! everything that a chain does is what the reference does.
#![cfg(feature = "cuda")]

use std::sync::Arc;

use engine::Case;
use engine::cuda::{CudaError, Gpu, GpuKernel, devices};
use incentive::policy::ComputePolicy;
use incentive::units::{Block, Hotkey, NetUid};
use proof::rows::Inputs;
use proof::{Challenge, Commitment, RowKernel, ScalarKernel, Solver, Weights, sample, verify};

/// What a machine may lack to compute on a device at all.
fn lacks_a_device(error: &CudaError) -> bool {
    use CudaError as E;
    matches!(
        error,
        E::NoDriver
            | E::NoDevice
            | E::DriverFailed { .. }
            | E::DriverTooOld { .. }
            | E::LibraryMissing(_)
            | E::LibraryTooOld { .. }
            | E::ArchitectureTooOld { .. }
            | E::Busy(_)
    )
}

/// The first device; `None`, with the reason printed, where there is none. `ASSAY_GPU` makes that a failure.
fn gpu() -> Option<Arc<Gpu>> {
    match Gpu::open(0) {
        Ok(gpu) => Some(gpu),
        Err(error) => {
            assert!(std::env::var_os("ASSAY_GPU").is_none(), "ASSAY_GPU is set, and: {error}");
            assert!(lacks_a_device(&error), "{error}");
            println!("skipped: {error}");
            None
        }
    }
}

/// A kernel on every path of the device.
fn kernels(gpu: &Arc<Gpu>) -> Vec<GpuKernel> {
    gpu.paths().into_iter().map(|path| gpu.kernel(Some(path)).unwrap()).collect()
}

fn weights(compute: ComputePolicy) -> Arc<Weights> {
    let challenge = Challenge { genesis: [1; 32], netuid: NetUid(7), block: Block(9), nonce: [5; 32], compute };
    Arc::new(Weights::new(&challenge).unwrap())
}

fn policy(width: u32, layers: u32, rows: u32) -> ComputePolicy {
    ComputePolicy { width, layers, rows, openings: 8, chains_max: 4, rounds_max: 4 }
}

#[test]
fn a_machine_without_cuda_is_told_what_is_missing() {
    // Whatever this machine has, neither call panics, and they agree.
    match (devices(), Gpu::open(0)) {
        (Err(listed), Err(opened)) => {
            assert_eq!(listed, opened);
            assert!(lacks_a_device(&listed), "{listed}");
            println!("{listed}");
        }
        (Ok(listed), Err(error)) => assert!(!listed.is_empty() && lacks_a_device(&error), "{error}"),
        (Ok(listed), Ok(gpu)) => assert_eq!(listed.first(), Some(gpu.info())),
        (Err(error), Ok(_)) => panic!("a device was opened that is not listed: {error}"),
    }
    if devices().is_ok() {
        let error = Gpu::find("GPU-none").unwrap_err();
        assert!(matches!(error, CudaError::NoSuchDevice { .. }), "{error}");
    }
}

#[test]
fn products_are_exact_on_every_path() {
    let Some(gpu) = gpu() else { return };
    for kernel in kernels(&gpu) {
        for width in [16, 48, 256, 1008, 4096, 8192] {
            let case = Case::adversarial(width);
            assert!(case.holds(&kernel), "{}: {} ({:?})", kernel.path(), case.name(), kernel.take_fault());
        }
        for number in 0..60 {
            let case = Case::random([16, 48, 64, 80, 128, 272][number % 6], 1 + number);
            assert!(case.holds(&kernel), "{}: {} ({:?})", kernel.path(), case.name(), kernel.take_fault());
        }
    }
}

#[test]
fn rows_and_rounds_are_those_of_the_reference() {
    let Some(gpu) = gpu() else { return };
    for kernel in kernels(&gpu) {
        for (width, layers, rows) in
            [(16, 1, 1), (48, 3, 2), (272, 3, 128), (1648, 2, 64), (512, 4, 128), (4096, 2, 32)]
        {
            let weights = weights(policy(width, layers, rows));
            let mut found = vec![0; 67 * width as usize];
            Inputs::after(&[8; 32]).fill(0, width as usize, &mut found);
            let mut expected = found.clone();
            ScalarKernel.forward(&weights, &mut expected);
            kernel.forward(&weights, &mut found);
            assert!(found == expected, "{}: rows of width {width} ({:?})", kernel.path(), kernel.take_fault());
            let expected = proof::kernel::leaves(&ScalarKernel, &weights, &[3; 32], 2, 1);
            let found = kernel.leaves(&weights, &[3; 32], 2, 1);
            assert!(found == Some(expected), "{}: leaves of width {width} ({:?})", kernel.path(), kernel.take_fault());
        }
    }
}

#[test]
fn more_rows_than_a_band_are_one_round() {
    let Some(gpu) = gpu() else { return };
    // Bands of width 16 have 65520 rows at most.
    let weights = weights(policy(16, 2, 1 << 17));
    let expected = proof::kernel::leaves(&ScalarKernel, &weights, &[3; 32], 0, 1);
    for kernel in kernels(&gpu) {
        assert!(kernel.leaves(&weights, &[3; 32], 0, 1).as_ref() == Some(&expected), "{}", kernel.path());
    }
}

#[test]
fn chains_side_by_side_pass_a_validator() {
    let Some(gpu) = gpu() else { return };
    let (weights, hotkey) = (weights(policy(512, 4, 128)), Hotkey([4; 32]));
    let solvers = std::thread::scope(|scope| {
        let chains: Vec<_> = (0..4)
            .map(|chain| {
                let (kernel, weights) = (gpu.kernel(None).unwrap(), Arc::clone(&weights));
                scope.spawn(move || {
                    let mut solver = Solver::new(weights, &hotkey, chain);
                    while solver.next_round(&kernel).is_some() {}
                    assert_eq!(kernel.take_fault(), None);
                    solver
                })
            })
            .collect();
        chains.into_iter().map(|chain| chain.join().unwrap()).collect::<Vec<_>>()
    });
    let chains: Vec<_> = solvers.iter().map(|solver| solver.chain().roots().to_vec()).collect();
    assert!(chains.iter().all(|roots| roots.len() == 4));
    let commitment = Commitment { hotkey, chains };
    let samples = sample(&[6; 32], weights.challenge(), &commitment);
    let kernel = gpu.kernel(None).unwrap();
    let opening = proof::open(&solvers.iter().collect::<Vec<_>>(), &kernel, &samples).unwrap();
    assert_eq!(verify(&weights, &ScalarKernel, &commitment, &samples, &opening), Ok(()));
    assert_eq!(verify(&weights, &kernel, &commitment, &samples, &opening), Ok(()), "a device as validator");
}

#[test]
fn a_width_that_no_device_takes_breaks_the_kernel_until_the_fault_is_taken() {
    let Some(gpu) = gpu() else { return };
    let kernel = gpu.kernel(None).unwrap();
    let mut out = vec![1; 20];
    kernel.multiply(&[1; 400], &[1; 20], 20, &mut out);
    assert!(kernel.broken() && out == [0; 20]);
    let case = Case::random(64, 3);
    assert!(!case.holds(&kernel), "a broken kernel holds nothing");
    assert_eq!(kernel.take_fault(), Some(CudaError::Width(20)));
    assert!(!kernel.broken() && case.holds(&kernel));
}
