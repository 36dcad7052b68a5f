//! Sixteen lanes in one register.
#![allow(unsafe_code, reason = "instructions that the compiler cannot know to be there")]

use std::arch::x86_64::*;

use super::{Floats, Halves, LANES, Quads, Wide, Work};
use crate::compute::simd::avx512::Avx512;

/// Calls an intrinsic on behalf of a value that proves it to be there.
macro_rules! have {
    ($call:expr) => {
        // SAFETY: `self` exists, so `detect` found the instructions; pointers come from references to whole arrays.
        unsafe { $call }
    };
}

impl Wide for Avx512 {
    type F = __m512;
    type I = __m512i;
    type B = __m512i;

    const ROWS: usize = 12;

    fn run<W: Work>(self, work: W) -> W::Out {
        have!(run(self, work))
    }

    #[inline(always)]
    fn splat(self, value: f32) -> __m512 {
        have!(_mm512_set1_ps(value))
    }
    #[inline(always)]
    fn load(self, from: &Floats) -> __m512 {
        have!(_mm512_loadu_ps(from.0.as_ptr()))
    }
    #[inline(always)]
    fn store(self, value: __m512, to: &mut Floats) {
        have!(_mm512_storeu_ps(to.0.as_mut_ptr(), value));
    }
    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        have!(_mm512_add_ps(a, b))
    }
    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        have!(_mm512_sub_ps(a, b))
    }
    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        have!(_mm512_mul_ps(a, b))
    }
    #[inline(always)]
    fn div(self, a: __m512, b: __m512) -> __m512 {
        have!(_mm512_div_ps(a, b))
    }
    #[inline(always)]
    fn max(self, a: __m512, b: __m512) -> __m512 {
        have!(_mm512_max_ps(a, b))
    }
    #[inline(always)]
    fn min(self, a: __m512, b: __m512) -> __m512 {
        have!(_mm512_min_ps(a, b))
    }
    #[inline(always)]
    fn fma(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        have!(_mm512_fmadd_ps(a, b, c))
    }
    #[inline(always)]
    fn round(self, a: __m512) -> __m512 {
        have!(_mm512_roundscale_ps::<0>(a))
    }
    #[inline(always)]
    fn scale(self, a: __m512, n: __m512) -> __m512 {
        have!(_mm512_scalef_ps(a, n))
    }

    #[inline(always)]
    fn bfloats(self, from: &Halves) -> __m512 {
        have!({
            let words = _mm256_loadu_si256(from.0.as_ptr().cast());
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(words)))
        })
    }
    #[inline(always)]
    fn halves(self, from: &Halves) -> __m512 {
        have!(_mm512_cvtph_ps(_mm256_loadu_si256(from.0.as_ptr().cast())))
    }
    #[inline(always)]
    fn bytes(self, from: &[u8; LANES]) -> __m512 {
        have!(_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(from.as_ptr().cast()))))
    }
    #[inline(always)]
    fn narrow(self, a: __m512) -> [i8; LANES] {
        let mut out = [0_i8; LANES];
        have!(_mm_storeu_si128(out.as_mut_ptr().cast(), _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(a))));
        out
    }

    #[inline(always)]
    fn quads(self, from: &Quads) -> __m512i {
        have!(_mm512_loadu_si512(from.0.as_ptr().cast()))
    }
    #[inline(always)]
    fn low(self, b: __m512i) -> __m512i {
        have!(_mm512_and_si512(b, _mm512_set1_epi8(15)))
    }
    #[inline(always)]
    fn high(self, b: __m512i) -> __m512i {
        have!(_mm512_and_si512(_mm512_srli_epi16::<4>(b), _mm512_set1_epi8(15)))
    }
    #[inline(always)]
    fn splat_int(self, value: i32) -> __m512i {
        have!(_mm512_set1_epi32(value))
    }
    #[inline(always)]
    fn dot(self, sum: __m512i, b: __m512i, x: i32) -> __m512i {
        have!(_mm512_dpbusd_epi32(sum, b, _mm512_set1_epi32(x)))
    }
    #[inline(always)]
    fn to_float(self, a: __m512i) -> __m512 {
        have!(_mm512_cvtepi32_ps(a))
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,avx2,fma,f16c")]
fn run<W: Work>(wide: Avx512, work: W) -> W::Out {
    work.on(wide)
}
