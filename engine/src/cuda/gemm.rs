//! Matrix products by cuBLASLt: rows times layer, exact in every kind.
#![allow(unsafe_code, reason = "cuBLASLt is a library of C")]

use std::collections::HashMap;
use std::ffi::c_void;
use std::fmt;
use std::ptr;

use cudarc::cublaslt::result::{self as lt, CublasError};
use cudarc::cublaslt::sys;

use crate::cuda::error::CudaError;
use crate::cuda::queue::{Form, Memory, Queue};

/// What cuBLASLt may use beside operands: what its maker advises for the devices that want most.
const WORKSPACE: usize = 32 << 20;
/// Shapes whose plans are kept: a chain has one or two, a self-test many.
const PLANS: usize = 32;

/// `CUBLAS_OP_T`, which cublas_api.h defines.
static TRANSPOSED: i32 = 1;

/// A kind of exact product. All of them give the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GemmPath {
    /// Bytes to i32, on integer tensor cores.
    Int8,
    /// bf16 to f32: every sum of a policy stays within the 24 bits that f32 has.
    Bf16,
    /// f32 to f32, by the same bound.
    F32,
}

impl GemmPath {
    /// Every path.
    pub const ALL: [Self; 3] = [Self::Int8, Self::Bf16, Self::F32];

    /// As it is shown.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Int8 => "int8",
            Self::Bf16 => "bf16",
            Self::F32 => "f32",
        }
    }

    /// What rows and weights look like.
    pub(crate) const fn form(self) -> Form {
        match self {
            Self::Int8 => Form::I8,
            Self::Bf16 => Form::Bf16,
            Self::F32 => Form::F32,
        }
    }

    /// Whether sums are integers; they are f32 otherwise.
    pub(crate) const fn is_whole(self) -> bool {
        matches!(self, Self::Int8)
    }

    /// The kernel that keeps what is kept of sums, and the form of its output: bytes after the last layer.
    pub(crate) const fn requantise(self, last: bool) -> (&'static str, Form) {
        match (self, last) {
            (Self::Int8, _) => ("requantise_i32_i8", Form::I8),
            (Self::Bf16 | Self::F32, true) => ("requantise_f32_i8", Form::I8),
            (Self::Bf16, false) => ("requantise_f32_bf16", Form::Bf16),
            (Self::F32, false) => ("requantise_f32_f32", Form::F32),
        }
    }

    const fn input(self) -> sys::cudaDataType_t {
        match self {
            Self::Int8 => sys::cudaDataType_t::CUDA_R_8I,
            Self::Bf16 => sys::cudaDataType_t::CUDA_R_16BF,
            Self::F32 => sys::cudaDataType_t::CUDA_R_32F,
        }
    }

    const fn output(self) -> sys::cudaDataType_t {
        if self.is_whole() { sys::cudaDataType_t::CUDA_R_32I } else { sys::cudaDataType_t::CUDA_R_32F }
    }

    /// Nothing that rounds on the way: no 16-bit sums, no reduced precision.
    const fn arithmetic(self) -> sys::cublasComputeType_t {
        if self.is_whole() {
            sys::cublasComputeType_t::CUBLAS_COMPUTE_32I
        } else {
            sys::cublasComputeType_t::CUBLAS_COMPUTE_32F
        }
    }
}

impl fmt::Display for GemmPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Products on one stream.
pub(crate) struct Gemm {
    queue: Queue,
    path: GemmPath,
    handle: sys::cublasLtHandle_t,
    workspace: Memory,
    plans: HashMap<(usize, usize), Plan>,
}

// SAFETY: the handle and the plans may be used by any thread, by one at a time, which `&mut` sees to.
unsafe impl Send for Gemm {}

impl Gemm {
    pub(crate) fn new(queue: &Queue, path: GemmPath) -> Result<Self, CudaError> {
        queue.fits(WORKSPACE)?;
        let workspace = queue.allocate(WORKSPACE)?;
        queue.bind()?;
        let handle = lt::create_handle().map_err(failed(queue, path, "starting cuBLASLt"))?;
        Ok(Self { queue: queue.clone(), path, handle, workspace, plans: HashMap::new() })
    }

    pub(crate) const fn path(&self) -> GemmPath {
        self.path
    }

    /// Queues `sums[row][column] = Σ_k weights[column][k] · inputs[row][k]`; the layer begins at byte `at` of the
    /// weights. All are of the path's form.
    pub(crate) fn run(
        &mut self,
        (weights, at): (&Memory, usize),
        inputs: &Memory,
        sums: &mut Memory,
        width: usize,
        rows: usize,
    ) -> Result<(), CudaError> {
        let size = self.path.form().bytes();
        assert!(
            at + width * width * size <= weights.len()
                && rows * width * size <= inputs.len()
                && rows * width * 4 <= sums.len(),
            "a product beyond its buffers"
        );
        self.queue.bind()?;
        let failed = failed(&self.queue, self.path, "multiplying");
        if !self.plans.contains_key(&(width, rows)) {
            if self.plans.len() >= PLANS {
                // Plans that are queued already do not need their descriptions any more.
                self.plans.clear();
            }
            let plan = Plan::new(self.handle, self.path, width, rows).map_err(&failed)?;
            self.plans.insert((width, rows), plan);
        }
        let plan = &self.plans[&(width, rows)];
        let (int, float) = ([1i32, 0], [1f32, 0.0]);
        let scales: [*const c_void; 2] = if self.path.is_whole() {
            [(&raw const int[0]).cast(), (&raw const int[1]).cast()]
        } else {
            [(&raw const float[0]).cast(), (&raw const float[1]).cast()]
        };
        let sums = self.queue.address(sums) as *mut c_void;
        // SAFETY: handle, plan and scales live; the addresses are of memory on this device that is long enough, as
        // checked above, and is freed on this stream or after a wait for it.
        unsafe {
            lt::matmul(
                self.handle,
                plan.operation,
                scales[0],
                scales[1],
                (self.queue.address(weights) + at as u64) as *const c_void,
                plan.weights,
                self.queue.address(inputs) as *const c_void,
                plan.inputs,
                sums,
                plan.sums,
                sums,
                plan.sums,
                &raw const plan.algorithm,
                self.queue.address(&self.workspace) as *mut c_void,
                WORKSPACE,
                self.queue.stream().cu_stream().cast(),
            )
        }
        .map_err(failed)
    }
}

