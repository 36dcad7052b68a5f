//! The compute proof on NVIDIA devices, behind the feature `cuda`. Every path gives the bits of [`proof::ScalarKernel`].
//!
//! **Linking.** Nothing of CUDA is needed to build this and nothing of it to start: libraries are opened when a device is
//! asked for (`cudarc` with `dynamic-loading`). One program serves machines with and without a device, and what is
//! missing is an error with a remedy ([`CudaError`]) instead of a loader that refuses to start. `cudarc` panics where a
//! library is absent, so each of the three is probed before the first call of it: the driver (`libcuda`), NVRTC and
//! cuBLASLt. CUDA 12 or 13, whichever is installed; kernels are compiled for the device at hand by its own NVRTC, to
//! machine code, so that no version of an intermediate form has to suit the driver.
//!
//! **A round** never leaves the device: inputs are filled from the head of the chain, pass all layers and are hashed,
//! and 32 bytes per row go to the host. The rows are taken in bands of a few hundred to a few thousand, each through
//! all layers before the next, because rows are independent. A chain then takes, whatever the number of its rows,
//!
//! - `band · width · s` for values of s bytes (1 on the int8 path, 2 in bf16, 4 in f32),
//! - `band · width · 4` for exact sums, which is chosen by measuring from 16 MiB, what fits into the second cache, to
//!   128 MiB, what fills the device best,
//! - 32 bytes per row for leaves and 32 MiB of work space for cuBLASLt.
//!
//! Weights, `layers · width² · s` bytes, are filled once per window and device, in the layout that int8 tensor cores
//! read (`W[column][k]`), and shared by its chains. What is needed is compared with what is free before it is allocated.
//!
//! **Chains** are independent: each [`GpuKernel`] has a stream of its own and is used by one host thread. While one chain
//! fills inputs, hashes, copies leaves or makes its root, the products of another occupy the device, and blocks of one
//! chain's products fill the gaps that another's last wave leaves. Two or three chains hide all of it; the host sleeps
//! while it waits.
//!
//! **Paths.** Products are cuBLASLt's: int8 to int32; or bf16 to f32, exact up to the width of every policy since all
//! sums stay within 2^24 (some devices have fast bf16 and hardly any int8); or f32. [`Gpu::open`] tests each on the
//! bound of exactness, measures those that pass, and takes the fastest, whatever the device is called.
//!
//! **Faults.** The methods of [`RowKernel`](proof::RowKernel) return no errors. A fault makes a kernel
//! [broken](proof::RowKernel::broken): its output is zeros, `proof` neither signs nor judges by it, and
//! [`GpuKernel::take_fault`] tells what happened. Some faults end the device for the whole process
//! ([`CudaError::is_fatal`]).
//!
//! Files, from the outside in: `kernel` (one chain, as `proof` sees it), `lane` (bands through layers), `weights`
//! (shared by chains), `tune` (which path, which band), `device`, `probe`; and with all `unsafe` of this folder, `gemm`
//! (cuBLASLt), `queue` (launches and memory), `kernels` (NVRTC) and `driver` (what is installed). `*.cu` is device code.

mod device;
mod driver;
mod error;
mod gemm;
mod grid;
mod kernel;
pub mod kernels;
mod lane;
mod probe;
mod queue;
mod tune;
mod weights;

pub use device::Gpu;
pub use error::{CudaError, Library, Version};
pub use gemm::GemmPath;
pub use kernel::GpuKernel;
pub use probe::{DeviceInfo, devices};
