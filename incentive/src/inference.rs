//! Tokens that arrived in time become a score.
//!
//! Time is the validator's monotonic clock in microseconds since it began to write the request. Nothing is subtracted for
//! a distance: a near miner could claim it too. Shares and credits are fractions of [`ONE`].
//!
//! - [`credit`]: tokens of one answer against their deadlines, at most as fast as any device of the field
//! - [`Ramp`]: how many answers one hotkey is asked for at once
//! - [`gate`]: what probes between the windows leave of the pay
//! - [`score`]: credits of the hold time become tokens per second

mod deadline;
mod gate;
mod ramp;
#[cfg(test)]
mod tests;

pub use deadline::{credit, credit_share, deadline_us, free_us, too_fast};
pub use gate::gate;
pub use ramp::{Ramp, share, step_ms};

use crate::units::Score;

/// 1 in 16 binary digits behind the point.
pub const ONE: u32 = 1 << 16;

/// Thousandths of a token per second: `credits` (in [`ONE`]ths of a token) of all answers of a hotkey that were begun in
/// the hold time, over that time, times the `gate` (at most [`ONE`]), rounded down.
///
/// It is linear in the credits: an engine that works for several hotkeys earns for all together what it would have earned
/// for one, and loses what rounding takes (less than a thousandth for each). No time scores 0, and no score wraps.
#[must_use]
pub fn score(credits: u64, hold_ms: u32, gate: u32) -> Score {
    const MILLI_PER_MS: u128 = 1_000 * 1_000;
    let gated = u128::from(credits) * u128::from(gate.min(ONE));
    let time = u128::from(hold_ms) << (2 * ONE.ilog2());
    let score = (gated * MILLI_PER_MS).checked_div(time).unwrap_or(0);
    Score(u64::try_from(score).unwrap_or(u64::MAX))
}
