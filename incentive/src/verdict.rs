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
    pub const ALL: [Self; 11] = [
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
        }
    }

    /// What the fault costs: silence loses the window, a signed wrong opening is proven fraud.
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
            | Self::OpeningRefused => Severity::Window,
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}
