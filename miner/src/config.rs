//! What a miner is told: one section for each part, file < environment < flag.

use std::net::{Ipv4Addr, SocketAddr};

use incentive::policy::Policy;
use incentive::units::NetUid;
use neuron_common::config::{ChainConfig, ConfigError, PolicyConfig, TelemetryConfig, WalletConfig};
use serde::{Deserialize, Serialize};

use crate::device::plan::Plan;
use crate::device::{DeviceName, Selector, cuda};
use crate::inference::config::InferenceConfig;

/// A miner's configuration. `netuid` has no default: nobody should mine on a subnet by accident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The subnet.
    pub netuid: NetUid,
    /// What the neurons of the subnet have agreed on: `dev`, `production`, or a file.
    #[serde(default)]
    pub policy: PolicyConfig,
    /// Which chain.
    #[serde(default)]
    pub chain: ChainConfig,
    /// Whose hotkey.
    #[serde(default)]
    pub wallet: WalletConfig,
    /// Where validators call.
    #[serde(default)]
    pub axon: AxonConfig,
    /// What works.
    #[serde(default)]
    pub compute: ComputeConfig,
    /// Which models are served, and to whom.
    #[serde(default)]
    pub inference: InferenceConfig,
    /// Logs and metrics.
    #[serde(default)]
    pub telemetry: TelemetryConfig,
}

/// Where validators call. In configuration files the section `[axon]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AxonConfig {
    /// The address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The address to announce, when it is not the one that is listened on (behind NAT, or listening on 0.0.0.0).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external: Option<SocketAddr>,
    /// Whether to announce at all.
    pub announce: bool,
    /// Requests that are checked or opened at once; more get status 429.
    pub requests: usize,
    /// Connections at once, a quarter of them from one address; more are closed.
    pub connections: usize,
}

/// What works. In configuration files the section `[compute]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ComputeConfig {
    /// What computes. Names decide where chains run and nothing else: what is paid is what a validator has counted.
    pub devices: Vec<Selector>,
    /// Threads of the device `cpu`, each with a chain of its own.
    pub threads: u16,
    /// Chains of every other device. Two keep a card busy while one of them is between two rounds.
    pub chains_per_device: u16,
}

impl Config {
    /// The policy, if this miner's settings fit it.
    ///
    /// # Errors
    /// Names the key and the remedy.
    pub fn policy(&self) -> Result<Policy, ConfigError> {
        self.inference.check()?;
        let policy = self.policy.load()?;
        let most = policy.compute.chains_max;
        let unfit = |key, value: u16, remedy| Err(ConfigError::Unfit { key, value: value.to_string(), remedy });
        let ComputeConfig { threads, chains_per_device, .. } = self.compute;
        if !(1..=most).contains(&threads) {
            let remedy = format!("choose 1 to {most} (--threads): the policy admits no more chains");
            return unfit("compute.threads", threads, remedy);
        }
        // How many fit depends on how many devices there are: the plan says it.
        if chains_per_device == 0 {
            let remedy = "choose at least 1 (--chains-per-device), better 2 or 3".to_owned();
            return unfit("compute.chains_per_device", chains_per_device, remedy);
        }
        Ok(policy)
    }

    /// Which chains work on which device of this machine.
    ///
    /// # Errors
    /// Names the device that is not there, or why the chains do not fit the policy, and the remedy.
    pub fn plan(&self, policy: &Policy) -> Result<Plan, ConfigError> {
        Plan::new(&self.compute, policy, cuda::indices)
    }
}

impl Default for AxonConfig {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::UNSPECIFIED, 8091).into(),
            external: None,
            announce: true,
            requests: 64,
            connections: 256,
        }
    }
}

impl Default for ComputeConfig {
    fn default() -> Self {
        Self { devices: vec![Selector::One(DeviceName::Cpu)], threads: 1, chains_per_device: 3 }
    }
}

#[cfg(test)]
mod tests {
    use neuron_common::config::{Overrides, load};

    use super::*;

    fn example(name: &str) -> Config {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(name);
        load(Some(&path), &Overrides::default()).unwrap()
    }

    #[test]
    fn the_full_example_is_the_minimal_one_with_all_defaults() {
        assert_eq!(example("miner.full.toml"), example("miner.minimal.toml"));
    }

    #[test]
    fn the_full_example_has_every_key() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config/miner.full.toml");
        let text = std::fs::read_to_string(path).unwrap();
        let rendered = neuron_common::config::render(&example("miner.minimal.toml")).unwrap();
        for key in rendered.lines().filter_map(|line| line.split_once(" = ").map(|(key, _)| key)) {
            assert!(text.contains(&format!("\n{key} = ")), "{key} is not in the full example");
        }
    }

    #[test]
    fn more_threads_than_chains_are_refused() {
        let mut config = Config { policy: PolicyConfig("dev".into()), ..example("miner.minimal.toml") };
        for (threads, fits) in [(0, false), (1, true), (8, true), (9, false)] {
            config.compute.threads = threads;
            assert_eq!(config.policy().is_ok(), fits, "{threads}");
        }
        config.compute = ComputeConfig { chains_per_device: 0, ..ComputeConfig::default() };
        assert!(config.policy().unwrap_err().to_string().contains("--chains-per-device"));
    }

    #[test]
    fn a_device_that_nobody_knows_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "netuid = 1\n[compute]\ndevices = [\"cpu\", \"gpu0\"]\n").unwrap();
        let error = load::<Config>(Some(file.path()), &Overrides::default()).unwrap_err().to_string();
        assert!(error.contains(":3: `gpu0` is no device") && error.contains("`cuda:0`"), "{error}");
    }
}
