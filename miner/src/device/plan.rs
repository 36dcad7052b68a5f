//! Which chain of a window works on which device. Fixed for the life of a miner, so that a chain never has two owners.

use incentive::policy::Policy;
use neuron_common::config::ConfigError;
use serde::Serialize;

use crate::config::ComputeConfig;
use crate::device::{DeviceName, Selector};

/// The configuration's key that names devices.
const KEY: &str = "compute.devices";

/// The devices that work, and how many chains each has. Chains are numbered through in this order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Plan {
    shares: Vec<Share>,
}

/// One device and its chains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Share {
    /// The device.
    pub device: DeviceName,
    /// The number of its first chain.
    pub first: u16,
    /// How many chains it has; at least one.
    pub chains: u16,
}

impl Plan {
    /// The plan for these settings and this policy. `cuda` gives the indices of the CUDA devices here, or why there are none; it
    /// is asked only if one is wanted.
    ///
    /// # Errors
    /// Names what is wanted and not there, or does not fit the policy, with the remedy.
    pub fn new(
        compute: &ComputeConfig,
        policy: &Policy,
        cuda: impl FnOnce() -> Result<Vec<u16>, String>,
    ) -> Result<Self, ConfigError> {
        let mut shares = Vec::new();
        let mut first = 0u16;
        for device in resolve(&compute.devices, cuda)? {
            let chains = if device == DeviceName::Cpu { compute.threads } else { compute.chains_per_device };
            shares.push(Share { device, first, chains });
            first = first.saturating_add(chains);
        }
        let plan = Self { shares };
        let most = policy.compute.chains_max;
        if plan.chains() > most {
            let remedy = format!(
                "together they have {} chains ({plan}) and the policy admits {most}; list fewer devices, or lower \
                 `compute.chains_per_device` (--chains-per-device) or `compute.threads` (--threads)",
                plan.chains()
            );
            return Err(unfit(&compute.devices, remedy));
        }
        Ok(plan)
    }

    /// Why `auto` has taken the processor, if it has.
    #[must_use]
    pub fn fallback(&self, compute: &ComputeConfig, cuda: impl FnOnce() -> Result<Vec<u16>, String>) -> Option<String> {
        let processor = self.shares.iter().any(|share| share.device == DeviceName::Cpu);
        (processor && compute.devices.contains(&Selector::Auto))
            .then(|| format!("`auto` takes the processor: {}", absent(&cuda())))
    }

    /// The devices in the order of their chains.
    #[must_use]
    pub fn shares(&self) -> &[Share] {
        &self.shares
    }

    /// The chains of all devices.
    #[must_use]
    pub fn chains(&self) -> u16 {
        self.shares.iter().fold(0, |sum, share| sum.saturating_add(share.chains))
    }
}

impl std::fmt::Display for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, Share { device, chains, .. }) in self.shares.iter().enumerate() {
            let (comma, ending) = (if index == 0 { "" } else { ", " }, if *chains == 1 { "" } else { "s" });
            write!(f, "{comma}{device} with {chains} chain{ending}")?;
        }
        Ok(())
    }
}

/// The devices that selectors stand for, each once.
///
/// # Errors
/// Names the selector that cannot be met, and the remedy.
pub fn resolve(
    selectors: &[Selector],
    cuda: impl FnOnce() -> Result<Vec<u16>, String>,
) -> Result<Vec<DeviceName>, ConfigError> {
    let local = |selector: &Selector| matches!(selector, Selector::One(DeviceName::Cpu | DeviceName::CpuProcess(_)));
    let found = if selectors.iter().all(local) { Ok(Vec::new()) } else { cuda() };
    let cards = || found.as_deref().unwrap_or_default().iter().copied().map(DeviceName::Cuda);
    let mut devices = Vec::new();
    for selector in selectors {
        let before = devices.len();
        match selector {
            Selector::One(DeviceName::Cuda(index)) => {
                devices.extend(cards().find(|card| *card == DeviceName::Cuda(*index)))
            }
            Selector::One(name) => devices.push(*name),
            Selector::EveryCuda | Selector::Auto => devices.extend(cards()),
            Selector::All => devices.extend(std::iter::once(DeviceName::Cpu).chain(cards())),
        }
        if devices.len() == before {
            match selector {
                Selector::Auto => devices.push(DeviceName::Cpu),
                _ => return Err(unfit(std::slice::from_ref(selector), absent(&found))),
            }
        }
    }
    let mut sorted = devices.clone();
    sorted.sort_unstable();
    if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(unfit(selectors, format!("{} is meant twice; name each device once", pair[0])));
    }
    if devices.is_empty() {
        return Err(unfit(
            selectors,
            "name at least one device, such as `cpu`, `cuda:0` or `auto` (--devices)".to_owned(),
        ));
    }
    Ok(devices)
}

