//! What probes between the windows leave of the pay.

use super::ONE;

/// A lower bound, with 95 % confidence, of the median of the probes' shares (each 0..=[`ONE`]), in any order.
///
/// A probe that failed (no answer, too late, wrong) comes in as 0, so that dropping it never helps. The bound is the k-th
/// smallest of n shares, where k is the largest number for which fewer than k of n fair coins show heads with a
/// probability of 5 % at most; with fewer than five shares nothing can be bounded and it is the smallest. Without any
/// probe it is [`ONE`]: the window has been measured and checked for itself, and a validator that could not probe has
/// learned nothing against anybody.
#[must_use]
pub fn gate(shares: &[u32]) -> u32 {
    let mut shares: Vec<u32> = shares.iter().map(|&share| share.min(ONE)).collect();
    shares.sort_unstable();
    shares.get(rank(shares.len()).saturating_sub(1)).copied().unwrap_or(ONE)
}

/// k: half of n less 1.645 standard deviations of n coins; 0 where n is too small. Equal to the binomial's for n up to 500
/// or one below it.
fn rank(shares: usize) -> usize {
    // (2 · 1.645 / 2)² = 2.706
    let spread = (shares.saturating_mul(2_706) / 1_000).isqrt() + 1;
    shares.saturating_sub(spread) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest k with P(heads < k) <= 5 %, from exact probabilities.
    fn exact(coins: u32) -> usize {
        let mut mass = 0.5_f64.powi(coins as i32);
        let mut below = 0.0;
        for heads in 0..coins {
            below += mass;
            if below > 0.05 {
                return heads as usize;
            }
            mass *= f64::from(coins - heads) / f64::from(heads + 1);
        }
        coins as usize
    }

    #[test]
    fn ranks_bound_the_median_with_confidence() {
        for coins in 1..=500 {
            let (rank, exact) = (rank(coins as usize), exact(coins));
            assert!(rank <= exact && exact <= rank + 1, "{coins}: {rank} for {exact}");
        }
    }
}
