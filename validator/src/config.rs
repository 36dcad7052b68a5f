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
    /// How models are measured, where the policy pays for any.
    #[serde(default)]
    pub inference: InferenceConfig,
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

/// How models are measured. In the configuration file the section `[inference]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InferenceConfig {
    /// The file with the shapes of requests; without it those that are built in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traffic: Option<PathBuf>,
    /// How many of a hundred tokens of a window are checked, where the budget allows.
    pub audit_percent: u32,
    /// Tokens, of prompts and answers, that are computed at most for the checks of one window, and again between two.
    pub budget_tokens: u32,
    /// Probes of each miner and model between two windows.
    pub probes_per_epoch: u32,
    /// Threads that check answers; 0 takes one per processor.
    pub threads: usize,
    /// This validator's own copies of the models.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<CopyConfig>,
}

/// A copy of a model. It is known to the policy by its digest, not by a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CopyConfig {
    /// A folder as Hugging Face lays it out, or a .gguf file.
    pub path: PathBuf,
    /// What honest answers look like, as `validator calibrate` has written it.
    pub table: PathBuf,
    /// How its matrices are held; as stored, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision: Option<String>,
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
        let config: Config = load(self.common.config.as_deref(), &self.overrides())?;
        config.inference.check()?;
        Ok(config)
    }

    fn overrides(&self) -> Overrides {
        self.common.overrides().set("database", "--database (ASSAY_DATABASE)", self.database.clone()).set(
            "round.lag_limit_ms",
            "--lag-limit-ms (ASSAY_LAG_LIMIT_MS)",
            self.lag_limit_ms.map(i64::from),
        )
    }
}

impl InferenceConfig {
    /// Whether answers can be checked this way.
    ///
    /// # Errors
    /// Names the key and the remedy.
    pub fn check(&self) -> Result<(), ConfigError> {
        let unfit = |key, value: &dyn ToString, remedy: &str| {
            Err(ConfigError::Unfit { key, value: value.to_string(), remedy: remedy.into() })
        };
        if !(1..=100).contains(&self.audit_percent) {
            return unfit(
                "inference.audit_percent",
                &self.audit_percent,
                "choose 1 to 100: with none, nothing is checked",
            );
        }
        if self.budget_tokens == 0 {
            return unfit("inference.budget_tokens", &0, "see `validator check` for what this machine manages");
        }
        if self.probes_per_epoch > 10_000 {
            return unfit("inference.probes_per_epoch", &self.probes_per_epoch, "choose at most 10000");
        }
        let mut precisions = self.models.iter().filter_map(|model| model.precision.as_deref());
        match precisions.find(|name| name.parse::<engine::model::Precision>().is_err()) {
            Some(name) => unfit("inference.models.precision", &name, "choose f32, bf16, f16, q8_0 or q4_k"),
            None => Ok(()),
        }
    }
}

impl Default for InferenceConfig {
    fn default() -> Self {
        Self {
            traffic: None,
            audit_percent: 5,
            budget_tokens: 50_000,
            probes_per_epoch: 30,
            threads: 0,
            models: Vec::new(),
        }
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

    #[test]
    fn what_cannot_work_is_refused_by_its_key() {
        let refused = |change: fn(&mut InferenceConfig)| {
            let mut config = InferenceConfig::default();
            change(&mut config);
            config.check().unwrap_err().to_string()
        };
        assert!(refused(|config| config.audit_percent = 0).contains("inference.audit_percent"));
        assert!(refused(|config| config.audit_percent = 101).contains("inference.audit_percent"));
        assert!(refused(|config| config.budget_tokens = 0).contains("inference.budget_tokens"));
        assert!(refused(|config| config.probes_per_epoch = 10_001).contains("inference.probes_per_epoch"));
        let copy = CopyConfig { path: "m".into(), table: "t".into(), precision: Some("int3".into()) };
        let mut config = InferenceConfig { models: vec![copy], ..InferenceConfig::default() };
        assert!(config.check().unwrap_err().to_string().contains("int3"));
        config.models[0].precision = Some("q8_0".into());
        config.check().unwrap();
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
