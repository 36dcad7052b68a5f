//! Where generations sit, and what stays behind in a slot.

use std::time::{Duration, Instant};

use crate::model::Decoder;
use crate::scheduler::run::Run;

/// One sequence of the decoder.
#[derive(Default)]
pub(super) struct Slot {
    /// The tokens in the decoder's cache.
    pub cached: Vec<u32>,
    /// Who uses it.
    pub run: Option<Run>,
    /// When it was last given back; the longest unused is emptied first.
    pub used: u64,
}

/// What of a prompt is there already: how much of it is in which slot's cache.
struct Found {
    slot: usize,
    tokens: usize,
}

/// The slot that a prompt goes to, with as much of it as was there already. `None` where no slot is free.
///
/// The cache with the longest common beginning is taken as it is when its slot is free and little is lost by that;
/// otherwise the beginning is copied to the slot that was not used for longest.
pub(super) fn place(slots: &mut [Slot], decoder: &mut dyn Decoder, prompt: &[u32]) -> Option<usize> {
    let oldest = (0..slots.len()).filter(|slot| slots[*slot].run.is_none()).min_by_key(|slot| slots[*slot].used)?;
    // The last token is computed in any case: its logits are what is sampled from.
    let most = prompt.len() - 1;
    let found = slots
        .iter()
        .enumerate()
        .map(|(slot, held)| Found { slot, tokens: common(&held.cached, prompt).min(most) })
        .max_by_key(|found| (found.tokens, slots[found.slot].run.is_none()))?;
    let source = &slots[found.slot];
    let in_place = source.run.is_none() && source.cached.len() - found.tokens <= found.tokens;
    let target = if in_place { found.slot } else { oldest };
    if found.tokens == 0 {
        empty(&mut slots[target], decoder, target);
    } else if target == found.slot {
        decoder.truncate(target, found.tokens);
        slots[target].cached.truncate(found.tokens);
    } else {
        empty(&mut slots[target], decoder, target);
        // Sharing only saves time: what cannot be shared is computed.
        if decoder.share_prefix(found.slot, target, found.tokens).is_ok() {
            slots[target].cached = prompt[..found.tokens].to_vec();
        } else {
            decoder.truncate(target, 0);
        }
    }
    Some(target)
}

/// Forgets what a slot holds.
pub(super) fn empty(slot: &mut Slot, decoder: &mut dyn Decoder, index: usize) {
    decoder.truncate(index, 0);
    slot.cached.clear();
}

/// Notes whether the reader of a slot has room, and says whether it has had none for too long.
pub(super) fn is_out_of_patience(slot: &mut Slot, now: Instant, patience: Duration) -> bool {
    let Some(run) = &mut slot.run else { return false };
    run.paused = if run.has_room() { None } else { run.paused.or(Some(now)) };
    run.paused.is_some_and(|since| now.duration_since(since) >= patience)
}

fn common(a: &[u32], b: &[u32]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}
