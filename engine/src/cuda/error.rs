//! What can be wrong with a device, each with its remedy.

use std::fmt;

use cudarc::driver::DriverError;
use cudarc::driver::sys::CUresult;

use crate::cuda::GemmPath;

/// A version of CUDA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The part that tells what works together.
    pub major: u32,
    /// The rest.
    pub minor: u32,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// A library of CUDA that is opened beside the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Library {
    /// The compiler of kernels.
    Nvrtc,
    /// Matrix products.
    CublasLt,
}

impl Library {
    /// As its maker writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nvrtc => "NVRTC",
            Self::CublasLt => "cuBLASLt",
        }
    }

    const fn file(self) -> &'static str {
        match self {
            Self::Nvrtc => "libnvrtc.so.13 or .12",
            Self::CublasLt => "libcublasLt.so.13 or .12",
        }
    }

    const fn wheel(self) -> &'static str {
        match self {
            Self::Nvrtc => "nvidia-cuda-nvrtc",
            Self::CublasLt => "nvidia-cublas",
        }
    }
}

impl fmt::Display for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Why a device cannot be used, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CudaError {
    /// The driver's library is not there.
    #[error(
        "no NVIDIA driver: libcuda.so.1 cannot be opened; install the driver, or start the container with access to the \
         devices (docker run --gpus all)"
    )]
    NoDriver,
    /// The driver does not support the CUDA that is installed.
    #[error("the NVIDIA driver is too old: it supports CUDA {driver}, {what} needs {needed}; update the driver")]
    DriverTooOld {
        /// What the driver supports.
        driver: Version,
        /// What is needed.
        needed: Version,
        /// Who needs it.
        what: String,
    },
    /// The driver is there and does not work.
    #[error("the NVIDIA driver does not start ({code}): {remedy}")]
    DriverFailed {
        /// The driver's name of the error.
        code: String,
        /// What to do about it.
        remedy: &'static str,
    },
    /// A library is not there.
    #[error(
        "{0} is missing: {file} cannot be opened; install the CUDA toolkit (or pip install {wheel}) and name its lib folder \
         in LD_LIBRARY_PATH",
        file = .0.file(), wheel = .0.wheel()
    )]
    LibraryMissing(Library),
    /// A library is older than anything that works.
    #[error("{library} {found} is too old: install CUDA {needed} or newer")]
    LibraryTooOld {
        /// Which.
        library: Library,
        /// Its version.
        found: Version,
        /// The oldest that works.
        needed: Version,
    },
    /// The driver sees no device.
    #[error(
        "the driver sees no device: check nvidia-smi, CUDA_VISIBLE_DEVICES, and the devices given to the container"
    )]
    NoDevice,
    /// Another device was asked for than those there are.
    #[error("there is no device {wanted}: there are {found}")]
    NoSuchDevice {
        /// What was asked for.
        wanted: String,
        /// Those there are.
        found: String,
    },
    /// The device is of a generation that nothing here is compiled for.
    #[error(
        "{name} has compute capability {}.{}: {}.{} or newer is needed (Turing, 2018)",
        found.0, found.1, needed.0, needed.1
    )]
    ArchitectureTooOld {
        /// The device.
        name: String,
        /// Its compute capability.
        found: (u32, u32),
        /// The oldest that works.
        needed: (u32, u32),
    },
    /// Another process has the device for itself, or nobody may compute on it.
    #[error(
        "device {0} is not available: another process uses it exclusively, or its compute mode is prohibited; end that \
         process or set the mode with nvidia-smi -c DEFAULT"
    )]
    Busy(usize),
    /// The device's memory does not suffice.
    #[error(
        "device {device} is out of memory: {} MiB are needed, {} MiB are free; run fewer chains or end what else uses it",
        needed.div_ceil(1 << 20), free >> 20
    )]
    OutOfMemory {
        /// The device.
        device: usize,
        /// Bytes that are needed.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// The device failed while it computed. This process cannot use it any more.
    #[error(
        "device {device} failed ({code}) while {doing}: start the process anew; if it happens again look for Xid lines in \
         the kernel's log and check power, temperature and memory"
    )]
    Fault {
        /// The device.
        device: usize,
        /// What it was doing.
        doing: &'static str,
        /// The driver's name of the error.
        code: String,
    },
    /// Another call failed; the device itself may be well.
    #[error("device {device}: {doing} failed ({code}); if it happens again, update driver and CUDA")]
    Call {
        /// The device.
        device: usize,
        /// What was tried.
        doing: &'static str,
        /// The library's name of the error.
        code: String,
    },
    /// The kernels were not compiled.
    #[error("NVRTC does not compile the kernels for {architecture}: {log}; install another version of CUDA")]
    Compile {
        /// What for.
        architecture: String,
        /// What it said.
        log: String,
    },
    /// This kind of product does not exist on this device.
    #[error("device {device} has no {path} products: choose another path, or none")]
    NoPath {
        /// The device.
        device: usize,
        /// What was asked for.
        path: GemmPath,
    },
    /// No path of the device computes what it must.
    #[error(
        "device {device} computes wrong products on every path: do not mine with it, its answers would count as fraud"
    )]
    Wrong {
        /// The device.
        device: usize,
    },
    /// Rows that the device does not take.
    #[error("rows of width {0}: devices take multiples of 16 up to 8192")]
    Width(usize),
}

