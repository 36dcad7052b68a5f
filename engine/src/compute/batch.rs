//! Some rows, as the kernels read them.

use std::ops::Range;

/// Rows of one batch: its inputs stay in the second cache beside a panel of weights.
const ROWS: usize = 48;

/// Up to [`ROWS`] rows. A word holds four neighbouring inputs of one row, each raised by 16 to 0..=31; the words of all
/// rows for the same four inputs lie together.
pub(crate) struct Batch {
    pub(crate) rows: usize,
    /// `words[input / 4 · rows + row]`
    pub(crate) words: Vec<u32>,
}

impl Batch {
    /// Takes rows of this width, a multiple of 4.
    pub(crate) fn split(inputs: &[i8], width: usize) -> Vec<Self> {
        inputs.chunks(ROWS * width).map(|inputs| Self::pack(inputs, width)).collect()
    }

    fn pack(inputs: &[i8], width: usize) -> Self {
        let rows = inputs.len() / width;
        let mut words = vec![0; rows * (width / 4)];
        for (row, inputs) in inputs.chunks_exact(width).enumerate() {
            for (word, quad) in words[row..].iter_mut().step_by(rows).zip(inputs.as_chunks::<4>().0) {
                *word = u32::from_le_bytes(quad.map(|input| (input + 16).cast_unsigned()));
            }
        }
        Self { rows, words }
    }

    /// As many rows of zeros, for the results of a layer.
    pub(crate) fn alike(&self) -> Self {
        Self { rows: self.rows, words: vec![0; self.words.len()] }
    }

    /// The rows as they were given.
    pub(crate) fn unpack(&self, width: usize, out: &mut [i8]) {
        for (row, out) in out.chunks_exact_mut(width).enumerate() {
            for (word, quad) in self.words[row..].iter().step_by(self.rows).zip(out.as_chunks_mut::<4>().0) {
                *quad = word.to_le_bytes().map(|input| input.cast_signed() - 16);
            }
        }
    }

    /// The rows in groups of at most `most`, as even as can be: 16 are 8 and 8 rather than 12 and 4.
    pub(crate) fn groups(&self, most: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let (rows, groups) = (self.rows, self.rows.div_ceil(most));
        (0..groups).map(move |group| rows * group / groups..rows * (group + 1) / groups)
    }
}
