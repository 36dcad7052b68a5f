//! Text for probes: sentences of recorded texts, put together anew.

use rand_chacha::rand_core::RngCore;

/// A number below `end`, which is not 0. The bias of the modulus is below 2^-32.
pub(super) fn below(rng: &mut impl RngCore, end: usize) -> usize {
    (rng.next_u64() % end.max(1) as u64) as usize
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    System,
    User,
    Assistant,
    /// The prompt of `/v1/completions`.
    Prompt,
}

/// Recorded texts.
#[derive(Clone, Debug, Default)]
pub(super) struct Texts {
    recorded: Vec<(Role, String)>,
}

impl Texts {
    pub fn add(&mut self, role: Role, text: &str) {
        self.recorded.push((role, text.to_owned()));
    }

    /// A new text of about so many characters, and not more than `most`.
    pub fn fresh(&self, role: Role, chars: usize, rng: &mut impl RngCore) -> String {
        let own: Vec<_> = self.recorded.iter().filter(|(of, _)| *of == role).collect();
        let mut text = String::new();
        while !own.is_empty() && text.len() < chars {
            text.push_str(&own[below(rng, own.len())].1);
        }
        text
    }
}
