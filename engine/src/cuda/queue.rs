//! One stream of a device: memory, launches, waiting. Whatever is launched here is checked against the sizes of its
//! buffers first, so that the rest of this folder needs no `unsafe`.
#![allow(unsafe_code, reason = "kernels are launched with addresses")]

use std::collections::BTreeMap;
use std::sync::Arc;

use cudarc::driver::sys::{CUevent_flags, CUresult};
use cudarc::driver::{
    CudaContext, CudaFunction, CudaSlice, CudaStream, CudaView, DevicePtr as _, DevicePtrMut as _, DriverError,
    LaunchConfig, PushKernelArg as _,
};
use cudarc::nvrtc::Ptx;
use proof::Digest;

use crate::cuda::error::CudaError;
use crate::cuda::grid::Grid;
use crate::cuda::kernels;

/// Bytes of device memory.
pub(crate) type Memory = CudaSlice<u8>;

/// The kernels of a device, loaded.
pub(crate) struct Functions(BTreeMap<&'static str, CudaFunction>);

impl Functions {
    /// Compiles the kernels for a device and loads them.
    pub(crate) fn load(context: &Arc<CudaContext>, capability: u32) -> Result<Self, CudaError> {
        let device = context.ordinal();
        let known = kernels::architectures()?;
        let target = kernels::target(capability, &known).ok_or_else(|| CudaError::Compile {
            architecture: format!("sm_{capability}"),
            log: format!("it knows {known:?}"),
        })?;
        let failed = |error| CudaError::from_driver(device, "loading the kernels", error);
        // Portable code is text with a zero behind it; the driver tells the two by their beginning.
        let module = context.load_module(Ptx::from_binary(kernels::compile(target)?)).map_err(failed)?;
        let load = |name| Ok((name, module.load_function(name).map_err(failed)?));
        Ok(Self(kernels::NAMES.into_iter().map(load).collect::<Result<_, CudaError>>()?))
    }
}

/// A part of the arguments of a kernel.
enum Argument {
    Address(u64),
    U32(u32),
    U64(u64),
    Key([u32; 8]),
}

/// What values look like in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    I8,
    Bf16,
    F32,
}

impl Form {
    /// Bytes of one value.
    pub(crate) const fn bytes(self) -> usize {
        match self {
            Self::I8 => 1,
            Self::Bf16 => 2,
            Self::F32 => 4,
        }
    }
}

/// One stream, which a single chain uses.
#[derive(Clone)]
pub(crate) struct Queue {
    device: usize,
    stream: Arc<CudaStream>,
    functions: Arc<Functions>,
}

impl Queue {
    /// A stream of its own, which waits for no other.
    pub(crate) fn new(context: &Arc<CudaContext>, functions: &Arc<Functions>) -> Result<Self, CudaError> {
        let device = context.ordinal();
        let stream = context.new_stream().map_err(|error| CudaError::from_driver(device, "making a stream", error))?;
        Ok(Self { device, stream, functions: Arc::clone(functions) })
    }

    pub(crate) const fn device(&self) -> usize {
        self.device
    }

    pub(crate) const fn stream(&self) -> &Arc<CudaStream> {
        &self.stream
    }

    fn failed(&self, doing: &'static str) -> impl Fn(DriverError) -> CudaError + use<> {
        let device = self.device;
        move |error| CudaError::from_driver(device, doing, error)
    }

    /// Makes this device the one of the calling thread, which is where cuBLASLt looks for it.
    pub(crate) fn bind(&self) -> Result<(), CudaError> {
        self.stream.context().bind_to_thread().map_err(self.failed("choosing the device"))
    }

    /// Bytes that are free on the device.
    pub(crate) fn free(&self) -> Result<u64, CudaError> {
        let (free, _) = self.stream.context().mem_get_info().map_err(self.failed("asking for free memory"))?;
        Ok(free as u64)
    }

