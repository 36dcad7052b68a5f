//! What is remembered of the answers of one neuron to one model, from window to window and across restarts.

use incentive::evidence::{Charts, Judgement, Standing, Table, judge};
use incentive::inference::gate;
use incentive::verdict::Fault;
use parity_scale_codec::{Decode, Encode};

use super::audit::Examined;

/// Shares of probes that are kept between two windows: twice the default number of probes.
const SHARES_MAX: usize = 64;

/// What is remembered. A pass does not reset it; a new registration does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Memory {
    /// The evidence of all answers that were checked.
    pub charts: Charts,
    /// What the probes since the last window were worth, as shares of what was expected, the oldest first.
    pub shares: Vec<u32>,
    /// What a probe since then was found to be, if it was wrong.
    pub wrong: Option<Fault>,
}

impl Memory {
    /// Adds a checked answer to the charts and judges it.
    pub fn add(&mut self, table: &Table, examined: &Examined) -> Judgement {
        let judged = judge(&mut self.charts, table, examined.temperature, &examined.tokens);
        match examined.fault {
            Some(fault) => Judgement { fault: judged.fault.or(Some(fault)), again: true },
            None => judged,
        }
    }

    /// Adds what a probe was worth, in parts of [`incentive::inference::ONE`], and what it was found to be. The oldest give way.
    pub fn probe(&mut self, share: u32, wrong: Option<Fault>) {
        if self.shares.len() >= SHARES_MAX {
            self.shares.drain(..=self.shares.len() - SHARES_MAX);
        }
        self.shares.push(if wrong.is_some() { 0 } else { share });
        self.wrong = self.wrong.or(wrong);
    }

    /// What the probes leave of the pay of a window.
    #[must_use]
    pub fn gate(&self) -> u32 {
        gate(&self.shares)
    }

    /// Ends the time between two windows: its probes have had their say.
    pub fn settle(&mut self) {
        self.shares.clear();
        self.wrong = None;
    }

    /// How many of a million tokens are checked, `base` if nothing speaks against the miner.
    #[must_use]
    pub fn audit_ppm(&self, base: u32) -> u32 {
        self.charts.audit_ppm(base)
    }

    /// What the charts say.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.charts.standing()
    }
}

#[cfg(test)]
mod tests {
    use incentive::inference::ONE;

    use super::*;

    #[test]
    fn probes_only_lower_and_are_bounded() {
        let mut memory = Memory::default();
        assert_eq!(memory.gate(), ONE, "nobody is punished for a validator that could not probe");
        (0..200).for_each(|_| memory.probe(ONE, None));
        assert_eq!((memory.shares.len(), memory.gate()), (SHARES_MAX, ONE));
        (0..50).for_each(|_| memory.probe(0, None));
        assert_eq!(memory.gate(), 0);
        memory.settle();
        assert_eq!((memory.gate(), memory.wrong), (ONE, None));
    }

    #[test]
    fn a_wrong_probe_is_worth_nothing_and_is_remembered_until_the_window() {
        let mut memory = Memory::default();
        memory.probe(ONE, Some(Fault::WrongTokens));
        memory.probe(ONE, Some(Fault::WrongEnd));
        memory.probe(ONE, None);
        assert_eq!((memory.shares.as_slice(), memory.wrong), (&[0, 0, ONE][..], Some(Fault::WrongTokens)));
    }
}
