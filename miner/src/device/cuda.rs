//! The one place that knows whether this build has CUDA.

use serde::Serialize;

/// A card as CUDA counts it. All but the index is a label.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Card {
    /// What `cuda:N` names.
    pub index: u16,
    /// As the driver gives it.
    pub name: String,
    /// Stays the same when cards are added or swapped.
    pub uuid: String,
    /// Bytes.
    pub memory: u64,
    /// Compute capability.
    pub capability: (u32, u32),
}

/// The cards that CUDA can use, or why there are none and what to do.
///
/// # Errors
/// One line: the build has no CUDA, no driver, one that is too old, no device, …
pub fn cards() -> Result<Vec<Card>, String> {
    implementation::cards()
}

/// The indices of [`cards`].
///
/// # Errors
/// As [`cards`].
pub fn indices() -> Result<Vec<u16>, String> {
    Ok(cards()?.into_iter().map(|card| card.index).collect())
}

pub(super) use implementation::open;

#[cfg(not(feature = "cuda"))]
mod implementation {
    use std::sync::Arc;

    use anyhow::{Result, bail};

    use super::Card;
    use crate::device::open::Device;

    const REMEDY: &str = "this build has no CUDA; rebuild with `--features cuda`, or use `cpu`";

    pub(super) fn cards() -> Result<Vec<Card>, String> {
        Err(REMEDY.to_owned())
    }

    pub(in crate::device) fn open(index: u16) -> Result<Arc<dyn Device>> {
        bail!("cuda:{index}: {REMEDY}")
    }
}

#[cfg(feature = "cuda")]
mod implementation {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Arc;
    use std::time::Duration;

    use anyhow::{Context as _, Result};
    use engine::cuda::{GemmPath, Gpu, GpuKernel};

    use super::Card;
    use crate::device::open::{ChainKernel, Device};

    pub(super) fn cards() -> Result<Vec<Card>, String> {
        // Bindings of a driver that lacks a symbol may panic; a miner that asks what there is must not end.
        let found = catch_unwind(AssertUnwindSafe(engine::cuda::devices));
        let found = found.map_err(|_| "the CUDA driver cannot be used by this build; update the driver".to_owned())?;
        let cards = found.map_err(|error| error.to_string())?;
        let card = |card: engine::cuda::DeviceInfo| {
            let index = u16::try_from(card.index).ok()?;
            Some(Card { index, name: card.name, uuid: card.uuid, memory: card.memory, capability: card.capability })
        };
        Ok(cards.into_iter().filter_map(card).collect())
    }

    pub(in crate::device) fn open(index: u16) -> Result<Arc<dyn Device>> {
        Ok(Arc::new(Opened(Gpu::open(index.into()).with_context(|| format!("cuda:{index}"))?)))
    }

    /// An opened card.
    struct Opened(Arc<Gpu>);

    impl Device for Opened {
        fn about(&self) -> String {
            let info = self.0.info();
            format!("{} {}, {}", info.name, info.uuid, self.0.path())
        }

        fn kernel(&self) -> Result<Box<dyn ChainKernel>> {
            Ok(Box::new(self.0.kernel(None)?))
        }

        fn paths(&self) -> Result<Vec<(String, Box<dyn ChainKernel>)>> {
            let kernel = |path: GemmPath| Ok((path.to_string(), Box::new(self.0.kernel(Some(path))?) as _));
            self.0.paths().into_iter().map(kernel).collect()
        }
    }

    impl ChainKernel for GpuKernel {
        fn fault(&self) -> Option<String> {
            self.take_fault().map(|fault| fault.to_string())
        }

        fn products(&self, rows: usize, width: usize, length: Duration) -> Result<f64> {
            Ok(self.raw_gemm_rate(rows, width, length)?)
        }
    }
}
