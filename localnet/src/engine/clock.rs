use std::time::{SystemTime, UNIX_EPOCH};

use parity_scale_codec::Decode as _;

use crate::state::{StateError, StateView};

/// Where the time of a block comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// The wall clock, never less than a millisecond after the parent.
    Wall,
    /// A fixed step from a fixed start, so that equal extrinsic bytes give equal block hashes.
    Fixed {
        /// Milliseconds since 1970 at block 0.
        genesis_ms: u64,
        /// Milliseconds between two blocks.
        step_ms: u64,
    },
}

impl Clock {
    /// The time of block `number` in milliseconds since 1970. The parent's is read from its state, so that a block
    /// built after a revert does not depend on what was reverted.
    ///
    /// # Errors
    /// When the parent's state is damaged.
    pub fn timestamp(self, parent: &StateView, number: u32) -> Result<u64, StateError> {
        match self {
            Self::Wall => Ok(wall_ms().max(recorded(parent)?.saturating_add(1))),
            Self::Fixed { genesis_ms, step_ms } => {
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