impl CudaError {
    /// Whether nothing but a new process can use the device again.
    #[must_use]
    pub const fn is_fatal(&self) -> bool {
        matches!(self, Self::Fault { .. })
    }

    /// What the driver answered to a call for a device.
    pub(crate) fn from_driver(device: usize, doing: &'static str, error: DriverError) -> Self {
        let code = name(error.0);
        match error.0 {
            CUresult::CUDA_ERROR_DEVICE_UNAVAILABLE => Self::Busy(device),
            CUresult::CUDA_ERROR_NO_DEVICE => Self::NoDevice,
            CUresult::CUDA_ERROR_OUT_OF_MEMORY => Self::OutOfMemory { device, needed: 0, free: 0 },
            result if is_sticky(result) => Self::Fault { device, doing, code },
            _ => Self::Call { device, doing, code },
        }
    }
}

/// A short name of an error, without asking the driver.
pub(crate) fn name(result: CUresult) -> String {
    format!("{result:?}").trim_start_matches("CUDA_ERROR_").to_owned()
}

/// Errors after which every further call of the context fails.
const fn is_sticky(result: CUresult) -> bool {
    use CUresult as R;
    matches!(
        result,
        R::CUDA_ERROR_ECC_UNCORRECTABLE
            | R::CUDA_ERROR_NVLINK_UNCORRECTABLE
            | R::CUDA_ERROR_ILLEGAL_ADDRESS
            | R::CUDA_ERROR_LAUNCH_TIMEOUT
            | R::CUDA_ERROR_CONTEXT_IS_DESTROYED
            | R::CUDA_ERROR_ASSERT
            | R::CUDA_ERROR_HARDWARE_STACK_ERROR
            | R::CUDA_ERROR_ILLEGAL_INSTRUCTION
            | R::CUDA_ERROR_MISALIGNED_ADDRESS
            | R::CUDA_ERROR_INVALID_ADDRESS_SPACE
            | R::CUDA_ERROR_INVALID_PC
            | R::CUDA_ERROR_LAUNCH_FAILED
            | R::CUDA_ERROR_EXTERNAL_DEVICE
            | R::CUDA_ERROR_DEINITIALIZED
            | R::CUDA_ERROR_INVALID_CONTEXT
            | R::CUDA_ERROR_UNKNOWN
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(result: CUresult) -> CudaError {
        CudaError::from_driver(2, "computing", DriverError(result))
    }

    #[test]
    fn a_fault_of_the_device_is_told_from_a_call_that_failed() {
        assert!(of(CUresult::CUDA_ERROR_ILLEGAL_ADDRESS).is_fatal());
        assert!(of(CUresult::CUDA_ERROR_ECC_UNCORRECTABLE).is_fatal());
        assert!(!of(CUresult::CUDA_ERROR_INVALID_VALUE).is_fatal());
        assert!(!of(CUresult::CUDA_ERROR_OUT_OF_MEMORY).is_fatal());
        assert_eq!(of(CUresult::CUDA_ERROR_DEVICE_UNAVAILABLE), CudaError::Busy(2));
    }

    #[test]
    fn every_message_says_what_to_do() {
        let old = CudaError::DriverTooOld {
            driver: Version { major: 12, minor: 4 },
            needed: Version { major: 13, minor: 0 },
            what: "NVRTC 13.0".to_owned(),
        };
        assert_eq!(
            old.to_string(),
            "the NVIDIA driver is too old: it supports CUDA 12.4, NVRTC 13.0 needs 13.0; update the driver"
        );
        let full = CudaError::OutOfMemory { device: 1, needed: 600 << 20, free: 512 << 20 };
        assert!(full.to_string().contains("600 MiB are needed, 512 MiB are free; run fewer chains"), "{full}");
        let missing = CudaError::LibraryMissing(Library::Nvrtc).to_string();
        assert!(missing.contains("libnvrtc.so.13") && missing.contains("LD_LIBRARY_PATH"), "{missing}");
        let fault = of(CUresult::CUDA_ERROR_LAUNCH_FAILED).to_string();
        assert!(
            fault.starts_with("device 2 failed (LAUNCH_FAILED) while computing: start the process anew"),
            "{fault}"
        );
    }
}
