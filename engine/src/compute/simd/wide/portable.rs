//! Sixteen lanes in an array, for any processor.

use std::array::from_fn;

use half::f16;

use super::{Floats, Halves, LANES, Quads, Wide, Work};

/// Needs no proof.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Portable;

impl Wide for Portable {
    type F = [f32; LANES];
    type I = [i32; LANES];
    type B = [u8; 4 * LANES];

    const ROWS: usize = 4;

    fn run<W: Work>(self, work: W) -> W::Out {
        work.on(self)
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Self::F {
        [value; LANES]
    }
    #[inline(always)]
    fn load(self, from: &Floats) -> Self::F {
        from.0
    }
    #[inline(always)]
    fn store(self, value: Self::F, to: &mut Floats) {
        to.0 = value;
    }
    #[inline(always)]
    fn add(self, a: Self::F, b: Self::F) -> Self::F {
        from_fn(|i| a[i] + b[i])
    }
    #[inline(always)]
    fn sub(self, a: Self::F, b: Self::F) -> Self::F {
        from_fn(|i| a[i] - b[i])
    }
    #[inline(always)]
    fn mul(self, a: Self::F, b: Self::F) -> Self::F {
        from_fn(|i| a[i] * b[i])
    }
    #[inline(always)]
    fn div(self, a: Self::F, b: Self::F) -> Self::F {
        from_fn(|i| a[i] / b[i])
    }
    #[inline(always)]
    fn max(self, a: Self::F, b: Self::F) -> Self::F {
        from_fn(|i| if a[i] > b[i] { a[i] } else { b[i] })
    }
    #[inline(always)]
    fn min(self, a: Self::F, b: Self::F) -> Self::F {
        from_fn(|i| if a[i] < b[i] { a[i] } else { b[i] })
    }
    #[inline(always)]
    fn fma(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        from_fn(|i| a[i] * b[i] + c[i])
    }
    #[inline(always)]
    fn round(self, a: Self::F) -> Self::F {
        from_fn(|i| a[i].round_ties_even())
    }
    #[inline(always)]
    fn scale(self, a: Self::F, n: Self::F) -> Self::F {
        from_fn(|i| a[i] * f32::from_bits(((n[i] as i32 + 127) as u32) << 23))
    }

    #[inline(always)]
    fn bfloats(self, from: &Halves) -> Self::F {
        from.0.map(|word| f32::from_bits(u32::from(word) << 16))
    }
    #[inline(always)]
    fn halves(self, from: &Halves) -> Self::F {
        from.0.map(|word| f16::from_bits(word).to_f32())
    }
    #[inline(always)]
    fn bytes(self, from: &[u8; LANES]) -> Self::F {
        from.map(f32::from)
    }
    #[inline(always)]
    fn narrow(self, a: Self::F) -> [i8; LANES] {
        a.map(|a| a.round_ties_even() as i8)
    }

    #[inline(always)]
    fn quads(self, from: &Quads) -> Self::B {
        from.0
    }
    #[inline(always)]
    fn low(self, b: Self::B) -> Self::B {
        b.map(|b| b & 15)
    }
    #[inline(always)]
    fn high(self, b: Self::B) -> Self::B {
        b.map(|b| b >> 4)
    }
    #[inline(always)]
    fn splat_int(self, value: i32) -> Self::I {
        [value; LANES]
    }
    #[inline(always)]
    fn dot(self, sum: Self::I, b: Self::B, x: i32) -> Self::I {
        let x = x.to_le_bytes().map(u8::cast_signed);
        from_fn(|lane| (0..4).fold(sum[lane], |sum, i| sum + i32::from(b[4 * lane + i]) * i32::from(x[i])))
    }
    #[inline(always)]
    fn to_float(self, a: Self::I) -> Self::F {
        a.map(|a| a as f32)
    }
}
