//! Fingerprints: golden vectors of an independent implementation, the wheel's own answers where they are at hand, what no
//! bytes may do, and what a fingerprint does not show.

#[path = "../../../engine/tests/fixtures/folder.rs"]
mod folder;
mod forged;
mod hostile;
mod rows;
mod vectors;
mod wheel;

use proof::fingerprint::Distance;

/// Limits in use elsewhere (TOPLOC's own experiments), with signs looked at or not.
const USUAL: (u32, u64, u64) = (38, 10_000, 8);

fn passes(distance: &Distance) -> bool {
    distance.within(USUAL.0, USUAL.1, USUAL.2)
}

/// What looks at no signs would say.
fn passes_elsewhere(distance: &Distance) -> bool {
    passes(&Distance { signs: 0, ..*distance })
}
