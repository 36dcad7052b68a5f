//! A matrix of weights, held so that sixteen outputs are computed at once.
//!
//! A panel is sixteen neighbouring outputs; within it, the weights of one input stand side by side, or those of four
//! inputs as bytes, which is how the dot-product instructions read them. Nothing else about a weight changes: the blocks,
//! scales and bits are those of the file form.

use blake3::Hasher;
use half::{bf16, f16};
use rayon::prelude::*;

use super::precision::{Precision, Stored};
use crate::compute::simd::wide::{Floats, Halves, LANES, Quads};

/// Weights of `outputs × inputs`.
#[derive(Debug)]
pub(crate) struct Matrix {
    pub outputs: usize,
    pub inputs: usize,
    pub weights: Weights,
}

/// Panel after panel.
#[derive(Debug)]
pub(crate) enum Weights {
    /// One for each input.
    F32(Vec<Floats>),
    Bf16(Vec<Halves>),
    F16(Vec<Halves>),
    /// Eight [`Quads`] of bytes (raised by 128) and one scale (f16) for each 32 inputs.
    Q8 {
        quads: Vec<Quads>,
        scales: Vec<Halves>,
    },
    /// For each 32 inputs four [`Quads`] of half bytes, the first 16 inputs below, and a scale and minimum of 6 bits;
    /// for each 256 what these are multiplied by (f16).
    Q4 {
        quads: Vec<Quads>,
        scales: Vec<[[u8; LANES]; 2]>,
        supers: Vec<[Halves; 2]>,
    },
}

/// Where the rows of a tensor lie in its file form.
pub(crate) struct Raw {
    pub bytes: Vec<u8>,
    pub stored: Stored,
    /// The stored row of each row, where they are not in order.
    pub order: Option<Vec<u32>>,
}

impl Raw {
    fn row(&self, row: usize, columns: usize) -> &[u8] {
        let row = self.order.as_ref().map_or(row, |order| order[row] as usize);
        let length = self.stored.row_bytes(columns);
        &self.bytes[row * length..][..length]
    }
}

impl Matrix {
    /// Packs a tensor; its digest covers the bytes of the held form in the order of rows.
    pub(crate) fn pack(
        outputs: usize,
        inputs: usize,
        raw: &Raw,
        held: Precision,
    ) -> candle_core::Result<(Self, [u8; 32])> {
        let panels = outputs.div_ceil(LANES);
        let rows = |panel: usize| {
            let rows = panel * LANES..((panel + 1) * LANES).min(outputs);
            rows.map(|row| raw.stored.convert(raw.row(row, inputs), held)).collect::<candle_core::Result<Vec<_>>>()
        };
        let digest = |rows: &[std::borrow::Cow<'_, [u8]>]| {
            let mut hasher = Hasher::new();
            for row in rows {
                hasher.update(row);
            }
            *hasher.finalize().as_bytes()
        };
        // Every arm: allocate, then fill panel by panel on all threads.
        macro_rules! fill {
            ($per_panel:expr, $write:expr) => {{
                let mut cells = vec![Default::default(); panels * $per_panel];
                let digests: Vec<[u8; 32]> = cells
                    .par_chunks_mut($per_panel)
                    .enumerate()
                    .map(|(panel, cells)| {
                        let rows = rows(panel)?;
                        for (lane, row) in rows.iter().enumerate() {
                            $write(lane, &row[..], cells);
                        }
                        Ok(digest(&rows))
                    })
                    .collect::<candle_core::Result<_>>()?;
                (cells, digests)
            }};
        }
        let (weights, digests) = match held {
            Precision::F32 => {
                let (cells, digests) = fill!(inputs, write_f32);
                (Weights::F32(cells), digests)
            }
            Precision::Bf16 => {
                let (cells, digests) = fill!(inputs, write_halves);
                (Weights::Bf16(cells), digests)
            }
            Precision::F16 => {
                let (cells, digests) = fill!(inputs, write_halves);
                (Weights::F16(cells), digests)
            }
            Precision::Q8_0 => {
                let blocks = inputs / 32;
                let mut scales = vec![Halves::default(); panels * blocks];
                let mut quads = vec![Quads::default(); panels * blocks * 8];
                let digests = (quads.par_chunks_mut(blocks * 8), scales.par_chunks_mut(blocks))
                    .into_par_iter()
                    .enumerate()
                    .map(|(panel, (quads, scales))| {
                        let rows = rows(panel)?;
                        for (lane, row) in rows.iter().enumerate() {
                            write_q8(lane, row, quads, scales);
                        }
                        Ok(digest(&rows))
                    })
                    .collect::<candle_core::Result<Vec<_>>>()?;
                (Weights::Q8 { quads, scales }, digests)
            }
            Precision::Q4K => {
                let blocks = inputs / 256;
                let mut supers = vec![[Halves::default(); 2]; panels * blocks];
                let mut scales = vec![[[0; LANES]; 2]; panels * blocks * 8];
                let mut quads = vec![Quads::default(); panels * blocks * 32];
                let parts = (
                    quads.par_chunks_mut(blocks * 32),
                    scales.par_chunks_mut(blocks * 8),
                    supers.par_chunks_mut(blocks),
                );
                let digests = parts
                    .into_par_iter()
                    .enumerate()
                    .map(|(panel, (quads, scales, supers))| {
                        let rows = rows(panel)?;
                        for (lane, row) in rows.iter().enumerate() {
                            write_q4(lane, row, quads, scales, supers);
                        }
                        Ok(digest(&rows))
                    })
                    .collect::<candle_core::Result<Vec<_>>>()?;
                (Weights::Q4 { quads, scales, supers }, digests)
            }
        };
        let mut hasher = Hasher::new();
        for digest in digests {
            hasher.update(&digest);
        }
        Ok((Self { outputs, inputs, weights }, *hasher.finalize().as_bytes()))
    }

