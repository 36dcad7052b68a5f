//! The labels that the NVIDIA driver gives its cards. The library is opened at run time, so that a machine without it is
//! no error, and whatever it does not answer stays unknown.

use nvml_wrapper::Nvml;
use nvml_wrapper::bitmasks::device::ThrottleReasons;
use nvml_wrapper::enum_wrappers::device::{Clock, TemperatureSensor};
use nvml_wrapper::error::NvmlError;
use serde::Serialize;

/// The driver and its cards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Driver {
    /// Version of the driver.
    pub version: Option<String>,
    /// The newest CUDA that it can run.
    pub cuda: Option<String>,
    /// The cards in the driver's order, which need not be that of CUDA.
    pub cards: Vec<Label>,
}

/// One card. Labels alone: what is unknown is absent, and nothing is decided by any of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Label {
    /// As the driver gives it.
    pub name: Option<String>,
    /// Stays with the card; CUDA gives the same.
    pub uuid: Option<String>,
    /// Bytes of memory.
    pub memory: Option<u64>,
    /// Bytes that nobody uses.
    pub free: Option<u64>,
    /// Compute capability, such as `9.0`.
    pub capability: Option<String>,
    /// Whether memory errors are corrected.
    pub ecc: Option<bool>,
    /// Percent of the last period in which something ran.
    pub utilisation: Option<u32>,
    /// Clock of the multiprocessors in MHz.
    pub clock: Option<u32>,
    /// Degrees Celsius.
    pub temperature: Option<u32>,
    /// Processes that compute there.
    pub processes: Option<usize>,
    /// What holds the clock down, if anything does.
    pub throttled: Vec<&'static str>,
}

/// Asks the driver.
///
/// # Errors
/// Why it cannot be asked, in one line with the remedy.
pub fn driver() -> Result<Driver, String> {
    let nvml = Nvml::init().map_err(|error| problem(&error))?;
    let cuda = nvml.sys_cuda_driver_version().ok();
    let version = |version| {
        let (major, minor) =
            (nvml_wrapper::cuda_driver_version_major(version), nvml_wrapper::cuda_driver_version_minor(version));
        format!("{major}.{minor}")
    };
    let count = nvml.device_count().map_err(|error| problem(&error))?;
    // A card that is lost stays in the list, with nothing known of it.
    let cards =
        (0..count).map(|index| nvml.device_by_index(index).map_or_else(|_| Label::default(), |card| label(&card)));
    Ok(Driver { version: nvml.sys_driver_version().ok(), cuda: cuda.map(version), cards: cards.collect() })
}

fn label(card: &nvml_wrapper::Device<'_>) -> Label {
    let memory = card.memory_info().ok();
    Label {
        name: card.name().ok(),
        uuid: card.uuid().ok(),
        memory: memory.as_ref().map(|memory| memory.total),
        free: memory.map(|memory| memory.free),
        capability: card.cuda_compute_capability().ok().map(|cc| format!("{}.{}", cc.major, cc.minor)),
        ecc: card.is_ecc_enabled().ok().map(|state| state.currently_enabled),
        utilisation: card.utilization_rates().ok().map(|rates| rates.gpu),
        clock: card.clock_info(Clock::SM).ok(),
        temperature: card.temperature(TemperatureSensor::Gpu).ok(),
        processes: card.running_compute_processes().ok().map(|processes| processes.len()),
        throttled: card.current_throttle_reasons().map(throttled).unwrap_or_default(),
    }
}

fn throttled(reasons: ThrottleReasons) -> Vec<&'static str> {
    let known = [
        (ThrottleReasons::SW_POWER_CAP, "power cap"),
        (ThrottleReasons::HW_SLOWDOWN, "hardware slowdown"),
        (ThrottleReasons::SW_THERMAL_SLOWDOWN, "heat"),
        (ThrottleReasons::HW_THERMAL_SLOWDOWN, "heat (hardware)"),
        (ThrottleReasons::HW_POWER_BRAKE_SLOWDOWN, "power brake"),
        (ThrottleReasons::SYNC_BOOST, "sync boost"),
        (ThrottleReasons::APPLICATIONS_CLOCKS_SETTING, "clock setting"),
    ];
    known.into_iter().filter(|(reason, _)| reasons.contains(*reason)).map(|(_, text)| text).collect()
}

fn problem(error: &NvmlError) -> String {
    match error {
        NvmlError::LibloadingError(_) => {
            "no NVIDIA driver is installed (its library libnvidia-ml is not there)".to_owned()
        }
        NvmlError::DriverNotLoaded => {
            "the NVIDIA driver is installed and not loaded; load it (`modprobe nvidia`)".to_owned()
        }
        NvmlError::LibRmVersionMismatch => {
            "the NVIDIA driver was changed since it was loaded; restart the machine".to_owned()
        }
        NvmlError::NoPermission => {
            "the NVIDIA driver lets this user see nothing; check the rights of /dev/nvidia*".to_owned()
        }
        NvmlError::FailedToLoadSymbol(symbol) => format!("the NVIDIA driver is too old ({symbol}); update it"),
        other => format!("the NVIDIA driver does not answer: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asking_never_panics_and_a_problem_has_one_line() {
        match driver() {
            Ok(driver) => assert!(driver.version.is_some()),
            Err(problem) => assert!(!problem.is_empty() && !problem.contains('\n'), "{problem}"),
        }
    }

    #[test]
    fn every_reason_that_is_set_is_named() {
        let reasons = ThrottleReasons::SW_POWER_CAP | ThrottleReasons::SYNC_BOOST | ThrottleReasons::GPU_IDLE;
        assert_eq!(throttled(reasons), ["power cap", "sync boost"]);
        assert!(throttled(ThrottleReasons::NONE).is_empty());
    }
}
