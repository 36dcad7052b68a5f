//! The answer to a sample, decoded within bounds.

use incentive::policy::ComputePolicy;
use parity_scale_codec::{Compact, Decode, Encode, Error, Input};

use crate::digest::Digest;
use crate::shape::Shape;

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
        let row = prefix(shape.packed_len())
            + shape.packed_len()
            + prefix(shape.depth())
            + shape.depth() * size_of::<Digest>();
        prefix(shape.openings) + shape.openings * row
    }
}

/// Bytes that a length takes in front of a list. Every length here lies far below 2^30.
fn prefix(len: usize) -> usize {
    Compact(u32::try_from(len).unwrap_or(u32::MAX)).encoded_size()
}

impl Decode for Opening {
    fn decode<I: Input>(input: &mut I) -> Result<Self, Error> {
        let len = length(input, ComputePolicy::OPENINGS_MAX as usize, "an opening has at most 4096 rows")?;
        let rows = (0..len).map(|_| OpenedRow::decode(input)).collect::<Result<_, _>>()?;
        Ok(Self { rows })
    }
}

impl Decode for OpenedRow {
    fn decode<I: Input>(input: &mut I) -> Result<Self, Error> {
        let len = length(input, ComputePolicy::WIDTH_MAX as usize / 8 * 5, "a packed row has at most 5120 bytes")?;
        let mut packed = vec![0; len];
        input.read(&mut packed)?;
        let len = length(input, ComputePolicy::ROWS_MAX.trailing_zeros() as usize, "a path has at most 20 hashes")?;
        let path = (0..len).map(|_| Digest::decode(input)).collect::<Result<_, _>>()?;
        Ok(Self { packed, path })
    }
}

fn length<I: Input>(input: &mut I, max: usize, complaint: &'static str) -> Result<usize, Error> {
    let len = Compact::<u32>::decode(input)?.0 as usize;
    if len <= max { Ok(len) } else { Err(complaint.into()) }
}
