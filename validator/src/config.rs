//! What the operator sets.

use std::path::PathBuf;

use incentive::units::NetUid;
use neuron_common::config::{ChainConfig, ConfigError, Overrides, PolicyConfig, TelemetryConfig, WalletConfig, load};
use serde::{Deserialize, Serialize};

/// The configuration of a validator. Only `netuid` has no default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The subnet.
    pub netuid: NetUid,
    /// The policy of the subnet; all its neurons must have the same.
    #[serde(default)]
    pub policy: PolicyConfig,
    /// The database file. It belongs to one hotkey on one subnet.
    #[serde(default = "database")]
    pub database: PathBuf,
    /// The node.
    #[serde(default)]
    pub chain: ChainConfig,
    /// The hotkey.
    #[serde(default)]
    pub wallet: WalletConfig,
    /// How rounds are held.
    #[serde(default)]
    pub round: RoundConfig,
    /// Logs, metrics and the read API.
    #[serde(default)]
    pub telemetry: TelemetryConfig,
}

/// How rounds are held. In the configuration file the section `[round]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RoundConfig {
    /// Milliseconds that this program may stand still during a window before the round is void.
    pub lag_limit_ms: u32,
    /// Threads that check openings; 0 takes one per processor.
    pub verify_threads: usize,
}

/// The flags that only a validator has.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Args {
    /// Those of both neurons.
    #[command(flatten)]
    pub common: neuron_common::config::Args,
    /// Database file
    #[arg(long, value_name = "FILE", env = "ASSAY_DATABASE")]
    pub database: Option<String>,
    /// Milliseconds that the program may stand still during a window
    #[arg(long, value_name = "MS", env = "ASSAY_LAG_LIMIT_MS")]
    pub lag_limit_ms: Option<u32>,
}

impl Args {
    /// The configuration: file, over it the environment, over it the flags.
    ///
    /// # Errors
    /// Names the file and line, or the flag, and the remedy.
    pub fn load(&self) -> Result<Config, ConfigError> {
        load(self.common.config.as_deref(), &self.overrides())
    }

    fn overrides(&self) -> Overrides {
        self.common.overrides().set("database", "--database (ASSAY_DATABASE)", self.database.clone()).set(
            "round.lag_limit_ms",
            "--lag-limit-ms (ASSAY_LAG_LIMIT_MS)",
            self.lag_limit_ms.map(i64::from),
        )
    }
}

impl Default for RoundConfig {
    fn default() -> Self {
        Self { lag_limit_ms: 500, verify_threads: 0 }
    }
}

fn database() -> PathBuf {
    "validator.db".into()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn example(name: &str) -> Config {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(name);
        load(Some(&path), &Overrides::default()).unwrap()
    }

    #[test]
    fn the_full_example_is_the_minimal_one_with_all_defaults() {
        assert_eq!(example("validator.full.toml"), example("validator.minimal.toml"));
    }

    #[test]
    fn the_full_example_names_every_key() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/validator.full.toml");
        let written: toml_keys::Keys = toml_keys::of(&std::fs::read_to_string(path).unwrap());
        let all = toml_keys::of(&neuron_common::config::render(&example("validator.minimal.toml")).unwrap());
        assert_eq!(written, all);
    }

    #[test]
    fn unknown_keys_are_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "netuid = 1\n[round]\nlag = 3\n").unwrap();
        let error = load::<Config>(Some(file.path()), &Overrides::default()).unwrap_err().to_string();
        assert!(error.contains("lag"), "{error}");
    }

    /// Keys of a TOML text by section, without another parser: every example is written with one key per line.
    mod toml_keys {
        use std::collections::BTreeSet;

        pub(super) type Keys = BTreeSet<(String, String)>;

        pub(super) fn of(text: &str) -> Keys {
            let mut section = String::new();
            let mut keys = Keys::new();
            for line in text.lines().map(str::trim) {
                if let Some(name) = line.strip_prefix('[') {
                    section = name.trim_end_matches(']').to_owned();
                } else if let Some((key, _)) = line.split_once('=').filter(|_| !line.starts_with('#')) {
                    keys.insert((section.clone(), key.trim().to_owned()));
                }
            }
            keys
        }
    }
}
