//! A few neighbouring columns of a layer, as the kernels read them.

use proof::Weights;

use crate::compute::simd::Lanes;

/// Four neighbouring weights of each of `C` columns, a word for each column.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(crate) struct Quad<const C: usize>(pub(crate) [i32; C]);

/// `C` columns over the whole depth.
pub(crate) struct Panel<const C: usize> {
    pub(crate) quads: Vec<Quad<C>>,
    /// What every sum of a column begins with: -16 · Σ weights, since kernels see inputs that are raised by 16.
    pub(crate) base: [i32; C],
}

/// Where the columns of a layer come from.
#[derive(Clone, Copy)]
pub(crate) enum Source<'a> {
    /// The bytes of the layer, column after column.
    Bytes(&'a [i8]),
    /// The stream that the layer is generated from.
    Stream {
        key: [u32; 8],
        /// The block of the stream at which the layer begins.
        first: u32,
    },
}

/// Bytes of one block of ChaCha.
pub(crate) const BLOCK: usize = 64;

impl Source<'_> {
    /// The stream of a layer, if its columns are whole blocks of it.
    pub(crate) fn stream(weights: &Weights, index: usize) -> Option<Self> {
        let width = weights.shape().width;
        let layer = (width * width / BLOCK) as u64;
        let first =
            u32::try_from(index as u64 * layer).ok().filter(|first| first.checked_add(layer as u32).is_some())?;
        let mut key = [0; 8];
        for (word, bytes) in key.iter_mut().zip(weights.seed().as_chunks::<4>().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        width.is_multiple_of(BLOCK).then_some(Self::Stream { key, first })
    }
}

impl<const C: usize> Panel<C> {
    /// Room for columns of this depth, a multiple of 4.
    pub(crate) fn new(depth: usize) -> Self {
        Self { quads: vec![Quad([0; C]); depth / 4], base: [0; C] }
    }

    /// Takes the columns from `first` on. Columns beyond the layer are without meaning.
    pub(crate) fn fill(&mut self, lanes: impl Lanes<C>, source: &Source<'_>, first: usize) {
        match *source {
            Source::Bytes(layer) => self.pack(layer, first),
            Source::Stream { key, first: block } => {
                let blocks = (self.quads.len() * 4 / BLOCK) as u32;
                let begin = block.wrapping_add(first as u32 * blocks);
                lanes.generate(&key, begin, blocks, &mut self.quads);
            }
        }
        self.base = lanes.base(&self.quads);
    }

    fn pack(&mut self, layer: &[i8], first: usize) {
        let depth = self.quads.len() * 4;
        // A cache line of each column at a time, so that every line is touched once.
        for (line, quads) in self.quads.chunks_mut(BLOCK / 4).enumerate() {
            let begin = line * BLOCK;
            for (lane, column) in layer.chunks_exact(depth).skip(first).take(C).enumerate() {
                let line = &column[begin..depth.min(begin + BLOCK)];
                for (quad, weights) in quads.iter_mut().zip(line.as_chunks::<4>().0) {
                    quad.0[lane] = i32::from_le_bytes(weights.map(i8::cast_unsigned));
                }
            }
        }
    }
}
