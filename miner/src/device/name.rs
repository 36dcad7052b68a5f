//! What devices are called, in configuration, on the command line, in logs and in metrics.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A device of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DeviceName {
    /// `cpu`: the processor, in the miner's own process.
    Cpu,
    /// `cpu-process:N`: the processor, in a worker process of its own, as cards have them. For development and tests.
    CpuProcess(u16),
    /// `cuda:N`: the card that CUDA counts as N, in a worker process of its own.
    Cuda(u16),
}

/// One device, or all of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Selector {
    /// This one.
    One(DeviceName),
    /// `cuda:*`: every CUDA device; there must be one.
    EveryCuda,
    /// `auto`: every CUDA device, or the processor where there is none.
    Auto,
    /// `all`: the processor and every CUDA device.
    All,
}

/// Text that names no device.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no device; name `cpu`, `cuda:0`, `cuda:*` (every CUDA device), `auto` or `all`")]
pub struct NoDevice(String);

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.pad("cpu"),
            Self::CpuProcess(number) => write!(f, "cpu-process:{number}"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
        }
    }
}

impl FromStr for DeviceName {
    type Err = NoDevice;

    fn from_str(text: &str) -> Result<Self, NoDevice> {
        let name = match text.split_once(':') {
            None => (text == "cpu").then_some(Self::Cpu),
            Some(("cuda", index)) => index.parse().ok().map(Self::Cuda),
            Some(("cpu-process", number)) => number.parse().ok().map(Self::CpuProcess),
            Some(_) => None,
        };
        // One spelling for each: `cuda:00` and `cuda:+0` would be two names for one device.
        name.filter(|name| name.to_string() == text).ok_or_else(|| NoDevice(text.chars().take(64).collect()))
    }
}

impl Serialize for DeviceName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(name) => name.fmt(f),
            Self::EveryCuda => f.pad("cuda:*"),
            Self::Auto => f.pad("auto"),
            Self::All => f.pad("all"),
        }
    }
}

impl FromStr for Selector {
    type Err = NoDevice;

    fn from_str(text: &str) -> Result<Self, NoDevice> {
        match text {
            "cuda:*" => Ok(Self::EveryCuda),
            "auto" => Ok(Self::Auto),
            "all" => Ok(Self::All),
            name => name.parse().map(Self::One),
        }
    }
}

impl TryFrom<String> for Selector {
    type Error = NoDevice;

    fn try_from(text: String) -> Result<Self, NoDevice> {
        text.parse()
    }
}

impl From<Selector> for String {
    fn from(selector: Selector) -> Self {
        selector.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_selector_is_read_as_it_is_shown() {
        for text in ["cpu", "cuda:0", "cuda:65535", "cpu-process:1", "cuda:*", "auto", "all"] {
            assert_eq!(text.parse::<Selector>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn other_text_is_refused_and_told_what_there_is() {
        let long = "x".repeat(100_000);
        for text in ["", "gpu", "cuda", "cuda:", "cuda:-1", "cuda:+1", "cuda:00", "cuda:65536", "cpu:0", "CPU", &long] {
            let error = text.parse::<Selector>().unwrap_err().to_string();
            assert!(error.contains("`cuda:*`") && error.len() < 200, "{error}");
        }
    }
}
