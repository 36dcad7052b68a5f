//! Sixteen numbers at once, for the arithmetic of models: one trait, three instruction sets.
//!
//! A kernel is written once against [`Wide`] as a [`Work`] whose methods are all `#[inline(always)]`; [`Wide::run`]
//! compiles it for its instructions. The order of every sum is fixed by the kernel, so that one set gives the same bits
//! for any number of threads and rows; sets differ from each other in the last place, as not all fuse product and sum.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

use crate::compute::Path;

/// How many numbers stand side by side.
pub(crate) const LANES: usize = 16;

/// Sixteen f32 in one cache line.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(align(64))]
pub(crate) struct Floats(pub [f32; LANES]);

/// Sixteen numbers of 16 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(align(32))]
pub(crate) struct Halves(pub [u16; LANES]);

/// Four bytes for each of sixteen lanes, or eight half bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(align(64))]
pub(crate) struct Quads(pub [u8; 4 * LANES]);

impl Default for Quads {
    fn default() -> Self {
        Self([0; 4 * LANES])
    }
}

/// Something to compute on whatever instructions there are. Its method is to be `#[inline(always)]`.
pub(crate) trait Work {
    type Out;
    fn on<W: Wide>(self, wide: W) -> Self::Out;
}

/// One instruction set. A value of such a type exists only where the instructions do.
pub(crate) trait Wide: Copy + Send + Sync {
    /// Sixteen f32.
    type F: Copy;
    /// Sixteen i32.
    type I: Copy;
    /// Sixteen times four unsigned bytes.
    type B: Copy;

    /// Rows of the largest tile whose sums stay in registers.
    const ROWS: usize;

    fn run<W: Work>(self, work: W) -> W::Out;

    fn splat(self, value: f32) -> Self::F;
    fn load(self, from: &Floats) -> Self::F;
    fn store(self, value: Self::F, to: &mut Floats);
    fn add(self, a: Self::F, b: Self::F) -> Self::F;
    fn sub(self, a: Self::F, b: Self::F) -> Self::F;
    fn mul(self, a: Self::F, b: Self::F) -> Self::F;
    fn div(self, a: Self::F, b: Self::F) -> Self::F;
    fn max(self, a: Self::F, b: Self::F) -> Self::F;
    fn min(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a · b + c`, rounded once where the instruction exists.
    fn fma(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// To the nearest integer, ties to even.
    fn round(self, a: Self::F) -> Self::F;
    /// `a · 2^n` for integral n within ±126.
    fn scale(self, a: Self::F, n: Self::F) -> Self::F;

    /// From bf16.
    fn bfloats(self, from: &Halves) -> Self::F;
    /// From f16.
    fn halves(self, from: &Halves) -> Self::F;
    /// From unsigned bytes.
    fn bytes(self, from: &[u8; LANES]) -> Self::F;
    /// Rounded to the nearest, ties to even; within ±127.
    fn narrow(self, a: Self::F) -> [i8; LANES];

    fn quads(self, from: &Quads) -> Self::B;
    /// The lower half of every byte.
    fn low(self, b: Self::B) -> Self::B;
    /// The upper half of every byte.
    fn high(self, b: Self::B) -> Self::B;
    fn splat_int(self, value: i32) -> Self::I;
    /// Adds to each lane its four bytes times the four signed bytes of `x`.
    fn dot(self, sum: Self::I, b: Self::B, x: i32) -> Self::I;
    fn to_float(self, a: Self::I) -> Self::F;

    /// e^a, within two units in the last place; the polynomial of the Cephes library.
    #[inline(always)]
    fn exp(self, a: Self::F) -> Self::F {
        let a = self.max(self.min(a, self.splat(88.0)), self.splat(-87.0));
        let n = self.round(self.mul(a, self.splat(std::f32::consts::LOG2_E)));
        let r = self.fma(n, self.splat(-0.693_359_4), a);
        let r = self.fma(n, self.splat(2.121_944_4e-4), r);
        let mut p = self.splat(1.987_569_1e-4);
        for c in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
            p = self.fma(p, r, self.splat(c));
        }
        let p = self.add(self.fma(self.mul(p, r), r, r), self.splat(1.0));
        self.scale(p, n)
    }
}

/// The widest instructions of this machine.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unit {
    #[cfg(target_arch = "x86_64")]
    Avx512(super::avx512::Avx512),
    #[cfg(target_arch = "x86_64")]
    Avx2(avx2::Avx2),
    Portable(portable::Portable),
}

impl Unit {
    /// What this machine has, widest first.
    pub(crate) fn all() -> Vec<Self> {
        Path::ALL.into_iter().filter_map(Self::detect).collect()
    }

    /// The instructions of a path, if this machine has them.
    pub(crate) fn detect(path: Path) -> Option<Self> {
        match path {
            #[cfg(target_arch = "x86_64")]
            Path::Avx512Vnni => super::avx512::Avx512::detect().map(Self::Avx512),
            #[cfg(target_arch = "x86_64")]
            Path::Avx2 => avx2::Avx2::detect().map(Self::Avx2),
            Path::Portable => Some(Self::Portable(portable::Portable)),
            #[cfg(not(target_arch = "x86_64"))]
            Path::Avx512Vnni | Path::Avx2 => None,
        }
    }

    /// The widest.
    pub(crate) fn best() -> Self {
        Self::all()[0]
    }

    /// Rows of the largest tile.
    pub(crate) const fn rows(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => <super::avx512::Avx512 as Wide>::ROWS,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => <avx2::Avx2 as Wide>::ROWS,
            Self::Portable(_) => <portable::Portable as Wide>::ROWS,
        }
    }

    /// Does the work on these instructions.
    pub(crate) fn run<W: Work>(self, work: W) -> W::Out {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(wide) => wide.run(work),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(wide) => wide.run(work),
            Self::Portable(wide) => wide.run(work),
        }
    }
}
