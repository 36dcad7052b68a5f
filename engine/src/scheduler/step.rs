//! One pass over the weights: what goes into it, and what comes of it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rayon::prelude::*;

use crate::generation::Token;
use crate::model::{Decoder, Output, Segment, Want};
use crate::sampler::SamplerError;
use crate::scheduler::slots::Slot;

/// Logits that are worth a thread of their own.
const THREAD_WORTH: usize = 1 << 15;

/// Tokens for one slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub slot: usize,
    /// How many of its next tokens.
    pub tokens: usize,
    /// Whether these are the last that there are, so that one is sampled.
    pub last: bool,
}

/// Every answer's next token, and up to `prefill` tokens of prompts, the oldest first. Slots whose reader has no room
/// are left out.
pub(super) fn plan(slots: &[Slot], prefill: usize) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut prompts = Vec::new();
    for (slot, Slot { cached, run, .. }) in slots.iter().enumerate() {
        let Some(run) = run.as_ref().filter(|run| run.paused.is_none()) else { continue };
        let tokens = run.tokens.len() - cached.len();
        if tokens == 1 {
            parts.push(Part { slot, tokens, last: true });
        } else {
            prompts.push((run.admitted, slot, tokens));
        }
    }
    prompts.sort_unstable();
    let mut left = prefill.max(1);
    for (_, slot, tokens) in prompts {
        let taken = tokens.min(left);
        left -= taken;
        if taken > 0 {
            parts.push(Part { slot, tokens: taken, last: taken == tokens });
        }
    }
    parts
}

/// Runs the decoder. A panic of it is an error like others.
///
/// # Errors
/// In words, and whether the decoder's caches can be trusted no longer.
pub(super) fn forward(
    decoder: &mut dyn Decoder,
    slots: &[Slot],
    parts: &[Part],
) -> Result<Vec<Output>, (String, bool)> {
    let batch: Vec<_> = parts
        .iter()
        .filter_map(|part| {
            let Slot { cached, run, .. } = &slots[part.slot];
            let ids = &run.as_ref()?.tokens[cached.len()..][..part.tokens];
            Some(Segment { slot: part.slot, ids, want: if part.last { Want::Last } else { Want::Nothing } })
        })
        .collect();
    match catch_unwind(AssertUnwindSafe(|| decoder.forward(&batch))) {
        Ok(Ok(outputs)) if outputs.len() == parts.len() => Ok(outputs),
        Ok(Ok(outputs)) => Err((format!("{} outputs for {} segments", outputs.len(), parts.len()), true)),
        Ok(Err(error)) => Err((error.to_string(), false)),
        Err(panic) => Err((format!("it panicked: {}", message(&*panic)), true)),
    }
}

/// A token and the state from which it was chosen.
type Chosen = Result<(Token, Vec<u16>), SamplerError>;

/// The next token of every part that is the last of its slot.
pub(super) fn sample(slots: &[Slot], parts: &[Part], outputs: &[Output]) -> Vec<(usize, Chosen)> {
    let next = |(part, output): (&Part, &Output)| {
        let run = slots[part.slot].run.as_ref().filter(|_| part.last)?;
        Some((part.slot, run.next(output)))
    };
    if outputs.iter().map(|output| output.logits.len()).sum::<usize>() < 2 * THREAD_WORTH {
        parts.iter().zip(outputs).filter_map(next).collect()
    } else {
        parts.par_iter().zip(outputs).filter_map(next).collect()
    }
}

fn message(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
