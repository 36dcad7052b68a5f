//! Is somebody else setting weights with this hotkey?
//!
//! Weights that this database did not send show in the chain's state: the block of the last weights moves, and so does the
//! number of the hotkey's next extrinsic. One alone proves nothing: a reveal moves the first, any other call the second.

use incentive::units::Block;

/// What the chain says about the hotkey at one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight {
    /// The block of its last weights.
    pub weights: Block,
    /// The number of its next extrinsic.
    pub nonce: u64,
}

/// What is known about the hotkey's weights without asking the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// What the chain said when this process started: weights up to then are those of an earlier life.
    pub start: Sight,
    /// The newest block that holds weights of this database.
    pub landed: Option<Block>,
    /// The highest number that this database has signed with.
    pub signed: Option<u64>,
}

impl Known {
    /// Whether weights of this block are explained by what is known.
    #[must_use]
    pub fn explains(&self, weights: Block) -> bool {
        weights <= self.start.weights || self.landed.is_some_and(|landed| weights <= landed)
    }

    /// Whether another process has set weights.
    #[must_use]
    pub fn contradicts(&self, now: &Sight) -> bool {
        let expected = self.signed.map_or(self.start.nonce, |signed| self.start.nonce.max(signed.saturating_add(1)));
        !self.explains(now.weights) && now.nonce > expected
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sight(weights: u64, nonce: u64) -> Sight {
        Sight { weights: Block(weights), nonce }
    }

    #[test]
    fn only_weights_that_nobody_here_sent_are_anothers() {
        let known = Known { start: sight(100, 7), landed: Some(Block(130)), signed: Some(8) };
        assert!(!known.contradicts(&sight(130, 9)), "its own");
        assert!(!known.contradicts(&sight(130, 12)), "its own, and other calls of the hotkey");
        assert!(!known.contradicts(&sight(150, 9)), "a reveal");
        assert!(known.contradicts(&sight(150, 10)), "another process");
    }

    #[test]
    fn weights_of_an_earlier_life_are_not_anothers() {
        let known = Known { start: sight(100, 7), landed: None, signed: None };
        assert!(!known.contradicts(&sight(100, 7)));
        assert!(known.contradicts(&sight(101, 8)));
        let known = Known { signed: Some(7), ..known };
        assert!(!known.contradicts(&sight(101, 8)), "its own, of which the outcome was not seen");
    }
}
