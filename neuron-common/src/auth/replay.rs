//! Which requests were accepted already, within a fixed amount of memory.

use std::collections::{BTreeSet, HashMap};

use incentive::units::Hotkey;

/// Nonces are kept for this long. A request is refused as stale after 10 s; the rest covers a clock that is set back.
const RETENTION: u64 = 60 * 1_000_000_000;
/// Fresh requests of one sender: 34 a second over the whole retention.
const PER_SENDER: usize = 2048;
/// Fresh requests of all senders; anybody can make keys, so this is what bounds the memory (about 4 MB).
const TOTAL: usize = 65_536;

/// Why a request is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It was accepted before.
    Seen,
    /// It cannot be remembered, so accepting it would allow a replay.
    Full,
}

/// The nonces of the requests of the last minute, by sender.
#[derive(Debug, Default)]
pub struct Replays {
    senders: HashMap<Hotkey, BTreeSet<u64>>,
    total: usize,
    swept: u64,
}

impl Replays {
    /// Remembers a request whose signature was verified.
    pub fn insert(&mut self, sender: Hotkey, nonce: u64, now: u64) -> Result<(), Refused> {
        // A sweep costs time in the number of senders, so it runs at most once a second.
        if now.saturating_sub(self.swept) > 1_000_000_000 || now < self.swept {
            self.sweep(now);
        }
        let known = self.senders.get(&sender);
        if known.is_some_and(|nonces| nonces.contains(&nonce)) {
            return Err(Refused::Seen);
        }
        if self.total >= TOTAL || known.is_some_and(|nonces| nonces.len() >= PER_SENDER) {
            return Err(Refused::Full);
        }
        self.senders.entry(sender).or_default().insert(nonce);
        self.total += 1;
        Ok(())
    }

    fn sweep(&mut self, now: u64) {
        let oldest = now.saturating_sub(RETENTION);
        self.senders.retain(|_, nonces| {
            *nonces = nonces.split_off(&oldest);
            !nonces.is_empty()
        });
        self.total = self.senders.values().map(BTreeSet::len).sum();
        self.swept = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn sender(number: u32) -> Hotkey {
        let mut key = [0; 32];
        key[..4].copy_from_slice(&number.to_le_bytes());
        Hotkey(key)
    }

    #[test]
    fn a_nonce_is_accepted_once_by_sender_and_forgotten_after_the_retention() {
        let (mut replays, now) = (Replays::default(), 1_000 * SECOND);
        assert_eq!(replays.insert(sender(1), now, now), Ok(()));
        assert_eq!(replays.insert(sender(1), now, now), Err(Refused::Seen));
        assert_eq!(replays.insert(sender(2), now, now), Ok(()));
        // Still known when the clock was set back, and after the stale limit.
        assert_eq!(replays.insert(sender(1), now, now - 30 * SECOND), Err(Refused::Seen));
        assert_eq!(replays.insert(sender(1), now, now + 59 * SECOND), Err(Refused::Seen));
        replays.sweep(now + 61 * SECOND);
        assert_eq!((replays.senders.len(), replays.total), (0, 0));
    }

    #[test]
    fn one_sender_fills_only_its_own_share() {
        let (mut replays, now) = (Replays::default(), 1_000 * SECOND);
        for nonce in 0..PER_SENDER as u64 {
            assert_eq!(replays.insert(sender(1), now + nonce, now), Ok(()));
        }
        assert_eq!(replays.insert(sender(1), now - 1, now), Err(Refused::Full));
        assert_eq!(replays.insert(sender(2), now, now), Ok(()));
    }

    #[test]
    fn a_flood_from_new_keys_is_bounded_and_passes() {
        let (mut replays, now) = (Replays::default(), 1_000 * SECOND);
        let accepted = (0..TOTAL as u32 + 5_000).filter(|n| replays.insert(sender(*n), now, now).is_ok()).count();
        assert_eq!((accepted, replays.total), (TOTAL, TOTAL));
        let later = now + RETENTION + 2 * SECOND;
        assert_eq!(replays.insert(sender(0), later, later), Ok(()));
        assert_eq!(replays.total, 1);
    }
}
