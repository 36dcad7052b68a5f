use parity_scale_codec::Decode;
use timelock::{Beacon, Round, SecretKey};

use crate::{
    drand::{BeaconConfig, LastStoredRound, development, types::BeaconConfiguration},
    runtime::Runtime,
    state::{StateError, StateView},
};

/// Pulses of one block.
const MAX_PULSES: u64 = 50;
/// Rounds that are made up for after a pause; of a longer one, what was before stays away for good.
const MAX_BEHIND: u64 = 600;

/// The beacon that runs in this node, as long as the chain listens to it.
pub struct OwnBeacon {
    key: SecretKey,
    /// Whether pulses are kept back, as if nobody could reach the beacon.
    pub withheld: bool,
}

impl OwnBeacon {
    pub fn new() -> Self {
        Self { key: development::key(), withheld: false }
    }

    /// The extrinsics that report what is due in block `number` on `parent`, at a time in milliseconds since 1970.
    ///
    /// None when the chain listens to another beacon.
    pub fn reports(&self, parent: &StateView, number: u32, timestamp: u64) -> Result<Vec<Vec<u8>>, StateError> {
        let config: Option<BeaconConfiguration> = read(parent, &BeaconConfig::<Runtime>::hashed_key())?;
        let public_key = self.key.public_key();
        let Some(config) = config.filter(|config| !self.withheld && *config.public_key == public_key.to_bytes()) else {
            return Ok(Vec::new());
        };
        let beacon = Beacon { public_key, genesis: config.genesis_time.into(), period: config.period.into() };
        let last = read(parent, &LastStoredRound::<Runtime>::hashed_key())?.unwrap_or(0);
        let rounds = due(last, beacon.round_at(timestamp / 1000));
        // No round fails to be signed.
        let signed = rounds.filter_map(|round| Some((round, self.key.sign(round).ok()?)));
        Ok(signed
            .map(|(round, signature)| development::report(development::pulse(round, &signature), number))
            .collect())
    }
}

/// The rounds to report when `last` is stored and `now` has come. A chain without pulses starts with the newest.
fn due(last: Round, now: Round) -> std::ops::Range<Round> {
    let first = if last == 0 { now.max(1) } else { last.saturating_add(1).max(now.saturating_sub(MAX_BEHIND - 1)) };
    first..now.saturating_add(1).min(first.saturating_add(MAX_PULSES))
}

fn read<V: Decode>(state: &StateView, key: &[u8]) -> Result<Option<V>, StateError> {
    Ok(state.value(None, key)?.and_then(|bytes| V::decode(&mut &*bytes).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_round_is_due_once() {
        assert_eq!(due(0, 1000), 1000..1001);
        assert_eq!(due(1000, 1000).count(), 0);
        assert_eq!(due(1000, 1003), 1001..1004);
    }

    #[test]
    fn what_was_missed_comes_in_portions_and_not_for_ever() {
        assert_eq!(due(1000, 1200), 1001..1051);
        assert_eq!(due(1000, 9000), 8401..8451);
    }

    #[test]
    fn a_clock_that_goes_back_finds_nothing_due() {
        assert_eq!(due(0, 0).count(), 0);
        assert_eq!(due(1000, 900).count(), 0);
    }
}
