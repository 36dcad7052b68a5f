//! Kernels from source to a form that a device takes, by NVRTC, which needs neither a device nor a driver.
#![allow(unsafe_code, reason = "NVRTC is a library of C")]

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_int};
use std::fmt;
use std::sync::{Mutex, PoisonError};

use cudarc::nvrtc::result::{self as nvrtc, NvrtcError};
use cudarc::nvrtc::sys;

use crate::cuda::driver;
use crate::cuda::error::CudaError;

/// The device code, one program. The order is that of the test that runs it on the processor.
pub const SOURCE: &str = concat!(
    include_str!("values.cu"),
    include_str!("fill.cu"),
    include_str!("requantise.cu"),
    include_str!("leaf.cu"),
);

/// The kernels of [`SOURCE`].
pub const NAMES: [&str; 13] = [
    "weights_i8",
    "weights_bf16",
    "weights_f32",
    "inputs_i8",
    "inputs_bf16",
    "inputs_f32",
    "widen_bf16",
    "widen_f32",
    "requantise_i32_i8",
    "requantise_f32_i8",
    "requantise_f32_bf16",
    "requantise_f32_f32",
    "leaves",
];

/// What to compile for; a number is a compute capability times ten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// Machine code of exactly this generation.
    Machine(u32),
    /// PTX, which the driver of this generation and any newer one turns into machine code.
    Portable(u32),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Machine(capability) => write!(f, "sm_{capability}"),
            Self::Portable(capability) => write!(f, "compute_{capability}"),
        }
    }
}

/// The generations that the installed NVRTC knows, in ascending order.
///
/// # Errors
/// NVRTC is missing, or does not say.
pub fn architectures() -> Result<Vec<u32>, CudaError> {
    driver::compiler()?;
    let failed = |error: NvrtcError| CudaError::Compile { architecture: "any".to_owned(), log: error.to_string() };
    let mut count: c_int = 0;
    // SAFETY: the library is there; the function writes one integer.
    unsafe { sys::nvrtcGetNumSupportedArchs(&raw mut count) }.result().map_err(failed)?;
    let mut found = vec![0; usize::try_from(count).unwrap_or(0)];
    // SAFETY: the function writes as many integers as it has just announced.
    unsafe { sys::nvrtcGetSupportedArchs(found.as_mut_ptr()) }.result().map_err(failed)?;
    let mut found: Vec<u32> = found.into_iter().map(c_int::unsigned_abs).collect();
    found.sort_unstable();
    Ok(found)
}

/// What a device of this generation gets: machine code if NVRTC knows it, else the newest portable form below.
pub(crate) fn target(capability: u32, known: &[u32]) -> Option<Target> {
    if known.contains(&capability) {
        return Some(Target::Machine(capability));
    }
    known.iter().rev().find(|known| **known < capability).map(|known| Target::Portable(*known))
}

/// Compiles the kernels: machine code, or the text of PTX with a zero behind it. Does so once per process and target.
///
/// # Errors
/// NVRTC is missing, or does not know the target.
pub fn compile(target: Target) -> Result<Vec<u8>, CudaError> {
    static COMPILED: Mutex<BTreeMap<Target, Vec<u8>>> = Mutex::new(BTreeMap::new());
    // What a thread that panicked has left there is whole.
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(image) = compiled.get(&target) {
        return Ok(image.clone());
    }
    let image = compile_source(SOURCE, target)?;
    compiled.insert(target, image.clone());
    Ok(image)
}

fn compile_source(source: &str, target: Target) -> Result<Vec<u8>, CudaError> {
    driver::compiler()?;
    let architecture = target.to_string();
    let failed =
        |error: &dyn fmt::Display| CudaError::Compile { architecture: architecture.clone(), log: error.to_string() };
    let source = CString::new(source).map_err(|error| failed(&error))?;
    let program = Program(nvrtc::create_program(&source, Some(c"assay.cu")).map_err(|error| failed(&error))?);
    // No kernel has float products; nothing of fast arithmetic is wanted should one ever have.
    let options = [format!("--gpu-architecture={target}"), "--std=c++17".to_owned(), "--fmad=false".to_owned()];
    // SAFETY: the program was created above and lives.
    unsafe { nvrtc::compile_program(program.0, &options) }.map_err(|error| failed(&program.log(error)))?;
    match target {
        Target::Machine(_) => program.machine_code().map_err(|error| failed(&error)),
        Target::Portable(_) => program.portable().map_err(|error| failed(&error)),
    }
}

/// A program of NVRTC, destroyed in the end.
struct Program(sys::nvrtcProgram);

impl Program {
    fn machine_code(&self) -> Result<Vec<u8>, NvrtcError> {
        let mut size = 0;
        // SAFETY: the program lives and is compiled; the function writes one number.
        unsafe { sys::nvrtcGetCUBINSize(self.0, &raw mut size) }.result()?;
        let mut code = vec![0; size];
        // SAFETY: the function writes as many bytes as it has just announced.
        unsafe { sys::nvrtcGetCUBIN(self.0, code.as_mut_ptr().cast()) }.result()?;
        Ok(code)
    }

    fn portable(&self) -> Result<Vec<u8>, NvrtcError> {
        // SAFETY: the program lives and is compiled.
        let text = unsafe { nvrtc::get_ptx(self.0) }?;
        Ok(text.into_iter().map(|byte| byte as u8).collect())
    }

    /// The first lines of what the compiler said.
    fn log(&self, error: NvrtcError) -> String {
        // SAFETY: the program lives.
        let log = unsafe { nvrtc::get_program_log(self.0) }.unwrap_or_default();
        let log: Vec<u8> = log.into_iter().map(|byte| byte as u8).collect();
        let log = CStr::from_bytes_until_nul(&log).map(CStr::to_string_lossy).unwrap_or_default();
        let lines = log.lines().take(4).collect::<Vec<_>>().join(" ");
        format!("{error}: {lines}")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // SAFETY: the program was created and is destroyed once. An error here concerns nobody any more.
        let _ = unsafe { nvrtc::destroy_program(self.0) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_devices_get_the_newest_portable_form() {
        let known = [75, 80, 86, 89, 90];
        assert_eq!(target(90, &known), Some(Target::Machine(90)));
        assert_eq!(target(120, &known), Some(Target::Portable(90)));
        assert_eq!(target(87, &known), Some(Target::Portable(86)));
        assert_eq!(target(70, &known), None);
    }

    #[test]
    fn every_kernel_is_named_and_every_name_is_a_kernel() {
        let found: Vec<&str> =
            SOURCE.split("extern \"C\" __global__ void ").skip(1).filter_map(|rest| rest.split('(').next()).collect();
        let mut names = NAMES.to_vec();
        names.sort_unstable();
        let mut sorted = found.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, names);
    }

    #[test]
    fn a_flaw_in_the_source_is_an_error_that_shows_it() {
        match compile_source("extern \"C\" __global__ void broken() { flawed }", Target::Portable(80)) {
            Err(CudaError::LibraryMissing(_)) => println!("skipped: NVRTC is not installed"),
            Err(CudaError::Compile { architecture, log }) => {
                assert!(architecture == "compute_80" && log.contains("flawed"), "{architecture}: {log}");
            }
            other => panic!("{other:?}"),
        }
    }
}
