//! The answer to a sample, decoded within bounds.

use parity_scale_codec::{Compact, Decode, Encode, Error, Input};

use crate::digest::Digest;
use crate::shape::{OPENINGS_MAX, ROWS_MAX, Shape, WIDTH_MAX};

/// One row and the way from its leaf to the root.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
pub struct OpenedRow {
    /// The final row, 5 bits per value.
    pub packed: Vec<u8>,
    /// The siblings from the leaf up.
    pub path: Vec<Digest>,
}

/// The rows of all samples, in their order; a row that was drawn twice stands there twice.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
pub struct Opening {
    /// One entry per sample.
    pub rows: Vec<OpenedRow>,
}

impl Opening {
    /// Bytes of the encoding of every right answer: the limit for a body before it is decoded.
    #[must_use]
    pub fn encoded_len(shape: &Shape) -> usize {
        let row = Compact::<u32>::compact_len_of(shape.packed_len())
            + shape.packed_len()
            + Compact::<u32>::compact_len_of(shape.depth())
            + shape.depth() * size_of::<Digest>();
        Compact::<u32>::compact_len_of(shape.openings) + shape.openings * row
    }
}

trait CompactLen {
    fn compact_len_of(value: usize) -> usize;
}

impl CompactLen for Compact<u32> {
    fn compact_len_of(value: usize) -> usize {
        // Every length here lies below 2^30.
        Compact(value as u32).encoded_size()
    }
}

impl Decode for Opening {
    fn decode<I: Input>(input: &mut I) -> Result<Self, Error> {
        let len = length(input, OPENINGS_MAX as usize, "an opening has at most 256 rows")?;
        let rows = (0..len).map(|_| OpenedRow::decode(input)).collect::<Result<_, _>>()?;
        Ok(Self { rows })
    }
}

impl Decode for OpenedRow {
    fn decode<I: Input>(input: &mut I) -> Result<Self, Error> {
        let len = length(input, WIDTH_MAX as usize / 8 * 5, "a packed row has at most 5120 bytes")?;
        let mut packed = vec![0; len];
        input.read(&mut packed)?;
        let len = length(input, ROWS_MAX.trailing_zeros() as usize, "a path has at most 20 hashes")?;
        let path = (0..len).map(|_| Digest::decode(input)).collect::<Result<_, _>>()?;
        Ok(Self { packed, path })
    }
}

fn length<I: Input>(input: &mut I, max: usize, complaint: &'static str) -> Result<usize, Error> {
    let len = Compact::<u32>::decode(input)?.0 as usize;
    if len <= max { Ok(len) } else { Err(complaint.into()) }
}
