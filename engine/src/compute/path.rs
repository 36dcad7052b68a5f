//! Which instructions a kernel uses.

use std::fmt;

/// A way through the processor. All of them give the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// Sums of four products in one instruction, 16 columns at once.
    Avx512Vnni,
    /// Sums of two products in one instruction, 8 columns at once.
    Avx2,
    /// The portable kernel of [`proof`], whatever the compiler makes of it.
    Portable,
}

impl Path {
    /// Every path, fastest first.
    pub const ALL: [Self; 3] = [Self::Avx512Vnni, Self::Avx2, Self::Portable];

    /// The fastest path of this machine.
    #[must_use]
    pub fn best() -> Self {
        Self::ALL.into_iter().find(|path| path.is_available()).unwrap_or(Self::Portable)
    }

    /// Whether this machine has the instructions, and its system keeps their registers.
    #[must_use]
    pub fn is_available(self) -> bool {
        crate::compute::simd::Unit::detect(self).is_some()
    }

    /// As it is shown.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Avx512Vnni => "avx512-vnni",
            Self::Avx2 => "avx2",
            Self::Portable => "portable",
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
