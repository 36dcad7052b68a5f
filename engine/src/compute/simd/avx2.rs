//! AVX2: 16 columns in two vectors, up to 4 rows.
//!
//! `vpmaddubsw` multiplies unsigned by signed bytes and adds two products in 16 bits, with saturation that must not
//! happen. Inputs are raised by 16 to 0..=31, so two products lie within ±2 · 31 · 128 = ±7936 and the sum of four such
//! pairs within ±31744: four steps fit before the sum must widen to 32 bits, and a fifth would not.
#![allow(unsafe_code, reason = "instructions that the compiler cannot know to be there")]

use std::arch::x86_64::{
    __m256i, _mm256_add_epi16, _mm256_add_epi32, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maddubs_epi16,
    _mm256_or_si256, _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_setzero_si256, _mm256_slli_epi32,
    _mm256_srli_epi32, _mm256_storeu_si256, _mm256_sub_epi32, _mm256_xor_si256,
};

use super::{Lanes, chacha, requantise};
use crate::compute::batch::Batch;
use crate::compute::panel::{Panel, Quad};

const COLUMNS: usize = 16;
/// Quads whose products fit into 16 bits together.
const STEP: usize = 4;

/// Proof that the processor has AVX2.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx2(());

impl Avx2 {
    pub(super) fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx2").then_some(Self(()))
    }
}

impl Lanes<COLUMNS> for Avx2 {
    fn rows(self) -> usize {
        4
    }

    fn generate(self, key: &[u32; 8], first: u32, blocks: u32, quads: &mut [Quad<COLUMNS>]) {
        // SAFETY: `self` exists, so `detect` found the instructions.
        unsafe { generate(key, first, blocks, quads) }
    }

    fn base(self, quads: &[Quad<COLUMNS>]) -> [i32; COLUMNS] {
        // SAFETY: `self` exists, so `detect` found the instructions.
        unsafe { base(quads) }
    }

    fn tile(self, panel: &Panel<COLUMNS>, batch: &Batch, row: usize, sums: &mut [[i32; COLUMNS]]) {
        // SAFETY: `self` exists, so `detect` found the instructions.
        unsafe { tile(panel, batch, row, sums) }
    }

    fn requantise(self, sums: &[[i32; COLUMNS]], salts: &[u32], words: &mut [u32], stride: usize) {
        // SAFETY: `self` exists, so `detect` found the instructions.
        unsafe { requantise(sums, salts, words, stride) }
    }
}

#[target_feature(enable = "avx2")]
fn generate(key: &[u32; 8], first: u32, blocks: u32, quads: &mut [Quad<COLUMNS>]) {
    for (block, quads) in (0..blocks).zip(quads.as_chunks_mut::<16>().0) {
        for half in 0..2 {
            let first = first.wrapping_add(block).wrapping_add(blocks.wrapping_mul(8 * half as u32));
            let words = stream(key, &chacha::counters(first, blocks));
            for (quad, word) in quads.iter_mut().zip(words) {
                store(&mut quad.0.as_chunks_mut::<8>().0[half], word);
            }
        }
    }
}

/// The 16 words of 8 blocks.
#[target_feature(enable = "avx2")]
fn stream(key: &[u32; 8], counters: &[i32; 8]) -> [__m256i; 16] {
    let mut begin = chacha::begin(key).map(|word| _mm256_set1_epi32(word.cast_signed()));
    begin[12] = load(counters);
    let mut state = begin;
    chacha::rounds!(state, quarter);
    for (word, begin) in state.iter_mut().zip(begin) {
        *word = _mm256_add_epi32(*word, begin);
    }
    state
}

#[target_feature(enable = "avx2")]
fn quarter(mut a: __m256i, mut b: __m256i, mut c: __m256i, mut d: __m256i) -> [__m256i; 4] {
    a = _mm256_add_epi32(a, b);
    d = rotate::<16, 16>(_mm256_xor_si256(d, a));
    c = _mm256_add_epi32(c, d);
    b = rotate::<12, 20>(_mm256_xor_si256(b, c));
    a = _mm256_add_epi32(a, b);
    d = rotate::<8, 24>(_mm256_xor_si256(d, a));
    c = _mm256_add_epi32(c, d);
    b = rotate::<7, 25>(_mm256_xor_si256(b, c));
    [a, b, c, d]
}

