//! Exact integer rows times matrix on the widest units that the processor has.
//!
//! [`Kernel`] is [`proof::RowKernel`] for every machine. Its [`Path`] is chosen at run time; all paths give the same
//! bits, for any number of threads. What makes it fast, beside the instructions:
//!
//! - Weights are generated where they are multiplied. ChaCha8 runs one column per lane, so that its output words already
//!   lie as the dot-product instructions read them: no transposition, and a layer never passes through main memory.
//! - A panel of columns stays in the second cache while all rows meet it; a tile of sums stays in registers for the whole
//!   depth.
//! - Rows keep the layout and the offset of the kernel from the first layer to the last.
//!
//! [`Case`] holds what every device must get right. Files, from the outside in: `kernel` (the public type), `layer`
//! (panels over rows, threads over columns), `panel` (a few columns of weights), `batch` (a few rows), `simd`
//! (instructions, the only `unsafe` of this folder).

mod batch;
mod case;
mod kernel;
mod layer;
mod panel;
mod path;
mod portable;
pub(crate) mod simd;

pub use case::Case;
pub use kernel::Kernel;
pub use path::Path;
