//! Which entries are the largest.

/// Everything but the sign: patterns without it are in the order of their magnitudes, NaN above all.
const MAGNITUDE: u16 = 0x7fff;

/// The indices of the `k` entries of the largest magnitude, ascending; of equal ones the lower index is kept.
#[must_use]
pub fn largest(rows: &[u16], k: usize) -> Vec<u32> {
    let k = k.min(rows.len());
    if k == 0 {
        return Vec::new();
    }
    // A number that is smaller the larger the entry is and the lower its index.
    let rank = |(index, entry): (u32, &u16)| u64::from(MAGNITUDE - (entry & MAGNITUDE)) << 32 | u64::from(index);
    let mut ranks: Vec<u64> = (0..).zip(rows).map(rank).collect();
    ranks.select_nth_unstable(k - 1);
    ranks.truncate(k);
    let mut indices: Vec<u32> = ranks.into_iter().map(|rank| rank as u32).collect();
    indices.sort_unstable();
    indices
}