/// Left by `L`, `R` is 32 - `L`. The compiler makes a shuffle of it where whole bytes move.
#[target_feature(enable = "avx2")]
fn rotate<const L: i32, const R: i32>(value: __m256i) -> __m256i {
    _mm256_or_si256(_mm256_slli_epi32::<L>(value), _mm256_srli_epi32::<R>(value))
}

#[target_feature(enable = "avx2")]
fn requantise(sums: &[[i32; COLUMNS]], salts: &[u32], words: &mut [u32], stride: usize) {
    requantise::requantise(sums, salts, words, stride);
}

#[target_feature(enable = "avx2")]
fn base(quads: &[Quad<COLUMNS>]) -> [i32; COLUMNS] {
    let sixteen = _mm256_set1_epi8(16);
    let mut sums = [_mm256_setzero_si256(); 2];
    for step in quads.as_chunks::<STEP>().0 {
        let step = step.each_ref().map(|quad| halves(&quad.0));
        for (half, sum) in sums.iter_mut().enumerate() {
            *sum = _mm256_sub_epi32(*sum, products([sixteen; STEP], step.map(|quad| quad[half])));
        }
    }
    let mut base = [0; COLUMNS];
    put(&mut base, sums);
    base
}

#[target_feature(enable = "avx2")]
fn tile(panel: &Panel<COLUMNS>, batch: &Batch, row: usize, sums: &mut [[i32; COLUMNS]]) {
    match sums.len() {
        1 => rows::<1>(panel, batch, row, sums),
        2 => rows::<2>(panel, batch, row, sums),
        3 => rows::<3>(panel, batch, row, sums),
        _ => rows::<4>(panel, batch, row, sums),
    }
}

#[target_feature(enable = "avx2")]
fn rows<const R: usize>(panel: &Panel<COLUMNS>, batch: &Batch, row: usize, out: &mut [[i32; COLUMNS]]) {
    let mut sums = [halves(&panel.base); R];
    let (steps, words) = (panel.quads.as_chunks::<STEP>().0, batch.words.chunks_exact(STEP * batch.rows));
    for (step, words) in steps.iter().zip(words) {
        let step = step.each_ref().map(|quad| halves(&quad.0));
        for (index, sums) in sums.iter_mut().enumerate() {
            let at = |quad: usize| _mm256_set1_epi32(words[quad * batch.rows + row + index].cast_signed());
            let inputs = [at(0), at(1), at(2), at(3)];
            for (half, sum) in sums.iter_mut().enumerate() {
                *sum = _mm256_add_epi32(*sum, products(inputs, step.map(|quad| quad[half])));
            }
        }
    }
    for (out, sums) in out.iter_mut().zip(sums) {
        put(out, sums);
    }
}

/// The products of [`STEP`] quads, summed in 16 bits and then, in pairs, in 32.
#[target_feature(enable = "avx2")]
fn products(inputs: [__m256i; STEP], weights: [__m256i; STEP]) -> __m256i {
    let [a, b, c, d] = [0, 1, 2, 3].map(|quad| _mm256_maddubs_epi16(inputs[quad], weights[quad]));
    let narrow = _mm256_add_epi16(_mm256_add_epi16(a, b), _mm256_add_epi16(c, d));
    _mm256_madd_epi16(narrow, _mm256_set1_epi16(1))
}

#[target_feature(enable = "avx2")]
fn halves(lanes: &[i32; COLUMNS]) -> [__m256i; 2] {
    let halves = lanes.as_chunks::<8>().0;
    [load(&halves[0]), load(&halves[1])]
}

#[target_feature(enable = "avx2")]
fn put(lanes: &mut [i32; COLUMNS], values: [__m256i; 2]) {
    for (lanes, value) in lanes.as_chunks_mut::<8>().0.iter_mut().zip(values) {
        store(lanes, value);
    }
}

#[target_feature(enable = "avx2")]
fn load(lanes: &[i32; 8]) -> __m256i {
    // SAFETY: 8 lanes of 4 readable bytes; the instruction asks for no alignment.
    unsafe { _mm256_loadu_si256(lanes.as_ptr().cast()) }
}

#[target_feature(enable = "avx2")]
fn store(lanes: &mut [i32; 8], value: __m256i) {
    // SAFETY: 8 lanes of 4 writable bytes; the instruction asks for no alignment.
    unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), value) }
}
