//! Tokens that arrived in time become a score.
//!
//! Time is the validator's monotonic clock in microseconds since it began to write the request. Nothing is subtracted for
//! a distance: a near miner could claim it too. Shares and credits are fractions of [`ONE`].

use crate::policy::ModelPolicy;
use crate::units::Score;

/// 1 in 16 binary digits behind the point.
pub const ONE: u32 = 1 << 16;

/// When token number `index` (from 0) of an answer is due: `A + B·prompt + C·index`.
#[must_use]
pub fn deadline_us(model: &ModelPolicy, prompt_tokens: u32, index: u32) -> u64 {
    let (first, prompt, token) = (u64::from(model.first_ms) * 1000, u64::from(model.prompt_us), u64::from(model.token_us));
    first + prompt * u64::from(prompt_tokens) + token * u64::from(index)
}
