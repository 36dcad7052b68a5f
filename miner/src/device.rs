//! What can compute on this machine. Names are for people: nothing that is paid depends on them.

use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::process::ExitCode;

use anyhow::Result;
use engine::Path;
use neuron_common::exit;
use serde::Serialize;

pub mod bench;
pub mod self_test;

/// Where the NVIDIA driver shows itself.
const DRIVER: &str = "/proc/driver/nvidia/version";

/// A device that can be asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Device {
    /// The processor
    #[default]
    Cpu,
}

/// What there is.
#[derive(Clone, Debug, Serialize)]
pub struct Inventory {
    /// Name of the processor, as it gives it.
    pub cpu: String,
    /// Cores that this process may use.
    pub cores: NonZeroUsize,
    /// The paths through the processor, fastest first.
    pub paths: Vec<&'static str>,
    /// Paths that assay knows and this machine does not have.
    pub missing: Vec<&'static str>,
    /// Whether an NVIDIA driver is loaded.
    pub nvidia_driver: bool,
}

impl Inventory {
    /// Looks around; what cannot be read is unknown.
    #[must_use]
    pub fn take() -> Self {
        let (paths, missing): (Vec<Path>, Vec<Path>) = Path::ALL.into_iter().partition(|path| path.is_available());
        let names = |paths: Vec<Path>| paths.into_iter().map(Path::name).collect();
        Self {
            cpu: processor(&std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default()),
            cores: cores(),
            paths: names(paths),
            missing: names(missing),
            nvidia_driver: std::path::Path::new(DRIVER).exists(),
        }
    }

    fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        writeln!(text, "cpu: {}, {} cores, {}", self.cpu, self.cores, self.paths.join(", "))?;
        if !self.missing.is_empty() {
            writeln!(text, "     without {}", self.missing.join(", "))?;
        }
        let driver = if self.nvidia_driver {
            "an NVIDIA driver is loaded, but this version computes on the processor alone"
        } else {
            "no NVIDIA driver is loaded, and this version computes on the processor alone"
        };
        writeln!(text, "gpu: {driver}")?;
        Ok(text)
    }
}

/// Prints the inventory.
///
/// # Errors
/// When JSON cannot be made of it.
pub fn run(json: bool) -> Result<ExitCode> {
    let inventory = Inventory::take();
    let text = if json { serde_json::to_string_pretty(&inventory)? + "\n" } else { inventory.text()? };
    exit::print(&text);
    Ok(ExitCode::SUCCESS)
}

/// Cores that this process may use, one if that is unknown.
#[must_use]
pub fn cores() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

fn processor(cpuinfo: &str) -> String {
    let name = cpuinfo.lines().find_map(|line| Some(line.strip_prefix("model name")?.split_once(':')?.1.trim()));
    name.filter(|name| !name.is_empty()).unwrap_or(std::env::consts::ARCH).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_processor_without_a_name_has_its_architecture() {
        assert_eq!(processor("flags\t: a b\nmodel name\t: AMD EPYC \nmodel name\t: other"), "AMD EPYC");
        for nameless in ["", "model name", "model name :", "processor\t: 0"] {
            assert_eq!(processor(nameless), std::env::consts::ARCH);
        }
    }

    #[test]
    fn the_portable_path_is_always_there() {
        let inventory = Inventory::take();
        assert_eq!(inventory.paths.last(), Some(&"portable"));
        assert_eq!(inventory.paths.len() + inventory.missing.len(), Path::ALL.len());
        assert!(inventory.text().unwrap().contains(&inventory.cpu));
    }
}
