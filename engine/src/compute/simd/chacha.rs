//! What ChaCha8 is on every instruction set: lanes are blocks, a vector holds the same word of all of them.

/// The state before the first round; words 12 to 15 are the counter and a nonce of zero.
pub(super) fn begin(key: &[u32; 8]) -> [u32; 16] {
    let mut state = [0; 16];
    state[..4].copy_from_slice(&[0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574]);
    state[4..12].copy_from_slice(key);
    state
}

/// Block counters of `G` lanes: `first`, `first + apart`, …
pub(super) fn counters<const G: usize>(first: u32, apart: u32) -> [i32; G] {
    std::array::from_fn(|lane| first.wrapping_add(apart.wrapping_mul(lane as u32)).cast_signed())
}

/// Eight rounds over `$state`, an array of 16 vectors. `$quarter` is a function of four of them.
macro_rules! rounds {
    ($state:ident, $quarter:ident) => {
        for _ in 0..4 {
            super::chacha::rounds!($state, $quarter, [0 4 8 12] [1 5 9 13] [2 6 10 14] [3 7 11 15]);
            super::chacha::rounds!($state, $quarter, [0 5 10 15] [1 6 11 12] [2 7 8 13] [3 4 9 14]);
        }
    };
    ($state:ident, $quarter:ident, $([$a:literal $b:literal $c:literal $d:literal])*) => {
        $([$state[$a], $state[$b], $state[$c], $state[$d]] =
            $quarter($state[$a], $state[$b], $state[$c], $state[$d]);)*
    };
}
pub(super) use rounds;
