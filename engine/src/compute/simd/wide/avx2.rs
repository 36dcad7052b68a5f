//! Sixteen lanes in two registers.
#![allow(unsafe_code, reason = "instructions that the compiler cannot know to be there")]

use std::arch::x86_64::*;
use std::array::from_fn;

use super::{Floats, Halves, LANES, Quads, Wide, Work};

/// Proof that the processor has AVX2, fused products and sums, and f16.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx2(());

impl Avx2 {
    pub(super) fn detect() -> Option<Self> {
        let found =
            is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c");
        found.then_some(Self(()))
    }
}

/// Calls an intrinsic on behalf of a value that proves it to be there.
macro_rules! have {
    ($call:expr) => {
        // SAFETY: `self` exists, so `detect` found the instructions; pointers come from references to whole arrays.
        unsafe { $call }
    };
}

/// The same instruction for both halves.
macro_rules! both {
    ($index:ident => $call:expr) => {
        have!([
            {
                let $index = 0;
                $call
            },
            {
                let $index = 1;
                $call
            }
        ])
    };
}

impl Wide for Avx2 {
    type F = [__m256; 2];
    type I = [__m256i; 2];
    type B = [__m256i; 2];

    const ROWS: usize = 4;

    fn run<W: Work>(self, work: W) -> W::Out {
        have!(run(self, work))
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Self::F {
        have!([_mm256_set1_ps(value); 2])
    }
    #[inline(always)]
    fn load(self, from: &Floats) -> Self::F {
        let halves: [&[f32; 8]; 2] = from_fn(|i| &from.0.as_chunks::<8>().0[i]);
        both!(i => _mm256_loadu_ps(halves[i].as_ptr()))
    }
    #[inline(always)]
    fn store(self, value: Self::F, to: &mut Floats) {
        for (half, value) in to.0.as_chunks_mut::<8>().0.iter_mut().zip(value) {
            have!(_mm256_storeu_ps(half.as_mut_ptr(), value));
        }
    }
    #[inline(always)]
    fn add(self, a: Self::F, b: Self::F) -> Self::F {
        both!(i => _mm256_add_ps(a[i], b[i]))
    }
    #[inline(always)]
    fn sub(self, a: Self::F, b: Self::F) -> Self::F {
        both!(i => _mm256_sub_ps(a[i], b[i]))
    }
    #[inline(always)]
    fn mul(self, a: Self::F, b: Self::F) -> Self::F {
        both!(i => _mm256_mul_ps(a[i], b[i]))
    }
    #[inline(always)]
    fn div(self, a: Self::F, b: Self::F) -> Self::F {
        both!(i => _mm256_div_ps(a[i], b[i]))
    }
    #[inline(always)]
    fn max(self, a: Self::F, b: Self::F) -> Self::F {
        both!(i => _mm256_max_ps(a[i], b[i]))
    }
    #[inline(always)]
    fn min(self, a: Self::F, b: Self::F) -> Self::F {
        both!(i => _mm256_min_ps(a[i], b[i]))
    }
    #[inline(always)]
    fn fma(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        both!(i => _mm256_fmadd_ps(a[i], b[i], c[i]))
    }
    #[inline(always)]
    fn round(self, a: Self::F) -> Self::F {
        both!(i => _mm256_round_ps::<8>(a[i]))
    }
    #[inline(always)]
    fn scale(self, a: Self::F, n: Self::F) -> Self::F {
        both!(i => {
            let exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n[i]), _mm256_set1_epi32(127));
            _mm256_mul_ps(a[i], _mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponent)))
        })
    }

    #[inline(always)]
    fn bfloats(self, from: &Halves) -> Self::F {
        let halves: [&[u16; 8]; 2] = from_fn(|i| &from.0.as_chunks::<8>().0[i]);
        both!(i => {
            let words = _mm_loadu_si128(halves[i].as_ptr().cast());
            _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(words)))
        })
    }
    #[inline(always)]
    fn halves(self, from: &Halves) -> Self::F {
        let halves: [&[u16; 8]; 2] = from_fn(|i| &from.0.as_chunks::<8>().0[i]);
        both!(i => _mm256_cvtph_ps(_mm_loadu_si128(halves[i].as_ptr().cast())))
    }
    #[inline(always)]
    fn bytes(self, from: &[u8; LANES]) -> Self::F {
        let floats = Floats(from.map(f32::from));
        self.load(&floats)
    }
    #[inline(always)]
    fn narrow(self, a: Self::F) -> [i8; LANES] {
        let mut words = [[0_i32; 8]; 2];
        for (words, a) in words.iter_mut().zip(a) {
            have!(_mm256_storeu_si256(words.as_mut_ptr().cast(), _mm256_cvtps_epi32(a)));
        }
        from_fn(|i| words[i / 8][i % 8] as i8)
    }

    #[inline(always)]
    fn quads(self, from: &Quads) -> Self::B {
        let halves: [&[u8; 32]; 2] = from_fn(|i| &from.0.as_chunks::<32>().0[i]);
        both!(i => _mm256_loadu_si256(halves[i].as_ptr().cast()))
    }
    #[inline(always)]
    fn low(self, b: Self::B) -> Self::B {
        both!(i => _mm256_and_si256(b[i], _mm256_set1_epi8(15)))
    }
    #[inline(always)]
    fn high(self, b: Self::B) -> Self::B {
        both!(i => _mm256_and_si256(_mm256_srli_epi16::<4>(b[i]), _mm256_set1_epi8(15)))
    }
    #[inline(always)]
    fn splat_int(self, value: i32) -> Self::I {
        have!([_mm256_set1_epi32(value); 2])
    }
    /// Even and odd bytes apart as 16 bits: the instruction for bytes would saturate.
    #[inline(always)]
    fn dot(self, sum: Self::I, b: Self::B, x: i32) -> Self::I {
        both!(i => {
            let x = _mm256_set1_epi32(x);
            let even = _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(x));
            let odd = _mm256_srai_epi16::<8>(x);
            let evens = _mm256_madd_epi16(_mm256_and_si256(b[i], _mm256_set1_epi16(255)), even);
            let odds = _mm256_madd_epi16(_mm256_srli_epi16::<8>(b[i]), odd);
            _mm256_add_epi32(sum[i], _mm256_add_epi32(evens, odds))
        })
    }
    #[inline(always)]
    fn to_float(self, a: Self::I) -> Self::F {
        both!(i => _mm256_cvtepi32_ps(a[i]))
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
fn run<W: Work>(wide: Avx2, work: W) -> W::Out {
    work.on(wide)
}
