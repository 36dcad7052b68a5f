//! Chains of rounds: the head after a round binds every root before it.

use incentive::units::Hotkey;

use crate::challenge::Challenge;
use crate::digest::{Digest, derive};

/// The head before the first round of a chain.
#[must_use]
pub fn first_head(seed: &Digest, chain: u16) -> Digest {
    derive("assay chain v1", &[seed, &chain.to_le_bytes()])
}

/// The head after a round.
#[must_use]
pub fn next_head(head: &Digest, root: &Digest) -> Digest {
    derive("assay chain v1", &[head, root])
}

/// One chain of one hotkey: its roots so far and the head after each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    index: u16,
    heads: Vec<Digest>,
    roots: Vec<Digest>,
}

/// How a root that arrives fits into its chain. The head is what the hotkey must have signed with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The round after the last one: [`Chain::push`] it when the signature holds.
    Next(Digest),
    /// A root that is already there.
    Repeated,
    /// Another root for a round that is already there: equivocation when the signature holds.
    Conflict(Digest),
    /// Round 0, or a round before which others are missing.
    Gap,
}

impl Chain {
    /// The chain before its first round.
    #[must_use]
    pub fn new(challenge: &Challenge, hotkey: &Hotkey, index: u16) -> Self {
        Self { index, heads: vec![first_head(&challenge.seed(hotkey), index)], roots: Vec::new() }
    }

    /// The number of the chain.
    #[must_use]
    pub const fn index(&self) -> u16 {
        self.index
    }

    /// How many rounds it has.
    #[must_use]
    pub fn rounds(&self) -> u32 {
        u32::try_from(self.roots.len()).unwrap_or(u32::MAX)
    }

    /// The roots of rounds 1, 2, …
    #[must_use]
    pub fn roots(&self) -> &[Digest] {
        &self.roots
    }

    /// The head after the last round.
    #[must_use]
    pub fn head(&self) -> &Digest {
        // One head stands there from the start.
        &self.heads[self.heads.len() - 1]
    }

    /// The head after `round`; 0 asks for the one before the first round.
    #[must_use]
    pub fn head_after(&self, round: u32) -> Option<&Digest> {
        self.heads.get(round as usize)
    }

    /// How a root for `round` fits, without taking it.
    #[must_use]
    pub fn step(&self, round: u32, root: &Digest) -> Step {
        let Some(before) = round.checked_sub(1).and_then(|before| self.head_after(before)) else {
            return Step::Gap;
        };
        match self.roots.get(round as usize - 1) {
            None => Step::Next(next_head(before, root)),
            Some(known) if known == root => Step::Repeated,
            Some(_) => Step::Conflict(next_head(before, root)),
        }
    }

    /// Takes the root of the next round and returns the head after it.
    pub fn push(&mut self, root: Digest) -> Digest {
        let head = next_head(self.head(), &root);
        self.heads.push(head);
        self.roots.push(root);
        head
    }
}

/// The roots that a validator counted for one hotkey: bound by the signed heads before any sample is drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commitment {
    /// Who committed.
    pub hotkey: Hotkey,
    /// Counted roots of chain 0, 1, …; a chain without any is an empty list.
    pub chains: Vec<Vec<Digest>>,
}

impl Commitment {
    /// The chains with their heads, as derived from the hotkey's own seed.
    #[must_use]
    pub fn replay(&self, challenge: &Challenge) -> Vec<Chain> {
        let seed = challenge.seed(&self.hotkey);
        (0..=u16::MAX)
            .zip(&self.chains)
            .map(|(index, roots)| {
                let mut chain = Chain { index, heads: vec![first_head(&seed, index)], roots: Vec::new() };
                for root in roots {
                    chain.push(*root);
                }
                chain
            })
            .collect()
    }
}
