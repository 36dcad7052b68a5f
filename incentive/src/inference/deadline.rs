//! Deadlines of the tokens of one answer, and what a token is worth by the time at which it came.

use super::ONE;
use crate::policy::ModelPolicy;

/// log2(e) in [`ONE`]ths: turns a power of e into one of 2.
const LOG2_E: u128 = 94_548;

/// When token number `index` (from 0) of an answer is due: `A + B·prompt + C·index`.
#[must_use]
pub fn deadline_us(model: &ModelPolicy, prompt_tokens: u32, index: u32) -> u64 {
    let (first, prompt, token) =
        (u64::from(model.first_ms) * 1000, u64::from(model.prompt_us), u64::from(model.token_us));
    first + prompt * u64::from(prompt_tokens) + token * u64::from(index)
}

/// What the tokens of one answer are worth together, in [`ONE`]ths of a token.
///
/// A token that is there by its deadline is worth [`ONE`], one that is late by `x` times the time of a token about `e^-x`,
/// one that is missing nothing. `arrivals_us` are those of the tokens that were found right, in their order, each with the
/// time of the last byte of its chunk; they never fall, for a token that is shown before its forerunner cannot be used
/// (the running maximum is taken). At most `expected` of them count. So earlier never hurts, and a pause, a burst, or
/// tokens that are not the model's own gain nothing.
///
/// `until_us` is the end of the time that is paid, on the same clock: tokens after it are worth nothing. Token number `i`
/// counts as arrived at `i · fastest_us` at the earliest, so that an answer never has more than
/// `until_us / fastest_us + 1` of them. With [`free_us`] for the requests that follow each other this pays no stream for
/// more than one token in `fastest_us`, however fast it is, and never less for being fast.
#[must_use]
pub fn credit(model: &ModelPolicy, prompt_tokens: u32, arrivals_us: &[u64], expected: u32, until_us: u64) -> u64 {
    let mut now = 0;
    (0..expected)
        .zip(arrivals_us)
        .map(|(index, &arrival)| {
            now = arrival.max(now);
            if now.max(earliest_us(model, index)) >= until_us {
                return 0;
            }
            let late = now.saturating_sub(deadline_us(model, prompt_tokens, index));
            u64::from(decay(late, model.token_us))
        })
        .sum()
}

/// Credits as a share of all that was expected, in [`ONE`]ths: what a probe adds to [`super::gate`]. Nothing expected is
/// nothing served.
#[must_use]
pub fn credit_share(credit: u64, expected: u32) -> u32 {
    let share = credit.checked_div(u64::from(expected)).unwrap_or(0);
    u32::try_from(share).unwrap_or(ONE).min(ONE)
}

/// When a stream is asked again at the earliest, after an answer of so many tokens, on the clock of that answer: the time
/// that the fastest device of the field takes for them.
#[must_use]
pub fn free_us(model: &ModelPolicy, tokens: u32) -> u64 {
    earliest_us(model, tokens)
}

/// Whether an answer was there sooner than any device of the field can have computed it: a reason to look at more of them,
/// and no fault (an answer may be known by heart only to whoever asked for it before).
///
/// The clock runs from the request, so a network that holds bytes back and lets them go at once does not look fast.
#[must_use]
pub fn too_fast(model: &ModelPolicy, arrivals_us: &[u64]) -> bool {
    let Some(last) = arrivals_us.iter().max() else { return false };
    let tokens = u32::try_from(arrivals_us.len()).unwrap_or(u32::MAX);
    *last < earliest_us(model, tokens - 1)
}

fn earliest_us(model: &ModelPolicy, index: u32) -> u64 {
    u64::from(model.fastest_us) * u64::from(index)
}

/// `e^-(late/token)` in [`ONE`]ths: exact where it halves (each ln 2 of a token's time), a straight line between, which is
/// at most 6.2 % above the curve. Never rises with `late`.
fn decay(late_us: u64, token_us: u32) -> u32 {
    if late_us == 0 {
        return ONE;
    }
    let Some(halvings) = (u128::from(late_us) * LOG2_E).checked_div(u128::from(token_us)) else { return 0 };
    let (whole, rest) = (halvings >> ONE.ilog2(), halvings as u32 % ONE);
    let shift = u32::try_from(whole).unwrap_or(u32::MAX).saturating_add(1);
    (2 * ONE - rest).checked_shr(shift).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lateness_decays_like_a_power_of_e() {
        let mut last = ONE;
        for late in 0..2_000_000_u64 {
            let late = late / 2;
            let value = decay(late, 50_000);
            let exact = f64::from(ONE) * (-(late as f64) / 50_000.0).exp();
            assert!(value <= last, "{late}");
            assert!((-2.0..=1.0 + exact * 0.062).contains(&(f64::from(value) - exact)), "{late}: {value}, {exact}");
            last = value;
        }
        assert_eq!((decay(u64::MAX, 1), decay(1, 0), decay(0, 0)), (0, 0, ONE));
    }
}
