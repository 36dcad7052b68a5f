//! Rows that are derived and not stored, as `vectors/fingerprint.py` and the reference data derive theirs.

use proof::fingerprint::bf16;

/// Output `n` of SplitMix64 from `seed`.
pub fn splitmix(seed: u64, n: u64) -> u64 {
    let z = seed.wrapping_add((n + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ z >> 31
}

/// The sum of four 16-bit numbers, from about -4 to 4, a bell.
fn bell(r: u64) -> f32 {
    let sum: u64 = (0..4).map(|lane| r >> (16 * lane) & 0xffff).sum();
    (sum as f32 - 131_070.0) / 32_768.0
}

/// `count` rows of this kind.
pub fn rows(kind: &str, seed: u64, count: usize, hidden: usize) -> Vec<u16> {
    let entry = |n: usize| {
        let r = splitmix(seed, n as u64);
        let sign = (r >> 63 << 15) as u16;
        let mantissa = (r >> 32 & 127) as u16;
        match kind {
            "wide" => sign | (110 + (!r | 1 << 24).trailing_zeros() as u16) << 7 | mantissa,
            "heavy" => sign | (120 + (r & 0xf_ffff | 1 << 20).trailing_zeros() as u16) << 7 | mantissa,
            "bell" | "sum4" => bf16(bell(r)),
            "outlier" if n % hidden % (hidden / 4) == 17 => bf16(bell(r) * 32.0),
            "outlier" => bf16(bell(r)),
            "any" => r as u16,
            "nan" => 0xff80 | (r & 127) as u16,
            "flat" => [0x3f80, 0xbf80, 0x4000, 0x3f81][(r & 3) as usize],
            _ => panic!("{kind}"),
        }
    };
    (0..count * hidden).map(entry).collect()
}

/// An entry whose magnitude, as a pattern, is moved by `step` and stays finite.
pub fn moved(entry: u16, step: i32) -> u16 {
    entry & 0x8000 | (i32::from(entry & 0x7fff) + step).clamp(0, 0x7f7f) as u16
}

/// The value of a pattern.
pub fn wide(pattern: u16) -> f32 {
    f32::from_bits(u32::from(pattern) << 16)
}
