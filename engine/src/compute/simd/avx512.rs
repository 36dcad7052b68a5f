//! AVX-512 with VNNI: 32 columns in two vectors, up to 12 rows, 24 sums in registers.
//!
//! `vpdpbusd` multiplies unsigned by signed bytes and adds four products to a sum of 32 bits without saturation. Inputs
//! are raised by 16 to 0..=31 and so are unsigned; the sum of a column begins with what that adds, negated. Nothing
//! leaves 32 bits: 8192 · 31 · 128 + 8192 · 16 · 128 < 2^26.
#![allow(unsafe_code, reason = "instructions that the compiler cannot know to be there")]

use std::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_dpbusd_epi32, _mm512_loadu_si512, _mm512_rol_epi32, _mm512_set1_epi8,
    _mm512_set1_epi32, _mm512_setzero_si512, _mm512_storeu_si512, _mm512_sub_epi32, _mm512_xor_si512,
};

use super::{Lanes, chacha, requantise};
use crate::compute::batch::Batch;
use crate::compute::panel::{Panel, Quad};

const COLUMNS: usize = 32;

/// Proof that the processor has AVX-512 with byte operations and VNNI.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx512(());

impl Avx512 {
    pub(super) fn detect() -> Option<Self> {
        let found = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512vnni");
        found.then_some(Self(()))
    }
}

impl Lanes<COLUMNS> for Avx512 {
    fn rows(self) -> usize {
        12
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

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn generate(key: &[u32; 8], first: u32, blocks: u32, quads: &mut [Quad<COLUMNS>]) {
    for (block, quads) in (0..blocks).zip(quads.as_chunks_mut::<16>().0) {
        for half in 0..2 {
            let first = first.wrapping_add(block).wrapping_add(blocks.wrapping_mul(16 * half as u32));
            let words = stream(key, &chacha::counters(first, blocks));
            for (quad, word) in quads.iter_mut().zip(words) {
                store(&mut quad.0.as_chunks_mut::<16>().0[half], word);
            }
        }
    }
}

/// The 16 words of 16 blocks.
#[target_feature(enable = "avx512f")]
fn stream(key: &[u32; 8], counters: &[i32; 16]) -> [__m512i; 16] {
    let mut begin = chacha::begin(key).map(|word| _mm512_set1_epi32(word.cast_signed()));
    begin[12] = load(counters);
    let mut state = begin;
    chacha::rounds!(state, quarter);
    for (word, begin) in state.iter_mut().zip(begin) {
        *word = _mm512_add_epi32(*word, begin);
    }
    state
}

#[target_feature(enable = "avx512f")]
fn quarter(mut a: __m512i, mut b: __m512i, mut c: __m512i, mut d: __m512i) -> [__m512i; 4] {
    a = _mm512_add_epi32(a, b);
    d = _mm512_rol_epi32::<16>(_mm512_xor_si512(d, a));
    c = _mm512_add_epi32(c, d);
    b = _mm512_rol_epi32::<12>(_mm512_xor_si512(b, c));
    a = _mm512_add_epi32(a, b);
    d = _mm512_rol_epi32::<8>(_mm512_xor_si512(d, a));
    c = _mm512_add_epi32(c, d);
    b = _mm512_rol_epi32::<7>(_mm512_xor_si512(b, c));
    [a, b, c, d]
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn requantise(sums: &[[i32; COLUMNS]], salts: &[u32], words: &mut [u32], stride: usize) {
    requantise::requantise(sums, salts, words, stride);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn base(quads: &[Quad<COLUMNS>]) -> [i32; COLUMNS] {
    let sixteen = _mm512_set1_epi8(16);
    // Four sums for each vector, so that no instruction waits for the one before.
    let mut sums = [[_mm512_setzero_si512(); 2]; 4];
    for quads in quads.as_chunks::<4>().0 {
        for (sums, quad) in sums.iter_mut().zip(quads) {
            for (sum, weights) in sums.iter_mut().zip(halves(&quad.0)) {
                *sum = _mm512_dpbusd_epi32(*sum, sixteen, weights);
            }
        }
    }
    let mut base = [0; COLUMNS];
    for (half, out) in base.as_chunks_mut::<16>().0.iter_mut().enumerate() {
        let [a, b, c, d] = sums.map(|sums| sums[half]);
        let sum = _mm512_add_epi32(_mm512_add_epi32(a, b), _mm512_add_epi32(c, d));
        store(out, _mm512_sub_epi32(_mm512_setzero_si512(), sum));
    }
    base
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn tile(panel: &Panel<COLUMNS>, batch: &Batch, row: usize, sums: &mut [[i32; COLUMNS]]) {
    match sums.len() {
        1 => rows::<1>(panel, batch, row, sums),
        2 => rows::<2>(panel, batch, row, sums),
        3 => rows::<3>(panel, batch, row, sums),
        4 => rows::<4>(panel, batch, row, sums),
        5 => rows::<5>(panel, batch, row, sums),
        6 => rows::<6>(panel, batch, row, sums),
        7 => rows::<7>(panel, batch, row, sums),
        8 => rows::<8>(panel, batch, row, sums),
        9 => rows::<9>(panel, batch, row, sums),
        10 => rows::<10>(panel, batch, row, sums),
        11 => rows::<11>(panel, batch, row, sums),
        _ => rows::<12>(panel, batch, row, sums),
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn rows<const R: usize>(panel: &Panel<COLUMNS>, batch: &Batch, row: usize, out: &mut [[i32; COLUMNS]]) {
    let mut sums = [halves(&panel.base); R];
    for (quad, words) in panel.quads.iter().zip(batch.words.chunks_exact(batch.rows)) {
        let Some(words) = words.get(row..).and_then(<[u32]>::first_chunk::<R>) else { return };
        let [left, right] = halves(&quad.0);
        for (sums, word) in sums.iter_mut().zip(words) {
            let inputs = _mm512_set1_epi32(word.cast_signed());
            sums[0] = _mm512_dpbusd_epi32(sums[0], inputs, left);
            sums[1] = _mm512_dpbusd_epi32(sums[1], inputs, right);
        }
    }
    for (out, sums) in out.iter_mut().zip(sums) {
        for (out, sum) in out.as_chunks_mut::<16>().0.iter_mut().zip(sums) {
            store(out, sum);
        }
    }
}

#[target_feature(enable = "avx512f")]
fn halves(lanes: &[i32; COLUMNS]) -> [__m512i; 2] {
    let halves = lanes.as_chunks::<16>().0;
    [load(&halves[0]), load(&halves[1])]
}

#[target_feature(enable = "avx512f")]
fn load(lanes: &[i32; 16]) -> __m512i {
    // SAFETY: 16 lanes of 4 readable bytes; the instruction asks for no alignment.
    unsafe { _mm512_loadu_si512(lanes.as_ptr().cast()) }
}

#[target_feature(enable = "avx512f")]
fn store(lanes: &mut [i32; 16], value: __m512i) {
    // SAFETY: 16 lanes of 4 writable bytes; the instruction asks for no alignment.
    unsafe { _mm512_storeu_si512(lanes.as_mut_ptr().cast(), value) }
}