    /// Bytes of a matrix that is held so.
    pub(crate) fn bytes(outputs: u64, inputs: u64, held: Precision) -> u64 {
        let lanes = outputs.div_ceil(LANES as u64).saturating_mul(LANES as u64);
        let row = match held {
            Precision::F32 => inputs.saturating_mul(4),
            Precision::Bf16 | Precision::F16 => inputs.saturating_mul(2),
            Precision::Q8_0 => inputs / 32 * 34,
            Precision::Q4K => inputs / 256 * 148,
        };
        lanes.saturating_mul(row)
    }

    /// The weights of one output: an embedding.
    pub(crate) fn row(&self, row: usize, out: &mut [f32]) {
        let (panel, lane) = (row / LANES, row % LANES);
        let inputs = self.inputs;
        match &self.weights {
            Weights::F32(cells) => {
                for (out, cell) in out.iter_mut().zip(&cells[panel * inputs..]) {
                    *out = cell.0[lane];
                }
            }
            Weights::Bf16(cells) => {
                for (out, cell) in out.iter_mut().zip(&cells[panel * inputs..]) {
                    *out = bf16::from_bits(cell.0[lane]).to_f32();
                }
            }
            Weights::F16(cells) => {
                for (out, cell) in out.iter_mut().zip(&cells[panel * inputs..]) {
                    *out = f16::from_bits(cell.0[lane]).to_f32();
                }
            }
            Weights::Q8 { quads, scales } => {
                let first = panel * inputs / 32;
                for (input, out) in out.iter_mut().enumerate() {
                    let scale = f16::from_bits(scales[first + input / 32].0[lane]).to_f32();
                    let byte = quads[first * 8 + input / 4].0[4 * lane + input % 4];
                    *out = scale * (f32::from(byte) - 128.0);
                }
            }
            Weights::Q4 { quads, scales, supers } => {
                let first = panel * inputs / 32;
                for (input, out) in out.iter_mut().enumerate() {
                    let block = first + input / 32;
                    let [scale, minimum] = scales[block].map(|parts| f32::from(parts[lane]));
                    let [by, below] = supers[block / 8].map(|parts| f16::from_bits(parts.0[lane]).to_f32());
                    let byte = quads[block * 4 + input % 16 / 4].0[4 * lane + input % 4];
                    let half = if input % 32 < 16 { byte & 15 } else { byte >> 4 };
                    *out = by * scale * f32::from(half) - below * minimum;
                }
            }
        }
    }
}

fn write_f32(lane: usize, row: &[u8], cells: &mut [Floats]) {
    for (cell, bytes) in cells.iter_mut().zip(row.as_chunks().0) {
        cell.0[lane] = f32::from_le_bytes(*bytes);
    }
}

fn write_halves(lane: usize, row: &[u8], cells: &mut [Halves]) {
    for (cell, bytes) in cells.iter_mut().zip(row.as_chunks().0) {
        cell.0[lane] = u16::from_le_bytes(*bytes);
    }
}

/// `block_q8_0` of ggml: a scale, then 32 signed bytes.
fn write_q8(lane: usize, row: &[u8], quads: &mut [Quads], scales: &mut [Halves]) {
    let blocks = row.as_chunks::<34>().0.iter();
    for ((block, quads), scale) in blocks.zip(quads.as_chunks_mut::<8>().0).zip(scales) {
        scale.0[lane] = u16::from_le_bytes([block[0], block[1]]);
        for (quad, four) in quads.iter_mut().zip(block[2..].as_chunks::<4>().0) {
            quad.0[4 * lane..][..4].copy_from_slice(&four.map(|byte| byte ^ 128));
        }
    }
}

/// `block_q4_K` of ggml: two factors, eight scales and minima of 6 bits in 12 bytes, 256 half bytes in groups of 64 of
/// which the lower halves are the first 32.
fn write_q4(lane: usize, row: &[u8], quads: &mut [Quads], scales: &mut [[[u8; LANES]; 2]], supers: &mut [[Halves; 2]]) {
    let blocks = row.as_chunks::<144>().0.iter();
    let parts = quads.as_chunks_mut::<32>().0.iter_mut().zip(scales.as_chunks_mut::<8>().0).zip(supers);
    for (block, ((quads, scales), supers)) in blocks.zip(parts) {
        supers[0].0[lane] = u16::from_le_bytes([block[0], block[1]]);
        supers[1].0[lane] = u16::from_le_bytes([block[2], block[3]]);
        for (index, (quads, scales)) in quads.as_chunks_mut::<4>().0.iter_mut().zip(scales).enumerate() {
            let [scale, minimum] = six_bits(&block[4..16], index);
            scales[0][lane] = scale;
            scales[1][lane] = minimum;
            let bytes = &block[16 + index / 2 * 32..][..32];
            let half = |input: usize| if index % 2 == 0 { bytes[input] & 15 } else { bytes[input] >> 4 };
            for input in 0..16 {
                quads[input / 4].0[4 * lane + input % 4] = half(input) | half(input + 16) << 4;
            }
        }
    }
}

fn six_bits(packed: &[u8], index: usize) -> [u8; 2] {
    if index < 4 {
        [packed[index] & 63, packed[index + 4] & 63]
    } else {
        let [scale, minimum] = [packed[index - 4] >> 6, packed[index] >> 6];
        [packed[index + 4] & 15 | scale << 4, packed[index + 4] >> 4 | minimum << 4]
    }
}
