//! Why a worker process is no more.

use std::fmt;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use crate::device::message::VERSION;

/// Why a worker process is no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It could not be started.
    NotStarted(String),
    /// It did not open its device in time.
    Slow,
    /// It is another program.
    OtherVersion(String),
    /// The device has failed, in the device's words.
    Fault(String),
    /// What it wrote was no message, or none that was asked for.
    Garbage(String),
    /// It gave no sign of life.
    Frozen,
    /// It computed for longer than anything may take.
    Late,
    /// It went away by itself.
    Gone,
    /// The miner stops.
    Stopped,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStarted(error) => write!(f, "it could not be started: {error}"),
            Self::Slow => f.write_str("it did not open its device in time"),
            Self::OtherVersion(version) => {
                write!(f, "it is version {version} and the miner {VERSION}; restart the miner")
            }
            Self::Fault(text) => write!(f, "the device failed: {text}"),
            Self::Garbage(text) => write!(f, "it wrote what is no answer: {text}"),
            Self::Frozen => f.write_str("it gave no sign of life"),
            Self::Late => f.write_str("it did not answer in time"),
            Self::Gone => f.write_str("it ended"),
            Self::Stopped => f.write_str("the miner stops"),
        }
    }
}

/// What a supervisor is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The device is open; in words.
    Ready(String),
    /// The process is of no use any more and was killed. The last event.
    Ended(Cause),
}

/// How a process ended, in words.
pub(super) fn words(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => status.to_string(),
    }
}
