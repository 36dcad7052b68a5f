//! What a number of observations allows to say: bounds of shares, and how far a tail reaches. Confidence is 95 % throughout.

/// What is left to chance when a bound is stated.
const DOUBT: f64 = 0.05;

/// The largest share that events may have where `seen` of `among` observations showed one (Clopper and Pearson, one-sided).
/// Where none did it is the rule of three: about 3 / `among`.
#[must_use]
pub fn share_at_most(seen: u64, among: u64) -> f64 {
    upper(seen, among, DOUBT)
}

/// Between which shares it lies, both sides together with 95 %.
#[must_use]
pub fn share_between(seen: u64, among: u64) -> (f64, f64) {
    let missed = among.saturating_sub(seen);
    (1.0 - upper(missed, among, DOUBT / 2.0), upper(seen, among, DOUBT / 2.0))
}

/// How many of `among` observations may show the event so that its share is at most `share` all the same; `None` where even
/// none of them is not enough.
#[must_use]
pub fn allowed(among: u64, share: f64) -> Option<u64> {
    if share_at_most(0, among) > share {
        return None;
    }
    // Bounds grow with what is seen, so halving finds the last one that holds.
    let (mut holds, mut fails) = (0, among);
    while holds + 1 < fails {
        let middle = holds.midpoint(fails);
        if share_at_most(middle, among) <= share { holds = middle } else { fails = middle }
    }
    Some(holds)
}

/// Observations without an event that bound its share by `share`.
#[must_use]
pub fn needed(share: f64) -> u64 {
    (DOUBT.ln() / (-share).ln_1p()).ceil() as u64
}

/// A value that is exceeded with the probability `chance` at most, for values whose tail falls at least as fast as an
/// exponential one. The largest twentieth of `values` gives the rate of fall, at the safe end of its confidence interval.
/// `None` for fewer than 40 values.
#[must_use]
pub fn beyond(values: &[u32], chance: f64) -> Option<f64> {
    let count = (values.len() / 20).clamp(20, 500);
    if values.len() < 2 * count {
        return None;
    }
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(|a, b| b.cmp(a));
    let from = f64::from(sorted[count]);
    let excess: f64 = sorted[..count].iter().map(|value| f64::from(*value) - from).sum();
    let mean = 2.0 * excess / chi_square_low(2 * count);
    let share = count as f64 / values.len() as f64;
    Some((from + mean * (share / chance).ln().max(0.0)).max(f64::from(sorted[0])))
}

/// A number of events that is exceeded with the probability `chance` at most, where `rate` are to be expected (Poisson).
#[must_use]
pub fn events_beyond(rate: f64, chance: f64) -> u32 {
    let (mut term, mut left) = ((-rate).exp(), -(-rate).exp_m1());
    let mut events = 0;
    while left > chance && events < 1000 {
        events += 1;
        term *= rate / f64::from(events);
        left -= term;
    }
    events
}

/// The value under which a chi-square variable of so many degrees of freedom lies with 5 % (Wilson and Hilferty; within
/// 1 % from 20 degrees on).
fn chi_square_low(degrees: usize) -> f64 {
    let (degrees, normal) = (degrees as f64, -1.644_853_627);
    let part = 2.0 / (9.0 * degrees);
    degrees * (1.0 - part + normal * part.sqrt()).powi(3)
}

/// The share at which `seen` events or fewer have the probability `doubt`.
fn upper(seen: u64, among: u64, doubt: f64) -> f64 {
    if seen >= among {
        return 1.0;
    }
    let (mut low, mut high) = (seen as f64 / among as f64, 1.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if at_most(seen, among, middle) > doubt { low = middle } else { high = middle }
    }
    high
}

/// The probability of at most `seen` events among so many, each with probability `share`: terms of the binomial law, as
/// logarithms because they leave the range of floats.
fn at_most(seen: u64, among: u64, share: f64) -> f64 {
    let (yes, no) = (share.ln(), (-share).ln_1p());
    let mut term = among as f64 * no;
    let mut sum = term.exp();
    for events in 0..seen {
        term += ((among - events) as f64 / (events + 1) as f64).ln() + yes - no;
        sum += term.exp();
    }
    sum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Tables of Clopper and Pearson's bounds (R: `binom.test`, `qbeta`).
    #[test]
    fn shares_are_those_of_the_tables() {
        let near = |value: f64, expected: f64| assert!((value / expected - 1.0).abs() < 1e-4, "{value}, not {expected}");
        near(share_at_most(0, 2995), 0.000_999_74);
        near(share_at_most(0, 300), 0.009_936_1);
        near(share_at_most(1, 10), 0.394_163);
        near(share_at_most(5, 100), 0.102_253);
        let (low, high) = share_between(5, 100);
        near(low, 0.016_432);
        near(high, 0.112_835);
        assert_eq!(share_between(10, 10).1, 1.0);
        assert_eq!(share_between(0, 10).0, 0.0);
    }

    #[test]
    fn a_thousandth_needs_2995_blocks() {
        assert_eq!(needed(1e-3), 2995);
        assert_eq!(needed(1e-2), 299);
        assert_eq!(allowed(2995, 1e-3), Some(0));
        assert_eq!(allowed(2994, 1e-3), None, "one less does not do");
        // 4742 observations with one event bound it by the same.
        assert_eq!((allowed(4741, 1e-3), allowed(4742, 1e-3)), (Some(0), Some(1)));
    }

    #[test]
    fn an_exponential_tail_reaches_where_it_should() {
        // Quantiles of an exponential law of mean 1000.
        let values: Vec<u32> = (1..=4000).map(|i| (-1000.0 * (f64::from(i) / 4001.0).ln()) as u32).collect();
        let exact = -1000.0 * 1e-6f64.ln();
        let found = beyond(&values, 1e-6).expect("many values");
        assert!((exact..exact * 1.15).contains(&found), "{found} for {exact}: a little more, never less");
        assert_eq!(beyond(&values[..39], 1e-6), None);
        assert_eq!(beyond(&[7; 100], 1e-6), Some(7.0), "what does not vary has no tail");
    }

    #[test]
    fn rare_events_come_together_as_poisson_says() {
        // P(more than 1) = 5.0e-7 at a rate of 0.001, and P(more than 0) = 1.0e-3.
        assert_eq!([1e-2, 1e-3, 1e-6, 1e-10].map(|chance| events_beyond(0.001, chance)), [0, 0, 1, 3]);
        assert_eq!(events_beyond(0.0, 1e-6), 0);
        // P(more than 11) = 1.4e-6 and P(more than 12) = 2.1e-7 at a rate of 2.
        assert_eq!(events_beyond(2.0, 1e-6), 12);
    }

    proptest! {
        #[test]
        fn bounds_cover_what_was_seen(among in 1u64..300, part in 0.0..1.0f64) {
            let seen = (among as f64 * part) as u64;
            let (low, high) = share_between(seen, among);
            let share = seen as f64 / among as f64;
            prop_assert!(low <= share && share <= high && share <= share_at_most(seen, among));
            prop_assert!(share_at_most(seen, among) <= high + 1e-12, "one side is nearer than two");
            prop_assert!(share_at_most(seen, among + 1) <= share_at_most(seen, among) + 1e-12);
        }
    }
}
