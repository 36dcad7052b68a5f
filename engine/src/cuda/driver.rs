//! What of CUDA is installed on this machine. The first calls of every library, behind a look whether it is there:
//! `cudarc` panics where it is not.
#![allow(unsafe_code, reason = "libraries are opened and asked for their version")]

use std::ffi::c_int;
use std::sync::{Arc, OnceLock};

use cudarc::cublaslt::sys as cublaslt;
use cudarc::driver::result::device;
use cudarc::driver::sys::{self as driver, CUresult};
use cudarc::driver::{CudaContext, DriverError, result};
use cudarc::nvrtc::sys as nvrtc;

use crate::cuda::error::{CudaError, Library, Version, name};

/// The oldest driver and libraries whose functions are all there.
const OLDEST: Version = Version { major: 12, minor: 0 };

/// Starts the driver and returns the version of CUDA that it supports.
pub(crate) fn start() -> Result<Version, CudaError> {
    // SAFETY: opens and closes libraries of NVIDIA's names, as every call of one would.
    if !unsafe { driver::is_culib_present() } {
        return Err(CudaError::NoDriver);
    }
    let mut encoded = 0;
    // SAFETY: the library is there; the function writes one integer.
    let version = unsafe { driver::cuDriverGetVersion(&raw mut encoded) };
    let supported = decode(encoded.unsigned_abs());
    if version == CUresult::CUDA_SUCCESS && supported < OLDEST {
        let what = "assay".to_owned();
        return Err(CudaError::DriverTooOld { driver: supported, needed: OLDEST, what });
    }
    result::init().map_err(|error| unstarted(error.0))?;
    Ok(supported)
}

fn unstarted(result: CUresult) -> CudaError {
    let remedy = match result {
        CUresult::CUDA_ERROR_NO_DEVICE => return CudaError::NoDevice,
        // The toolkit's stand-in for linking, found before the driver.
        CUresult::CUDA_ERROR_STUB_LIBRARY => return CudaError::NoDriver,
        CUresult::CUDA_ERROR_SYSTEM_DRIVER_MISMATCH => "library and kernel module are of different versions; reboot",
        CUresult::CUDA_ERROR_SYSTEM_NOT_READY => "start the fabric manager (nvidia-fabricmanager) or wait for it",
        CUresult::CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE => {
            "remove the CUDA compatibility package from the loader's path"
        }
        _ => "see whether nvidia-smi works, and reboot or install the driver anew",
    };
    CudaError::DriverFailed { code: name(result), remedy }
}

/// Sees to it that NVRTC and cuBLASLt are there and suit the driver.
pub(crate) fn libraries(supported: Version) -> Result<(), CudaError> {
    suits(Library::Nvrtc, compiler()?, supported)?;
    suits(Library::CublasLt, products()?, supported)
}

/// Within one major version every library runs on every driver.
fn suits(library: Library, found: Version, driver: Version) -> Result<(), CudaError> {
    if found < OLDEST {
        return Err(CudaError::LibraryTooOld { library, found, needed: OLDEST });
    }
    if driver.major < found.major {
        let needed = Version { major: found.major, minor: 0 };
        return Err(CudaError::DriverTooOld { driver, needed, what: format!("{library} {found}") });
    }
    Ok(())
}

/// The version of NVRTC. It needs no driver.
pub(crate) fn compiler() -> Result<Version, CudaError> {
    static FOUND: OnceLock<Option<Version>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        // SAFETY: opens and closes libraries of NVIDIA's names.
        if !unsafe { nvrtc::is_culib_present() } {
            return None;
        }
        let (mut major, mut minor): (c_int, c_int) = (0, 0);
        // SAFETY: the library is there; the function writes two integers.
        unsafe { nvrtc::nvrtcVersion(&raw mut major, &raw mut minor) };
        Some(Version { major: major.unsigned_abs(), minor: minor.unsigned_abs() })
    });
    found.ok_or(CudaError::LibraryMissing(Library::Nvrtc))
}

