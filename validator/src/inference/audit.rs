//! Which answers are checked, and what they were found to be.

use incentive::evidence::Token;
use incentive::verdict::Fault;

/// What computing an answer again has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examined {
    /// What no honest miner does.
    pub fault: Option<Fault>,
    /// The margins, for the charts.
    pub tokens: Vec<Token>,
    /// Tokens of the prompt, as this validator counts them.
    pub prompt_tokens: u32,
}
