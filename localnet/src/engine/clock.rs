use std::time::{SystemTime, UNIX_EPOCH};

use parity_scale_codec::Decode as _;

use crate::state::{StateError, StateView};

/// Where the time of a block comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// The wall clock. Blocks that are made on request or for an extrinsic make a block time pass, so that whatever is
    /// reckoned from blocks to times holds.
    Wall,
    /// A fixed step from a fixed start, so that equal extrinsic bytes give equal block hashes.
    Fixed {
        /// Milliseconds since 1970 at block 0.
        genesis_ms: u64,
        /// Milliseconds between two blocks.
        step_ms: u64,
    },
}

/// A clock that runs.
pub struct Timekeeper {
    clock: Clock,
    block_ms: u64,
    /// How much more time has passed on the chain than outside, in milliseconds.
    ahead: u64,
}

impl Timekeeper {
    pub fn new(clock: Clock, block_ms: u64) -> Self {
        Self { clock, block_ms: block_ms.max(1), ahead: 0 }
    }

    /// The time of block `number` in milliseconds since 1970. A block that is not made by the clock is at least a block
    /// time after its parent, whose time is read from its state: what was reverted does not count.
    ///
    /// # Errors
    /// When the parent's state is damaged.
    pub fn timestamp(&mut self, parent: &StateView, number: u32, by_the_clock: bool) -> Result<u64, StateError> {
        match self.clock {
            Clock::Wall => {
                let least = if by_the_clock { 1 } else { self.block_ms };
                let earliest = recorded(parent)?.saturating_add(least);
                let wall = wall_ms();
                self.ahead = self.ahead.max(earliest.saturating_sub(wall));
                Ok(wall.saturating_add(self.ahead))
            }
            Clock::Fixed { genesis_ms, step_ms } => {
                Ok(genesis_ms.saturating_add(step_ms.saturating_mul(u64::from(number))))
            }
        }
    }
}

fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// `Timestamp.Now`.
fn recorded(state: &StateView) -> Result<u64, StateError> {
    let key = [sp_crypto_hashing::twox_128(b"Timestamp"), sp_crypto_hashing::twox_128(b"Now")].concat();
    let value = state.value(None, &key)?;
    Ok(value.and_then(|bytes| u64::decode(&mut &*bytes).ok()).unwrap_or(0))
}