fn absent(found: &Result<Vec<u16>, String>) -> String {
    match found {
        Ok(cards) if !cards.is_empty() => {
            let names: Vec<String> = cards.iter().map(|index| DeviceName::Cuda(*index).to_string()).collect();
            format!("the CUDA devices here are {}", names.join(", "))
        }
        Ok(_) => "CUDA finds no device here; see `miner devices`".to_owned(),
        Err(reason) => reason.clone(),
    }
}

fn unfit(selectors: &[Selector], remedy: String) -> ConfigError {
    let names: Vec<String> = selectors.iter().map(ToString::to_string).collect();
    ConfigError::Unfit { key: KEY, value: names.join(", "), remedy }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(devices: &[&str], cards: Result<Vec<u16>, String>) -> Result<Plan, String> {
        let devices = devices.iter().map(|device| device.parse().unwrap()).collect();
        let compute = ComputeConfig { devices, threads: 2, chains_per_device: 3 };
        Plan::new(&compute, &Policy::dev(), || cards).map_err(|error| error.to_string())
    }

    #[test]
    fn chains_are_numbered_through_the_devices() {
        let text = |devices: &[&str], cards| plan(devices, cards).unwrap().to_string();
        assert_eq!(text(&["cpu"], Err("asked for nothing".to_owned())), "cpu with 2 chains");
        assert_eq!(text(&["cuda:*"], Ok(vec![0, 1])), "cuda:0 with 3 chains, cuda:1 with 3 chains");
        assert_eq!(text(&["auto"], Ok(vec![4])), "cuda:4 with 3 chains");
        assert_eq!(text(&["auto"], Err("no driver".to_owned())), "cpu with 2 chains");
        let all = plan(&["all"], Ok(vec![0, 1])).unwrap();
        assert_eq!(all.chains(), 8);
        assert_eq!(all.shares().iter().map(|share| share.first).collect::<Vec<_>>(), [0, 2, 5]);
    }

    #[test]
    fn what_is_not_there_is_named_with_the_reason() {
        let refused = |devices: &[&str], cards| plan(devices, cards).unwrap_err();
        let error = refused(&["cpu", "cuda:*"], Err("this build has no CUDA".to_owned()));
        assert!(error.contains("cuda:*") && error.contains("this build has no CUDA"), "{error}");
        let error = refused(&["cuda:2"], Ok(vec![0, 1]));
        assert!(error.contains("cuda:2") && error.contains("cuda:0, cuda:1"), "{error}");
        assert!(refused(&["cuda:*"], Ok(Vec::new())).contains("miner devices"));
        assert!(refused(&["cuda:0", "cuda:*"], Ok(vec![0])).contains("twice"));
        assert!(refused(&[], Ok(Vec::new())).contains("at least one"));
    }

    #[test]
    fn auto_says_why_it_takes_the_processor() {
        let compute = ComputeConfig { devices: vec![Selector::Auto], ..ComputeConfig::default() };
        for (cards, reason) in [
            (Err("no driver".to_owned()), Some("`auto` takes the processor: no driver")),
            (Ok(Vec::new()), Some("`auto` takes the processor: CUDA finds no device here; see `miner devices`")),
            (Ok(vec![0]), None),
        ] {
            let plan = Plan::new(&compute, &Policy::dev(), || cards.clone()).unwrap();
            assert_eq!(plan.fallback(&compute, || cards).as_deref(), reason);
        }
    }

    #[test]
    fn more_chains_than_the_policy_admits_are_refused_with_the_sum() {
        let error = plan(&["cuda:*"], Ok(vec![0, 1, 2])).unwrap_err();
        assert!(
            error.contains("9 chains") && error.contains("admits 8") && error.contains("--chains-per-device"),
            "{error}"
        );
        assert!(plan(&["cuda:*"], Ok((0..u16::MAX).collect())).unwrap_err().contains("65535 chains"));
    }
}
