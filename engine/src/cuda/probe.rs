//! Which devices there are.

use std::fmt::Write as _;

use crate::cuda::driver;
use crate::cuda::error::CudaError;

/// A device, as the driver describes it. Names are for people: nothing that is paid depends on them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    /// Its number in the driver's order, which `CUDA_VISIBLE_DEVICES` changes.
    pub index: usize,
    /// What its maker calls it.
    pub name: String,
    /// What tells it from all others, as `nvidia-smi -L` writes it.
    pub uuid: String,
    /// Bytes of its memory.
    pub memory: u64,
    /// Its compute capability: the generation.
    pub capability: (u32, u32),
}

/// All devices that the driver sees, in its order. Never panics.
///
/// # Errors
/// No driver, one that is too old or does not start, or no device.
pub fn devices() -> Result<Vec<DeviceInfo>, CudaError> {
    driver::start()?;
    let count = driver::count().map_err(|error| CudaError::from_driver(0, "counting the devices", error))?;
    if count == 0 {
        return Err(CudaError::NoDevice);
    }
    (0..count).map(describe).collect()
}

fn describe(index: usize) -> Result<DeviceInfo, CudaError> {
    let driver::Description { name, uuid, memory, capability } =
        driver::describe(index).map_err(|error| CudaError::from_driver(index, "asking for name and memory", error))?;
    Ok(DeviceInfo { index, name, uuid: written(uuid), memory, capability })
}

/// The device with this number or UUID; the beginning of a UUID suffices where only one device has it.
pub(crate) fn find(devices: &[DeviceInfo], wanted: &str) -> Result<DeviceInfo, CudaError> {
    let begins = |device: &&DeviceInfo| wanted.starts_with("GPU-") && device.uuid.starts_with(wanted);
    let mut found = match wanted.parse::<usize>() {
        Ok(index) => devices.iter().filter(|device| device.index == index).collect::<Vec<_>>(),
        Err(_) => devices.iter().filter(begins).collect(),
    };
    match (found.pop(), found.pop()) {
        (Some(device), None) => Ok(device.clone()),
        _ => Err(CudaError::NoSuchDevice { wanted: wanted.to_owned(), found: list(devices) }),
    }
}

fn list(devices: &[DeviceInfo]) -> String {
    devices.iter().map(|device| format!("{} ({})", device.index, device.uuid)).collect::<Vec<_>>().join(", ")
}

fn written(uuid: [u8; 16]) -> String {
    let mut text = "GPU".to_owned();
    for (index, byte) in uuid.iter().enumerate() {
        if matches!(index, 0 | 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(index: usize, uuid: u8) -> DeviceInfo {
        let uuid = written([uuid; 16]);
        DeviceInfo { index, name: "A device".to_owned(), uuid, memory: 1 << 34, capability: (9, 0) }
    }

    #[test]
    fn uuids_are_written_as_everywhere() {
        let bytes = std::array::from_fn(|index| index as u8 * 17);
        assert_eq!(written(bytes), "GPU-00112233-4455-6677-8899-aabbccddeeff");
    }

    #[test]
    fn devices_are_found_by_number_and_by_uuid() {
        let devices = [device(0, 0xaa), device(1, 0xab), device(2, 0xcd)];
        assert_eq!(find(&devices, "1"), Ok(devices[1].clone()));
        assert_eq!(find(&devices, &devices[2].uuid), Ok(devices[2].clone()));
        assert_eq!(find(&devices, "GPU-cd"), Ok(devices[2].clone()));
        for wanted in ["3", "GPU-a", "GPU-f", "", "cd", "-1"] {
            let error = find(&devices, wanted).unwrap_err().to_string();
            assert!(error.starts_with(&format!("there is no device {wanted}: there are 0 (GPU-aaaa")), "{error}");
        }
    }
}
