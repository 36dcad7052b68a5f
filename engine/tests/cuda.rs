//! Devices: on a machine without one every call is an error with a remedy and none is a panic; on a machine with one,
//! everything that a chain does is what the reference does.
#![cfg(feature = "cuda")]

use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use engine::Case;
use engine::cuda::{CudaError, GemmPath, Gpu, GpuKernel, devices, kernels};
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

/// The first device, opened once; `None`, with the reason printed, where there is none. `ASSAY_GPU` makes that a failure.
fn gpu() -> Option<Arc<Gpu>> {
    static OPENED: OnceLock<Result<Arc<Gpu>, CudaError>> = OnceLock::new();
    match OPENED.get_or_init(|| Gpu::open(0)) {
        Ok(gpu) => Some(Arc::clone(gpu)),
        Err(error) => {
            assert!(std::env::var_os("ASSAY_GPU").is_none(), "ASSAY_GPU is set, and: {error}");
            assert!(lacks_a_device(error), "{error}");
            println!("skipped: {error}");
            None
        }
    }
}

/// A kernel on every path of the device.
fn on_every_path(gpu: &Arc<Gpu>) -> Vec<GpuKernel> {
    gpu.paths().into_iter().map(|path| gpu.kernel(Some(path)).unwrap()).collect()
}

