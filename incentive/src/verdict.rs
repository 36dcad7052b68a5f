//! What a validator found out about one answer.
//!
//! A rejected answer is a value, never an error: errors are for the validator's own failures.

use parity_scale_codec::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::units::Score;

/// The outcome of one window for one neuron.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every opened row was right: this much work per second is paid.
    Accepted(Score),
    /// Nothing is paid, for this reason.
    Rejected(Fault),
    /// The validator itself could not hold the round for this neuron; scores neither rise, fall nor decay.
    Void,
}

/// Why an answer earned nothing. The code is stable: it stands in records, metrics and messages to miners.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The metagraph holds no address for this hotkey.
    NoAxon,
    /// Nobody answered at the announced address, or the connection broke before a root came.
    Unreachable,
    /// The miner answered the window request with an HTTP error.
    WindowRefused,
    /// The miner speaks no version of the protocol that this validator speaks.
    UnsupportedVersion,
    /// No root arrived inside the window.
    NoRoot,
    /// Bytes that are not a message of the protocol.
    Malformed,
    /// A message that the hotkey did not sign.
    BadSignature,
    /// The miner committed to its work and then did not open it, or not in time.
    OpeningRefused,
    /// A signed opening that does not belong to the signed root.
    WrongPath,
    /// A signed row that is not the one the challenge asks for.
    WrongRow,
    /// Two different roots signed for the same round.
    Equivocation,
    /// The miner does not serve the model.
    NotServed,
    /// No token of an answer came in time to be counted.
    NoAnswer,
    /// Tokens came, and none before its deadline.
    Late,
    /// The answer is bound to another question, model or chain of tokens than the one that was asked for.
    WrongBinding,
    /// Tokens that the model would not have chosen under the seed.
    WrongTokens,
    /// An answer that ended where the model would have gone on, or went on where it would have ended.
    WrongEnd,
    /// A fingerprint that is missing, or not that of the model's activations over these tokens.
    WrongFingerprint,
    /// Each answer could be honest, all together are not: the evidence of many adds up.
    Drift,
}

/// What a fault costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Nothing for this window.
    Window,
    /// No honest cause exists: weight 0 for the policy's number of tempos, reputation reset.
    Fraud,
    /// Old and new meet: the score is kept as it is, neither raised nor lowered.
    Freeze,
}

impl Fault {
    /// All faults, in the order of their codes.
    pub const ALL: [Self; 19] = [
        Self::NoAxon,
        Self::Unreachable,
        Self::WindowRefused,
        Self::UnsupportedVersion,
        Self::NoRoot,
        Self::Malformed,
        Self::BadSignature,
        Self::OpeningRefused,
        Self::WrongPath,
        Self::WrongRow,
        Self::Equivocation,
        Self::NotServed,
        Self::NoAnswer,
        Self::Late,
        Self::WrongBinding,
        Self::WrongTokens,
        Self::WrongEnd,
        Self::WrongFingerprint,
        Self::Drift,
    ];

    /// The stable name: metric label, record, message.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoAxon => "no_axon",
            Self::Unreachable => "unreachable",
            Self::WindowRefused => "window_refused",
            Self::UnsupportedVersion => "unsupported_version",
            Self::NoRoot => "no_root",
            Self::Malformed => "malformed",
            Self::BadSignature => "bad_signature",
            Self::OpeningRefused => "opening_refused",
            Self::WrongPath => "wrong_path",
            Self::WrongRow => "wrong_row",
            Self::Equivocation => "equivocation",
            Self::NotServed => "not_served",
            Self::NoAnswer => "no_answer",
            Self::Late => "late",
            Self::WrongBinding => "wrong_binding",
            Self::WrongTokens => "wrong_tokens",
            Self::WrongEnd => "wrong_end",
            Self::WrongFingerprint => "wrong_fingerprint",
            Self::Drift => "drift",
        }
    }

    /// What the fault costs: silence loses the window, a signed wrong opening is proven fraud. Answers of models are not
    /// signed and are judged by statistics, so they prove no fraud; the evidence that adds up is not forgotten either.
    #[must_use]
    pub const fn severity(self) -> Severity {
        match self {
            Self::WrongPath | Self::WrongRow | Self::Equivocation => Severity::Fraud,
            Self::UnsupportedVersion => Severity::Freeze,
            Self::NoAxon
            | Self::Unreachable
            | Self::WindowRefused
            | Self::NoRoot
            | Self::Malformed
            | Self::BadSignature
            | Self::OpeningRefused
            | Self::NotServed
            | Self::NoAnswer
            | Self::Late
            | Self::WrongBinding
            | Self::WrongTokens
            | Self::WrongEnd
            | Self::WrongFingerprint
            | Self::Drift => Severity::Window,
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}
