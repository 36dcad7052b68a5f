//! How weights are held, and the conversion of rows between forms.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{Device, Tensor};
use half::{bf16, f16};

/// How a model's matrices are held. Norms and biases are f32 always, and so is all arithmetic, but for the products of
/// quantised weights: there the inputs are rounded to 8 bits with a scale for each 32 of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// 32 bits; narrower weights are widened.
    F32,
    /// The upper half of an f32.
    Bf16,
    /// IEEE half precision.
    F16,
    /// 8 bits, a scale for each 32 (GGML's `Q8_0`). A matrix whose rows are no multiple of 32 stays in f16.
    Q8_0,
    /// 4 bits in blocks of 256 (GGML's `Q4_K`). A matrix whose rows are no multiple of 256 is held as `Q8_0`.
    Q4K,
}

impl Precision {
    /// Every precision.
    pub const ALL: [Self; 5] = [Self::F32, Self::Bf16, Self::F16, Self::Q8_0, Self::Q4K];

    /// As it is written in configurations.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
            Self::Q8_0 => "q8_0",
            Self::Q4K => "q4_k",
        }
    }

    /// What a matrix with rows of `columns` weights is held in.
    pub(crate) const fn for_rows(self, columns: usize) -> Self {
        match self {
            Self::Q4K if columns.is_multiple_of(256) => Self::Q4K,
            Self::Q4K | Self::Q8_0 if columns.is_multiple_of(32) => Self::Q8_0,
            Self::Q4K | Self::Q8_0 => Self::F16,
            other => other,
        }
    }

    /// Bytes of a row in the order of its file form.
    pub(crate) const fn row_bytes(self, columns: usize) -> usize {
        match self {
            Self::F32 => columns * 4,
            Self::Bf16 | Self::F16 => columns * 2,
            Self::Q8_0 => columns / 32 * 34,
            Self::Q4K => columns / 256 * 144,
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Precision {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|precision| precision.name() == name);
        known.ok_or_else(|| format!("unknown precision `{name}`: f32, bf16, f16, q8_0 or q4_k"))
    }
}

/// How a file stores a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    /// A form that is held as it is.
    As(Precision),
    /// Another block form of GGML: converted by way of f32.
    Ggml(GgmlDType),
}

impl Stored {
    /// From the number in a GGUF file (`ggml_type` of ggml.h).
    pub(crate) const fn from_ggml(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::As(Precision::F32),
            1 => Self::As(Precision::F16),
            2 => Self::Ggml(GgmlDType::Q4_0),
            3 => Self::Ggml(GgmlDType::Q4_1),
            6 => Self::Ggml(GgmlDType::Q5_0),
            7 => Self::Ggml(GgmlDType::Q5_1),
            8 => Self::As(Precision::Q8_0),
            10 => Self::Ggml(GgmlDType::Q2K),
            11 => Self::Ggml(GgmlDType::Q3K),
            12 => Self::As(Precision::Q4K),
            13 => Self::Ggml(GgmlDType::Q5K),
            14 => Self::Ggml(GgmlDType::Q6K),
            30 => Self::As(Precision::Bf16),
            _ => return None,
        })
    }

    /// What is held when nothing is asked for: forms without a kernel of their own are rounded to 8 bits.
    pub(crate) const fn natural(self) -> Precision {
        match self {
            Self::As(precision) => precision,
            Self::Ggml(_) => Precision::Q8_0,
        }
    }

    /// Weights in a block.
    pub(crate) fn block(self) -> usize {
        match self {
            Self::As(Precision::F32 | Precision::Bf16 | Precision::F16) => 1,
            Self::As(Precision::Q8_0) => 32,
            Self::As(Precision::Q4K) => 256,
            Self::Ggml(dtype) => dtype.block_size(),
        }
    }

    /// Bytes of a row; `columns` is a multiple of the block.
    pub(crate) fn row_bytes(self, columns: usize) -> usize {
        match self {
            Self::As(precision) => precision.row_bytes(columns),
            Self::Ggml(dtype) => columns / dtype.block_size() * dtype.type_size(),
        }
    }

    /// A stored row in the form that is to be held.
    pub(crate) fn convert<'a>(self, row: &'a [u8], to: Precision) -> candle_core::Result<Cow<'a, [u8]>> {
        if self == Self::As(to) { Ok(Cow::Borrowed(row)) } else { encode(self.widen(row)?, to).map(Cow::Owned) }
    }

    /// A stored row as f32.
    pub(crate) fn widen(self, row: &[u8]) -> candle_core::Result<Vec<f32>> {
        let words = || row.as_chunks::<2>().0.iter().copied().map(u16::from_le_bytes);
        let dtype = match self {
            Self::As(Precision::F32) => return Ok(row.as_chunks().0.iter().copied().map(f32::from_le_bytes).collect()),
            Self::As(Precision::Bf16) => return Ok(words().map(|word| bf16::from_bits(word).to_f32()).collect()),
            Self::As(Precision::F16) => return Ok(words().map(|word| f16::from_bits(word).to_f32()).collect()),
            Self::As(Precision::Q8_0) => GgmlDType::Q8_0,
            Self::As(Precision::Q4K) => GgmlDType::Q4K,
            Self::Ggml(dtype) => dtype,
        };
        let columns = row.len() / dtype.type_size() * dtype.block_size();
        let storage = QStorage::from_data(Cow::Borrowed(row), &Device::Cpu, dtype)?;
        QTensor::new(storage, columns)?.dequantize(&Device::Cpu)?.to_vec1()
    }
}

fn encode(row: Vec<f32>, to: Precision) -> candle_core::Result<Vec<u8>> {
    let quantise = |row: Vec<f32>, dtype| {
        let columns = row.len();
        let tensor = QTensor::quantize(&Tensor::from_vec(row, columns, &Device::Cpu)?, dtype)?;
        Ok(tensor.data()?.into_owned())
    };
    match to {
        Precision::F32 => Ok(row.into_iter().flat_map(f32::to_le_bytes).collect()),
        Precision::Bf16 => Ok(row.into_iter().flat_map(|weight| bf16::from_f32(weight).to_le_bytes()).collect()),
        Precision::F16 => Ok(row.into_iter().flat_map(|weight| f16::from_f32(weight).to_le_bytes()).collect()),
        Precision::Q8_0 => quantise(row, GgmlDType::Q8_0),
        Precision::Q4K => quantise(row, GgmlDType::Q4K),
    }
}
