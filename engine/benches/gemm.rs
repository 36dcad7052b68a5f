//! Exact products of every path against the `gemm` crate's f32 on the same instruction set, one core, in the same run.
//!
//!     cargo bench -p engine --bench gemm [-- WIDTH RUNS]
//!
//! The runs of the two alternate, so that a busy machine slows both. `gemm` chooses AVX-512 over AVX2 by itself where it
//! can; its public microkernels are called here, so that each path meets its own instruction set.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use engine::{Kernel, Path};
use proof::RowKernel as _;
use proof::rows::mix32;

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse::<usize>().ok());
    let width = numbers.next().unwrap_or(2048);
    let runs = numbers.next().unwrap_or(9).max(1);
    println!("rows times matrix, {width} x {width} x {width}, one core, medians of {runs}");
    for path in Path::ALL {
        let Some(kernel) = Kernel::on(path, NonZeroUsize::MIN) else {
            println!("{path:<12} skipped: this machine does not have it");
            continue;
        };
        compare(kernel, width, runs);
    }
}

fn compare(kernel: Kernel, width: usize, runs: usize) {
    let byte = |index: usize, salt: u32| mix32(index as u32 ^ salt);
    let weights: Vec<i8> = (0..width * width).map(|index| byte(index, 1) as i8).collect();
    let inputs: Vec<i8> = (0..width * width).map(|index| (byte(index, 2) >> 27) as i8 - 16).collect();
    let (left, right) = (floats(&weights), floats(&inputs));
    let mut exact = vec![0; width * width];
    let mut float = vec![0.0; width * width];
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..=runs {
        let start = Instant::now();
        kernel.multiply(&weights, &inputs, width, &mut exact);
        ours.push(start.elapsed());
        let start = Instant::now();
        if !gemm::multiply(kernel.path(), &left, &right, width, &mut float) {
            println!("{:<12} {:8.1} GMAC/s", kernel.path(), rate(width, &mut ours));
            return;
        }
        theirs.push(start.elapsed());
    }
    // Below 2^24 an f32 sum of these integers is exact, whatever its order.
    assert!(exact.iter().zip(&float).all(|(exact, float)| *exact as f32 == *float), "the two disagree");
    let (ours, theirs) = (rate(width, &mut ours), rate(width, &mut theirs));
    println!("{:<12} {ours:8.1} GMAC/s, gemm f32 {theirs:8.1} GMAC/s, ratio {:.2}", kernel.path(), ours / theirs);
}

fn floats(values: &[i8]) -> Vec<f32> {
    values.iter().map(|value| f32::from(*value)).collect()
}

/// The first time is warming up.
fn rate(width: usize, times: &mut Vec<Duration>) -> f64 {
    if times.len() > 1 {
        times.remove(0);
    }
    times.sort_unstable();
    (width * width * width) as f64 / 1e9 / times[times.len() / 2].as_secs_f64()
}

/// The `gemm` crate held to an instruction set.
#[cfg(target_arch = "x86_64")]
mod gemm {
    #![allow(unsafe_code, reason = "the crate's functions take pointers")]

    use engine::Path;
    use gemm_common::Parallelism;
    use gemm_common::gemm::gemm_basic_generic;
    use gemm_common::simd::{MixedSimd, V3, V4};
    use gemm_f32::microkernel::{avx512f::f32 as avx512, fma::f32 as fma};

    /// `out = inputs · weightsᵀ`, the layouts of [`proof::RowKernel::multiply`]. False where `gemm` has no such set.
    pub fn multiply(path: Path, weights: &[f32], inputs: &[f32], width: usize, out: &mut [f32]) -> bool {
        assert!([weights.len(), inputs.len(), out.len()] == [width * width; 3]);
        macro_rules! call {
            ($simd:ty, $lanes:literal, $set:ident) => {{
                let Some(simd) = <$simd as MixedSimd<f32, f32, f32, f32>>::try_new() else { return false };
                // SAFETY: the three matrices have width × width values (asserted above) and these strides stay inside;
                // `out` is borrowed alone; the instructions are there, since `simd` could be made.
                unsafe {
                    gemm_basic_generic::<
                        _,
                        f32,
                        $lanes,
                        { $set::MR_DIV_N * $lanes },
                        { $set::NR },
                        { $set::MR_DIV_N },
                        { $set::H_M },
                        { $set::H_N },
                    >(
                        simd,
                        width,
                        width,
                        width,
                        out.as_mut_ptr(),
                        width as isize,
                        1,
                        false,
                        weights.as_ptr(),
                        1,
                        width as isize,
                        inputs.as_ptr(),
                        width as isize,
                        1,
                        0.0,
                        1.0,
                        false,
                        false,
                        false,
                        |a, b, c| a * b + c,
                        &$set::UKR,
                        &$set::H_UKR,
                        false,
                        Parallelism::None,
                    );
                }
            }};
        }
        match path {
            Path::Avx512Vnni => call!(V4, 16, avx512),
            Path::Avx2 => call!(V3, 8, fma),
            Path::Portable => return false,
        }
        true
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod gemm {
    /// No comparison on this machine.
    pub fn multiply(_: engine::Path, _: &[f32], _: &[f32], _: usize, _: &mut [f32]) -> bool {
        false
    }
}