    /// Refuses what does not fit, before any of it is allocated.
    pub(crate) fn fits(&self, needed: usize) -> Result<(), CudaError> {
        let (device, needed) = (self.device, needed as u64);
        if needed <= self.free()? {
            return Ok(());
        }
        // What was freed on a stream is given back when the device has come that far.
        self.stream.context().synchronize().map_err(self.failed("computing"))?;
        let free = self.free()?;
        if needed <= free { Ok(()) } else { Err(CudaError::OutOfMemory { device, needed, free }) }
    }

    /// Memory whose content is what was there before.
    pub(crate) fn allocate(&self, bytes: usize) -> Result<Memory, CudaError> {
        // SAFETY: every byte pattern is a value of `u8`, and what is read of it was written by a kernel before.
        unsafe { self.stream.alloc::<u8>(bytes.max(1)) }.map_err(|error| match error.0 {
            CUresult::CUDA_ERROR_OUT_OF_MEMORY => {
                CudaError::OutOfMemory { device: self.device, needed: bytes as u64, free: self.free().unwrap_or(0) }
            }
            _ => self.failed("allocating memory")(error),
        })
    }

    /// Copies bytes to the beginning of device memory.
    pub(crate) fn upload(&self, bytes: &[u8], to: &mut Memory) -> Result<(), CudaError> {
        assert!(bytes.len() <= to.len(), "a copy beyond its buffer");
        self.stream.memcpy_htod(bytes, to).map_err(self.failed("copying to the device"))
    }

    /// Copies the beginning of device memory, when everything queued before is done.
    pub(crate) fn download(&self, from: &Memory, bytes: &mut [u8]) -> Result<(), CudaError> {
        assert!(bytes.len() <= from.len(), "a copy beyond its buffer");
        // Sleeps, where the copy itself would keep a core busy until the device is done.
        self.wait()?;
        let part: CudaView<'_, u8> = from.slice(..bytes.len());
        self.stream.memcpy_dtoh(&part, bytes).map_err(self.failed("copying from the device"))?;
        self.stream.synchronize().map_err(self.failed("copying from the device"))
    }

    /// Sleeps until everything queued before is done.
    pub(crate) fn wait(&self) -> Result<(), CudaError> {
        let failed = self.failed("computing");
        let event = self.stream.record_event(Some(CUevent_flags::CU_EVENT_BLOCKING_SYNC)).map_err(&failed)?;
        event.synchronize().map_err(failed)
    }

    /// Where memory lies on the device. Whoever uses it sees to it that the memory outlives the use.
    pub(crate) fn address(&self, memory: &Memory) -> u64 {
        memory.device_ptr(&self.stream).0
    }

    fn address_mut(&self, memory: &mut Memory) -> u64 {
        memory.device_ptr_mut(&self.stream).0
    }

    /// Weights: consecutive bytes of the stream of `seed`, from its beginning.
    pub(crate) fn fill_weights(
        &self,
        to: &mut Memory,
        form: Form,
        seed: &Digest,
        values: usize,
    ) -> Result<(), CudaError> {
        self.fill(["weights_i8", "weights_bf16", "weights_f32"], to, form, (seed, 0), values)
    }

    /// Inputs: the values of the stream of `seed` from value `first` on, a multiple of 64.
    pub(crate) fn fill_inputs(
        &self,
        to: &mut Memory,
        form: Form,
        seed: &Digest,
        first: u64,
        values: usize,
    ) -> Result<(), CudaError> {
        assert!(first.is_multiple_of(64), "inputs begin with a block of their stream");
        self.fill(["inputs_i8", "inputs_bf16", "inputs_f32"], to, form, (seed, first / 64), values)
    }

