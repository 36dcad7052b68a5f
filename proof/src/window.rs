//! At which block of a tempo the common window opens: once, unannounced, and the same for everybody.

use incentive::units::NetUid;

use crate::digest::derive;

/// How many blocks of a tempo may open the window: those that leave `reserve` blocks for the work after it.
#[must_use]
pub fn admissible(tempo: u64, reserve: u64) -> u64 {
    tempo.saturating_sub(reserve).max(1)
}

/// Whether the window opens at the block `offset` (1 is the first after the last epoch) if it has not opened earlier
/// in this tempo. Uniform over the `admissible` offsets, and certain at the last of them.
#[must_use]
pub fn opens(block_hash: &[u8; 32], netuid: NetUid, offset: u64, admissible: u64) -> bool {
    if offset == 0 || offset > admissible {
        return false;
    }
    let digest = derive("assay window v1", &[block_hash, &netuid.0.to_le_bytes()]);
    let [a, b, c, d, e, f, g, h, ..] = digest;
    u64::from_le_bytes([a, b, c, d, e, f, g, h]).is_multiple_of(admissible - offset + 1)
}

/// The offset at which the window of a tempo opened: `hashes` are those of the blocks 1, 2, … after the last epoch.
/// `None` when they end before.
#[must_use]
pub fn opening_offset<'a>(
    hashes: impl IntoIterator<Item = &'a [u8; 32]>,
    netuid: NetUid,
    admissible: u64,
) -> Option<u64> {
    (1..=admissible)
        .zip(hashes)
        .find(|(offset, hash)| opens(hash, netuid, *offset, admissible))
        .map(|(offset, _)| offset)
}