impl Drop for Gemm {
    fn drop(&mut self) {
        self.plans.clear();
        // SAFETY: the handle was created and is destroyed once. An error here concerns nobody any more.
        let _ = unsafe { lt::destroy_handle(self.handle) };
    }
}

/// How cuBLASLt does products of one shape. It counts columns first, so what is row · width for us is its width × rows,
/// and our weights are its transposed left operand: the one layout that integer tensor cores take.
struct Plan {
    operation: sys::cublasLtMatmulDesc_t,
    weights: sys::cublasLtMatrixLayout_t,
    inputs: sys::cublasLtMatrixLayout_t,
    sums: sys::cublasLtMatrixLayout_t,
    preference: sys::cublasLtMatmulPreference_t,
    algorithm: sys::cublasLtMatmulAlgo_t,
}

impl Plan {
    fn new(handle: sys::cublasLtHandle_t, path: GemmPath, width: usize, rows: usize) -> Result<Self, CublasError> {
        // What is null is not there yet, should a step fail.
        let mut plan = Self {
            operation: ptr::null_mut(),
            weights: ptr::null_mut(),
            inputs: ptr::null_mut(),
            sums: ptr::null_mut(),
            preference: ptr::null_mut(),
            algorithm: sys::cublasLtMatmulAlgo_t { data: [0; 8] },
        };
        let (columns, count) = (width as u64, rows as u64);
        plan.operation = lt::create_matmul_desc(path.arithmetic(), path.output())?;
        plan.weights = lt::create_matrix_layout(path.input(), columns, columns, width as i64)?;
        plan.inputs = lt::create_matrix_layout(path.input(), columns, count, width as i64)?;
        plan.sums = lt::create_matrix_layout(path.output(), columns, count, width as i64)?;
        plan.preference = lt::create_matmul_pref()?;
        let workspace = WORKSPACE;
        // SAFETY: the descriptions live, and the attributes are of the types and sizes that the library documents.
        unsafe {
            lt::set_matmul_desc_attribute(
                plan.operation,
                sys::cublasLtMatmulDescAttributes_t::CUBLASLT_MATMUL_DESC_TRANSA,
                (&raw const TRANSPOSED).cast(),
                size_of_val(&TRANSPOSED),
            )?;
            lt::set_matmul_pref_attribute(
                plan.preference,
                sys::cublasLtMatmulPreferenceAttributes_t::CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                (&raw const workspace).cast(),
                size_of_val(&workspace),
            )?;
            let found = lt::get_matmul_algo_heuristic(
                handle,
                plan.operation,
                plan.weights,
                plan.inputs,
                plan.sums,
                plan.sums,
                plan.preference,
            )?;
            plan.algorithm = found.algo;
        }
        Ok(plan)
    }
}

impl Drop for Plan {
    fn drop(&mut self) {
        // SAFETY: what is not null was created and is destroyed once. Errors here concern nobody any more.
        unsafe {
            if !self.operation.is_null() {
                let _ = lt::destroy_matmul_desc(self.operation);
            }
            for layout in [self.weights, self.inputs, self.sums] {
                if !layout.is_null() {
                    let _ = lt::destroy_matrix_layout(layout);
                }
            }
            if !self.preference.is_null() {
                let _ = lt::destroy_matmul_pref(self.preference);
            }
        }
    }
}

fn failed(queue: &Queue, path: GemmPath, doing: &'static str) -> impl Fn(CublasError) -> CudaError + use<> {
    use sys::cublasStatus_t as S;
    let device = queue.device();
    move |error| match error.0 {
        S::CUBLAS_STATUS_NOT_SUPPORTED | S::CUBLAS_STATUS_ARCH_MISMATCH => CudaError::NoPath { device, path },
        S::CUBLAS_STATUS_EXECUTION_FAILED => CudaError::Fault { device, doing, code: name(error) },
        _ => CudaError::Call { device, doing, code: name(error) },
    }
}

fn name(error: CublasError) -> String {
    format!("{:?}", error.0).trim_start_matches("CUBLAS_STATUS_").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_rounds() {
        for path in GemmPath::ALL {
            let sums = path.output();
            assert!(matches!(sums, sys::cudaDataType_t::CUDA_R_32I | sys::cudaDataType_t::CUDA_R_32F), "{path}");
            assert_eq!(path.is_whole(), path.form() == Form::I8);
        }
    }
}
