//! Policies with a name.

use super::{ComputePolicy, Policy, ReputationPolicy, WindowPolicy};

impl Policy {
    /// The layout that this library understands.
    pub const VERSION: u32 = 2;
    /// The names that [`Policy::preset`] knows.
    pub const PRESETS: [&'static str; 2] = ["dev", "production"];

    /// The policy of that name: `dev` or `production`.
    #[must_use]
    pub fn preset(name: &str) -> Option<Self> {
        match name {
            "dev" => Some(Self::dev()),
            "production" => Some(Self::production()),
            _ => None,
        }
    }

    /// A whole subnet on one laptop: rounds of milliseconds on one core and windows of seconds.
    ///
    /// 32 openings let a miner that computes half of its rows pass one window with probability 2^-32 = 2.3e-10. A round
    /// is 268 million operations: hundreds of rounds in a window for each of ten miners on two busy cores with vector
    /// instructions, dozens without, and work rather than signatures decides how many.
    #[must_use]
    pub const fn dev() -> Self {
        Self {
            version: Self::VERSION,
            window: WindowPolicy {
                duration_ms: 2_500,
                allowance_ms: 150,
                reserve_blocks: 10,
                opening_deadline_ms: 2_500,
            },
            compute: ComputePolicy { width: 512, layers: 4, rows: 128, openings: 32, chains_max: 8, rounds_max: 4096 },
            reputation: ReputationPolicy { windows: 5, fraud_tempos: 50 },
            inference: None,
        }
    }

    /// GPUs on the public network, tempo 360 at 12 seconds a block.
    ///
    /// The allowance is that of a start which everybody derives from a public block, a thirtieth of the window. 48
    /// openings catch a tenth of missing rows with 99.4 %; the median of five windows leaves such a cheat nothing. The
    /// reserve is six minutes: one core checks 256 miners in about 20 seconds with AVX-512 VNNI and in a
    /// minute with AVX2 (`benches/RESULTS.md`). Portable code takes about ten minutes: more cores, or more blocks.
    #[must_use]
    pub const fn production() -> Self {
        Self {
            version: Self::VERSION,
            window: WindowPolicy {
                duration_ms: 30_000,
                allowance_ms: 1_000,
                reserve_blocks: 30,
                opening_deadline_ms: 10_000,
            },
            compute: ComputePolicy {
                width: 4096,
                layers: 32,
                rows: 16_384,
                openings: 48,
                chains_max: 64,
                rounds_max: 4096,
            },
            reputation: ReputationPolicy { windows: 5, fraud_tempos: 50 },
            inference: None,
        }
    }
}