/// Whether a width is worth its time: the simulated device is slow.
fn is_tried(width: usize) -> bool {
    width <= 1648 || std::env::var_os("ASSAY_SIMULATE").is_none()
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
    for kernel in on_every_path(&gpu) {
        for width in [16, 48, 256, 1008, 4096, 8192].into_iter().filter(|width| is_tried(*width)) {
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
    for kernel in on_every_path(&gpu) {
        let shapes = [(16, 1, 1), (48, 3, 2), (272, 3, 128), (1648, 2, 64), (512, 4, 128), (4096, 2, 32)];
        for (width, layers, rows) in shapes.into_iter().filter(|(width, ..)| is_tried(*width as usize)) {
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
    for kernel in on_every_path(&gpu) {
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
fn every_device_computes_while_the_others_do() {
    let Some(first) = gpu() else { return };
    let others = devices().unwrap().into_iter().skip(1).map(|device| Gpu::find(&device.uuid).unwrap());
    let gpus: Vec<_> = [first].into_iter().chain(others).collect();
    let weights = weights(policy(272, 3, 64));
    let expected = proof::kernel::leaves(&ScalarKernel, &weights, &[3; 32], 0, 1);
    // One thread for all of them: what is current changes with every call.
    let kernels: Vec<_> = gpus.iter().map(|gpu| gpu.kernel(None).unwrap()).collect();
    for kernel in kernels.iter().chain(kernels.iter().rev()) {
        assert!(kernel.leaves(&weights, &[3; 32], 0, 1).as_ref() == Some(&expected), "{:?}", kernel.take_fault());
    }
    for gpu in gpus {
        assert!(gpu.free_memory().unwrap() <= gpu.info().memory && gpu.paths().contains(&gpu.path()));
    }
}

#[test]
fn raw_products_have_a_rate_and_bounds() {
    let Some(gpu) = gpu() else { return };
    let kernel = gpu.kernel(None).unwrap();
    assert!(kernel.raw_gemm_rate(100, 256, Duration::from_millis(5)).unwrap() > 0.0);
    assert_eq!(kernel.raw_gemm_rate(100, 20, Duration::from_millis(5)), Err(CudaError::Width(20)));
    let error = kernel.raw_gemm_rate(1 << 40, 8192, Duration::from_millis(5)).unwrap_err();
    assert!(matches!(error, CudaError::OutOfMemory { .. }), "{error}");
    assert!(!kernel.broken(), "a measurement that cannot be made breaks nothing");
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

/// Libraries that stand in for a device; `None` where there is no C++ compiler, which fails in CI.
fn simulated() -> Option<&'static Path> {
    static BUILT: OnceLock<Option<tempfile::TempDir>> = OnceLock::new();
    let folder = BUILT.get_or_init(|| {
        let compiler = std::env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
        if Command::new(&compiler).arg("--version").output().is_err() {
            assert!(std::env::var_os("CI").is_none(), "CI has to check the host half, and there is no {compiler}");
            println!("skipped: there is no C++ compiler ({compiler}; set CXX)");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("kernels.cu"), kernels::SOURCE).unwrap();
        std::fs::write(folder.path().join("device.cpp"), include_str!("cuda/device.cpp")).unwrap();
        let flags = ["-std=c++17", "-Ofast", "-fPIC", "-shared", "-fno-strict-aliasing", "-Wno-unknown-pragmas"];
        let output = Command::new(compiler)
            .args(flags)
            .args(["device.cpp", "-o", "libcuda.so.1"])
            .current_dir(&folder)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        for name in ["libnvrtc.so.13", "libcublasLt.so.13"] {
            std::os::unix::fs::symlink("libcuda.so.1", folder.path().join(name)).unwrap();
        }
        Some(folder)
    });
    folder.as_ref().map(tempfile::TempDir::path)
}

/// Runs tests of this program on the simulated device, of which something fails.
fn on_simulated(failure: &str, arguments: &[&str]) -> Option<Output> {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(arguments)
        .env("LD_LIBRARY_PATH", simulated()?)
        .env("ASSAY_GPU", "1")
        .env("ASSAY_SIMULATE", failure)
        .env("ASSAY_LOSE", tempfile::tempdir().unwrap().path().with_extension("lose"))
        .output()
        .unwrap();
    Some(output)
}

#[test]
fn simulated_device_passes_all_tests() {
    let Some(output) = on_simulated("", &["--skip", "simulated"]) else { return };
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("8 passed"), "{said}");
}

/// Prints what opening the device gives, for [`simulated_failures_are_named`].
#[test]
#[ignore = "run by another test, on a simulated device"]
fn open_and_tell() {
    match Gpu::open(0) {
        Ok(gpu) => println!("told: paths {:?}, wrong {:?}", gpu.paths(), gpu.wrong_paths()),
        Err(error) => println!("told: {error}"),
    }
}

#[test]
fn simulated_failures_are_named() {
    for (failure, told) in [
        ("no-device", "the driver sees no device: check nvidia-smi"),
        ("mismatch", "the NVIDIA driver does not start (SYSTEM_DRIVER_MISMATCH)"),
        ("ancient-driver", "the NVIDIA driver is too old: it supports CUDA 11.4, assay needs 12.0"),
        ("old-driver", "the NVIDIA driver is too old: it supports CUDA 12.4, NVRTC 13.0 needs 13.0"),
        ("old-device", "Simulated has compute capability 6.0: 7.5 or newer is needed"),
        ("busy", "device 0 is not available: another process uses it exclusively"),
        ("little-memory", "device 0 is out of memory: "),
    ] {
        let Some(output) = on_simulated(failure, &["--ignored", "--exact", "open_and_tell", "--nocapture"]) else {
            return;
        };
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            said.contains(&format!("told: {told}")),
            "{failure}: {said}\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
fn simulated_paths_that_are_wrong_or_missing_are_not_taken() {
    for (failure, without, wrong) in [("wrong-int8", "Int8", "[Int8]"), ("no-bf16", "Bf16", "[]")] {
        let Some(output) = on_simulated(failure, &["--ignored", "--exact", "open_and_tell", "--nocapture"]) else {
            return;
        };
        let said = String::from_utf8_lossy(&output.stdout);
        let told = said.lines().find_map(|line| line.split_once("told: paths ")).map(|(_, told)| told).unwrap_or(&said);
        let (paths, found) = told.split_once(", wrong ").unwrap_or((told, ""));
        assert!(!paths.contains(without) && paths.contains("F32") && found == wrong, "{failure}: {said}");
    }
}

/// Loses the device in the middle of a round, for [`simulated_loss_of_the_device_ends_the_chain`].
#[test]
#[ignore = "run by another test, on a simulated device"]
fn lose_and_tell() {
    let gpu = Gpu::open(0).unwrap();
    let kernel = gpu.kernel(Some(GemmPath::Int8)).unwrap();
    let weights = weights(policy(64, 3, 32));
    let mut solver = Solver::new(Arc::clone(&weights), &Hotkey([4; 32]), 0);
    assert!(solver.next_round(&kernel).is_some());
    std::fs::write(std::env::var_os("ASSAY_LOSE").unwrap(), "3").unwrap();
    assert_eq!((solver.next_round(&kernel), solver.chain().rounds()), (None, 1));
    let samples = [proof::Sample { chain: 0, round: 1, row: 5 }];
    assert_eq!(solver.open(&kernel, &samples), Err(proof::OpenError::Broken));
    assert!(solver.open(&ScalarKernel, &samples).is_ok());
    let fault = kernel.take_fault().unwrap();
    assert!(fault.is_fatal(), "{fault}");
    assert_eq!(solver.next_round(&kernel), None, "it tries again and breaks again");
    assert!(kernel.take_fault().unwrap().is_fatal());
    println!("told: {fault}");
}

#[test]
fn simulated_loss_of_the_device_ends_the_chain() {
    let Some(output) = on_simulated("lost", &["--ignored", "--exact", "lose_and_tell", "--nocapture"]) else { return };
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("told: device 0 failed (ILLEGAL_ADDRESS) while "), "{said}");
}