/// The version of cuBLASLt.
fn products() -> Result<Version, CudaError> {
    static FOUND: OnceLock<Option<Version>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        // SAFETY: opens and closes libraries of NVIDIA's names.
        if !unsafe { cublaslt::is_culib_present() } {
            return None;
        }
        // SAFETY: the library is there; the function returns a number.
        let encoded = unsafe { cublaslt::cublasLtGetVersion() };
        Some(of_cublas(encoded))
    });
    found.ok_or(CudaError::LibraryMissing(Library::CublasLt))
}

/// Thousands and tens: 12040 is 12.4.
const fn decode(encoded: u32) -> Version {
    Version { major: encoded / 1000, minor: encoded % 1000 / 10 }
}

/// cuBLAS counts in ten thousands since 12 and in thousands before: 130100 is 13.1, 11111 is 11.1.
const fn of_cublas(encoded: usize) -> Version {
    let encoded = encoded as u32;
    if encoded >= 100_000 {
        Version { major: encoded / 10_000, minor: encoded % 10_000 / 100 }
    } else {
        Version { major: encoded / 1000, minor: encoded % 1000 / 100 }
    }
}

/// What the driver says about a device.
pub(crate) struct Description {
    pub(crate) name: String,
    pub(crate) uuid: [u8; 16],
    pub(crate) memory: u64,
    pub(crate) capability: (u32, u32),
}

/// Describes the device with this number.
pub(crate) fn describe(index: usize) -> Result<Description, DriverError> {
    use driver::CUdevice_attribute_enum as A;
    let device = device::get(c_int::try_from(index).unwrap_or(c_int::MAX))?;
    let attribute = |attribute| {
        // SAFETY: the device comes from the driver.
        unsafe { device::get_attribute(device, attribute) }.map(i32::unsigned_abs)
    };
    Ok(Description {
        name: device::get_name(device)?,
        uuid: device::get_uuid(device)?.bytes.map(i8::cast_unsigned),
        // SAFETY: the device comes from the driver.
        memory: unsafe { device::total_mem(device) }? as u64,
        capability: (
            attribute(A::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?,
            attribute(A::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?,
        ),
    })
}

/// The context of a device: the one that every part of this process shares.
pub(crate) fn context(index: usize) -> Result<Arc<CudaContext>, DriverError> {
    let context = CudaContext::new(index)?;
    // SAFETY: memory is used on the stream that it was allocated on, but for weights. Those are written before any other
    // stream sees them, and freed when every chain that read them has waited for its own stream.
    unsafe { context.disable_event_tracking() };
    Ok(context)
}

/// How many devices the driver sees.
pub(crate) fn count() -> Result<usize, DriverError> {
    device::get_count().map(|count| usize::try_from(count).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_each_library_writes_them() {
        let version = |major, minor| Version { major, minor };
        assert_eq!(decode(12_040), version(12, 4));
        assert_eq!(decode(13_000), version(13, 0));
        assert_eq!(of_cublas(130_100), version(13, 1));
        assert_eq!(of_cublas(120_805), version(12, 8));
        assert_eq!(of_cublas(11_111), version(11, 1));
    }

    #[test]
    fn a_library_must_suit_the_driver() {
        let version = |major, minor| Version { major, minor };
        assert_eq!(suits(Library::Nvrtc, version(12, 8), version(12, 2)), Ok(()));
        assert_eq!(suits(Library::Nvrtc, version(12, 8), version(13, 0)), Ok(()));
        let error = suits(Library::CublasLt, version(13, 1), version(12, 4)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the NVIDIA driver is too old: it supports CUDA 12.4, cuBLASLt 13.1 needs 13.0; update the driver"
        );
        let error = suits(Library::Nvrtc, version(11, 8), version(13, 0)).unwrap_err();
        assert_eq!(error.to_string(), "NVRTC 11.8 is too old: install CUDA 12.0 or newer");
    }

    #[test]
    fn a_driver_that_does_not_start_says_why() {
        assert_eq!(unstarted(CUresult::CUDA_ERROR_NO_DEVICE), CudaError::NoDevice);
        assert_eq!(unstarted(CUresult::CUDA_ERROR_STUB_LIBRARY), CudaError::NoDriver);
        let error = unstarted(CUresult::CUDA_ERROR_SYSTEM_DRIVER_MISMATCH).to_string();
        assert!(error.contains("SYSTEM_DRIVER_MISMATCH") && error.ends_with("reboot"), "{error}");
    }
}