    fn fill(
        &self,
        names: [&'static str; 3],
        to: &mut Memory,
        form: Form,
        (seed, block): (&Digest, u64),
        values: usize,
    ) -> Result<(), CudaError> {
        assert!(values.is_multiple_of(16) && values * form.bytes() <= to.len(), "a fill beyond its buffer");
        let [i8, bf16, f32] = names;
        let name = match form {
            Form::I8 => i8,
            Form::Bf16 => bf16,
            Form::F32 => f32,
        };
        let values = values as u64;
        let to = Argument::Address(self.address_mut(to));
        self.launch(name, Grid::fill(values), &[to, key(seed), Argument::U64(block), Argument::U64(values)])
    }

    /// Brings values of the host to the device, in this form.
    pub(crate) fn bring(&self, values: &[i8], form: Form, to: &mut Memory) -> Result<(), CudaError> {
        let count = values.len();
        assert!(count.is_multiple_of(16) && count * form.bytes() <= to.len(), "values beyond their buffer");
        let bytes: Vec<u8> = values.iter().map(|value| value.cast_unsigned()).collect();
        let name = match form {
            Form::I8 => return self.upload(&bytes, to),
            Form::Bf16 => "widen_bf16",
            Form::F32 => "widen_f32",
        };
        let mut raw = self.allocate(count)?;
        self.upload(&bytes, &mut raw)?;
        let (to, from) = (Argument::Address(self.address_mut(to)), Argument::Address(self.address(&raw)));
        self.launch(name, Grid::widen(count as u64), &[to, from, Argument::U64(count as u64)])
    }

    /// What is kept of the sums of rows of a width; `salts` begin at byte `at` of their buffer.
    pub(crate) fn requantise(
        &self,
        (name, form): (&'static str, Form),
        to: &mut Memory,
        sums: &Memory,
        (salts, at): (&Memory, usize),
        (width, rows): (usize, usize),
    ) -> Result<(), CudaError> {
        assert!(
            width.is_multiple_of(16) && rows * width * 4 <= sums.len() && rows * width * form.bytes() <= to.len(),
            "rows beyond their buffer"
        );
        assert!(at.is_multiple_of(16) && at + width * 4 <= salts.len(), "salts beyond their buffer");
        let arguments = [
            Argument::Address(self.address_mut(to)),
            Argument::Address(self.address(sums)),
            Argument::Address(self.address(salts) + at as u64),
            Argument::U32(width as u32),
        ];
        self.launch(name, Grid::requantise(width as u32, rows as u32), &arguments)
    }

    /// The leaves of `rows` rows of bytes, the first of which is row `first` of its round, to byte `at`.
    pub(crate) fn leaves(
        &self,
        (to, at): (&mut Memory, usize),
        from: &Memory,
        width: usize,
        rows: usize,
        (chain, round, first): (u16, u32, u32),
    ) -> Result<(), CudaError> {
        assert!(
            width.is_multiple_of(16) && rows * width <= from.len() && at + rows * 32 <= to.len(),
            "rows beyond their buffer"
        );
        let arguments = [
            Argument::Address(self.address_mut(to) + at as u64),
            Argument::Address(self.address(from)),
            Argument::U32(width as u32),
            Argument::U32(rows as u32),
            Argument::U32(chain.into()),
            Argument::U32(round),
            Argument::U32(first),
            key(&blake3::hazmat::hash_derive_key_context(proof::merkle::LEAF_CONTEXT)),
        ];
        self.launch("leaves", Grid::leaves(rows as u32), &arguments)
    }

    fn launch(&self, name: &'static str, grid: Grid, arguments: &[Argument]) -> Result<(), CudaError> {
        let mut launch = self.stream.launch_builder(&self.functions.0[name]);
        for argument in arguments {
            match argument {
                Argument::Address(value) | Argument::U64(value) => launch.arg(value),
                Argument::U32(value) => launch.arg(value),
                Argument::Key(words) => launch.arg(words),
            };
        }
        let config = LaunchConfig {
            grid_dim: (grid.blocks.0, grid.blocks.1, 1),
            block_dim: (grid.threads, 1, 1),
            shared_mem_bytes: 0,
        };
        // SAFETY: the arguments are those of the kernel of this name, in order and type; the callers above have compared
        // the lengths with the buffers, which are freed on this stream or after a wait for it.
        unsafe { launch.launch(config) }.map_err(self.failed(name))?;
        Ok(())
    }
}

fn key(digest: &Digest) -> Argument {
    let mut words = [0; 8];
    for (word, bytes) in words.iter_mut().zip(digest.as_chunks::<4>().0) {
        *word = u32::from_le_bytes(*bytes);
    }
    Argument::Key(words)
}
