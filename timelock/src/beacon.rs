//! A beacon: who signs the rounds, since when and how often.

use crate::{Error, PublicKey};

/// The number of a beacon's round, from 1.
pub type Round = u64;

/// A drand beacon of scheme `bls-unchained-g1-rfc9380` (public key in G2, signatures in G1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beacon {
    /// The key that signs every round.
    pub public_key: PublicKey,
    /// When round 1 is published, unix seconds.
    pub genesis: u64,
    /// Seconds between two rounds; 0 counts as 1.
    pub period: u64,
}

/// The identity of drand's quicknet: the hash of its chain.
pub const QUICKNET_HASH: [u8; 32] = [
    0x52, 0xdb, 0x9b, 0xa7, 0x0e, 0x0c, 0xc0, 0xf6, 0xea, 0xf7, 0x80, 0x3d, 0xd0, 0x74, 0x47, 0xa1, 0xf5, 0x47, 0x77,
    0x35, 0xfd, 0x3f, 0x66, 0x17, 0x92, 0xba, 0x94, 0x60, 0x0c, 0x84, 0xe9, 0x71,
];

/// The key of drand's quicknet, compressed.
pub const QUICKNET_KEY: [u8; PublicKey::LEN] = [
    0x83, 0xcf, 0x0f, 0x28, 0x96, 0xad, 0xee, 0x7e, 0xb8, 0xb5, 0xf0, 0x1f, 0xca, 0xd3, 0x91, 0x22, 0x12, 0xc4, 0x37,
    0xe0, 0x07, 0x3e, 0x91, 0x1f, 0xb9, 0x00, 0x22, 0xd3, 0xe7, 0x60, 0x18, 0x3c, 0x8c, 0x4b, 0x45, 0x0b, 0x6a, 0x0a,
    0x6c, 0x3a, 0xc6, 0xa5, 0x77, 0x6a, 0x2d, 0x10, 0x64, 0x51, 0x0d, 0x1f, 0xec, 0x75, 0x8c, 0x92, 0x1c, 0xc2, 0x2b,
    0x0e, 0x17, 0xe6, 0x3a, 0xaf, 0x4b, 0xcb, 0x5e, 0xd6, 0x63, 0x04, 0xde, 0x9c, 0xf8, 0x09, 0xbd, 0x27, 0x4c, 0xa7,
    0x3b, 0xab, 0x4a, 0xf5, 0xa6, 0xe9, 0xc7, 0x6a, 0x4b, 0xc0, 0x9e, 0x76, 0xea, 0xe8, 0x99, 0x1e, 0xf5, 0xec, 0xe4,
    0x5a,
];

impl Beacon {
    /// Drand's quicknet (chain `52db9ba7…84e971`), which the public networks use.
    ///
    /// # Errors
    ///
    /// None in practice: the key is a constant, and goes through the check that every key does.
    pub fn quicknet() -> Result<Self, Error> {
        Ok(Self { public_key: PublicKey::from_bytes(&QUICKNET_KEY)?, genesis: 1_692_803_367, period: 3 })
    }

    /// The newest round that is published at `unix_seconds`; 0 before the first.
    #[must_use]
    pub fn round_at(&self, unix_seconds: u64) -> Round {
        match unix_seconds.checked_sub(self.genesis) {
            Some(age) => (age / self.period.max(1)).saturating_add(1),
            None => 0,
        }
    }

    /// When `round` is published, unix seconds.
    #[must_use]
    pub fn time_of(&self, round: Round) -> u64 {
        round.saturating_sub(1).saturating_mul(self.period.max(1)).saturating_add(self.genesis)
    }

    /// The round that a client names for a reveal at `unix_millis`: the one before [`Self::round_at`], at least 1, as
    /// `bittensor_core` computes it.
    #[must_use]
    pub fn reveal_round(&self, unix_millis: u64) -> Round {
        self.round_at(unix_millis / 1000).saturating_sub(1).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_and_times_agree() {
        let beacon = Beacon::quicknet().unwrap();
        assert_eq!(beacon.round_at(beacon.genesis - 1), 0);
        assert_eq!(beacon.round_at(beacon.genesis), 1);
        assert_eq!(beacon.round_at(beacon.genesis + 2), 1);
        assert_eq!(beacon.round_at(beacon.genesis + 3), 2);
        for round in [1, 2, 1000, 25_000_000] {
            assert_eq!(beacon.round_at(beacon.time_of(round)), round);
            assert_eq!(beacon.round_at(beacon.time_of(round) - 1), round - 1);
        }
    }

    #[test]
    fn a_reveal_names_a_round_that_is_out_by_then() {
        let beacon = Beacon::quicknet().unwrap();
        assert_eq!(beacon.reveal_round(0), 1);
        assert_eq!(beacon.reveal_round((beacon.genesis + 3_000) * 1000 + 999), 1000);
        assert_eq!(beacon.reveal_round((beacon.genesis + 2_999) * 1000 + 999), 999);
    }

    #[test]
    fn extremes_do_not_overflow() {
        let beacon = Beacon { period: 0, genesis: u64::MAX, ..Beacon::quicknet().unwrap() };
        assert_eq!(beacon.time_of(u64::MAX), u64::MAX);
        assert_eq!(Beacon { genesis: 0, ..beacon }.round_at(u64::MAX), u64::MAX);
    }
}
