//! Configuration: a TOML file, over it the environment, over it the flags.
//!
//! A binary has one struct with a section for each part, `serde(deny_unknown_fields)`, and [`Args`] among its flags.

mod error;
mod load;
#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use incentive::policy::Policy;
use serde::{Deserialize, Serialize};

pub use crate::chain::ChainConfig;
use crate::keystore::{self, Keypair, KeystoreError, Passwords, WalletPath};
pub use error::ConfigError;
pub use load::{Overrides, load, render};

/// Whose hotkey. In configuration files the section `[wallet]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WalletConfig {
    /// The folder with all wallets; `~/` is the home folder.
    pub path: PathBuf,
    /// The wallet's name, or `wallet/hotkey`.
    pub name: String,
    /// The hotkey's name.
    pub hotkey: String,
    /// A file whose first line is the password of an encrypted key; `~/` is the home folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
}

/// What a neuron tells about itself. In configuration files the section `[telemetry]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetryConfig {
    /// Where `/metrics` and `/healthz` are served. They are for the operator: keep it on loopback or a private network.
    pub listen: SocketAddr,
    /// What is logged: a level (`info`) or directives (`info,neuron_common=debug`).
    pub log: String,
    /// How it is logged.
    pub format: LogFormat,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Which policy: `dev`, `production`, or the path of a TOML file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PolicyConfig(pub String);

/// The flags that both neurons have. Each overrides the environment, which overrides the file.
// Without a group: a binary flattens them into its own `Args`, and two groups of one name are refused.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(skip)]
pub struct Args {
    /// Configuration file (TOML)
    #[arg(short, long, value_name = "FILE", env = "ASSAY_CONFIG")]
    pub config: Option<PathBuf>,
    /// Subnet to serve
    #[arg(long, value_name = "N", env = "ASSAY_NETUID")]
    pub netuid: Option<u16>,
    /// The chain's WebSocket endpoints, the preferred one first, separated by commas
    // Its value may hold a provider's key, which `--help` would show.
    #[arg(long, value_name = "URL", env = "BT_CHAIN_ENDPOINT", hide_env_values = true)]
    pub endpoint: Option<String>,
    /// Wallet name, or wallet/hotkey
    #[arg(long, value_name = "NAME", env = "BT_WALLET")]
    pub wallet: Option<String>,
    /// Hotkey name
    #[arg(long, value_name = "NAME", env = "BT_WALLET_HOTKEY")]
    pub hotkey: Option<String>,
    /// Folder with all wallets
    #[arg(long, value_name = "DIR", env = "BT_WALLET_PATH")]
    pub wallet_path: Option<String>,
    /// File with the password of an encrypted key
    #[arg(long, value_name = "FILE", env = "BT_WALLET_PASSWORD_FILE")]
    pub password_file: Option<String>,
    /// Policy of the subnet: dev, production, or a TOML file
    #[arg(long, value_name = "POLICY", env = "ASSAY_POLICY")]
    pub policy: Option<String>,
    /// Address of /metrics and /healthz
    #[arg(long, value_name = "ADDRESS", env = "ASSAY_TELEMETRY_LISTEN")]
    pub telemetry_listen: Option<SocketAddr>,
    /// Log level or directives
    #[arg(long, value_name = "FILTER", env = "ASSAY_TELEMETRY_LOG")]
    pub log: Option<String>,
    /// Form of log lines
    #[arg(long, value_name = "FORMAT", env = "ASSAY_TELEMETRY_FORMAT")]
    pub log_format: Option<LogFormat>,
}

// === impl Args ===

impl Args {
    /// What the flags and the environment set, to be laid over the file.
    #[must_use]
    pub fn overrides(&self) -> Overrides {
        let format = self.log_format.map(|format| match format {
            LogFormat::Text => "text",
            LogFormat::Json => "json",
        });
        Overrides::default()
            .set("netuid", "--netuid (ASSAY_NETUID)", self.netuid.map(i64::from))
            .replace("chain.endpoints", "chain.endpoint", "--endpoint (BT_CHAIN_ENDPOINT)", self.endpoints())
            .set("wallet.name", "--wallet (BT_WALLET)", self.wallet.clone())
            .set("wallet.hotkey", "--hotkey (BT_WALLET_HOTKEY)", self.hotkey.clone())
            .set("wallet.path", "--wallet-path (BT_WALLET_PATH)", self.wallet_path.clone())
            .set("wallet.password_file", "--password-file (BT_WALLET_PASSWORD_FILE)", self.password_file.clone())
            .set("policy", "--policy (ASSAY_POLICY)", self.policy.clone())
            .set(
                "telemetry.listen",
                "--telemetry-listen (ASSAY_TELEMETRY_LISTEN)",
                self.telemetry_listen.map(|address| address.to_string()),
            )
            .set("telemetry.log", "--log (ASSAY_TELEMETRY_LOG)", self.log.clone())
            .set("telemetry.format", "--log-format (ASSAY_TELEMETRY_FORMAT)", format)
    }

    fn endpoints(&self) -> Option<Vec<String>> {
        let list = self.endpoint.as_ref()?.split(',').map(str::trim);
        Some(list.filter(|address| !address.is_empty()).map(str::to_owned).collect())
    }
}

// === impl WalletConfig ===

impl WalletConfig {
    /// Where the hotkey lies.
    ///
    /// # Errors
    /// If a name is no file name.
    pub fn path(&self) -> Result<WalletPath, KeystoreError> {
        WalletPath::new(&self.path, &self.name, &self.hotkey)
    }

    /// Where the passwords of encrypted keys come from.
    #[must_use]
    pub fn passwords(&self) -> Passwords {
        Passwords::new(self.password_file.as_deref())
    }

    /// The hotkey, which signs everything that a running neuron sends.
    ///
    /// # Errors
    /// Names the file and the remedy.
    pub fn load_hotkey(&self) -> Result<Keypair, KeystoreError> {
        keystore::load_hotkey(&self.path()?, &self.passwords())
    }
}

impl Default for WalletConfig {
    fn default() -> Self {
        Self {
            path: "~/.bittensor/wallets".into(),
            name: "default".to_owned(),
            hotkey: "default".to_owned(),
            password_file: None,
        }
    }
}

// === impl TelemetryConfig ===

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self { listen: (Ipv4Addr::LOCALHOST, 9615).into(), log: "info".to_owned(), format: LogFormat::Text }
    }
}

// === impl PolicyConfig ===

impl PolicyConfig {
    /// The policy that is meant, checked.
    ///
    /// # Errors
    /// If the file cannot be read or its policy cannot work.
    pub fn load(&self) -> Result<Policy, ConfigError> {
        let policy = match Policy::preset(&self.0) {
            Some(policy) => policy,
            None => load::file(Path::new(&self.0)).map_err(|error| match error {
                ConfigError::Read { path, source } => ConfigError::Policy { path, source },
                other => other,
            })?,
        };
        policy.validate().map_err(|source| ConfigError::Unworkable { origin: self.0.clone(), source })?;
        Ok(policy)
    }
}

impl Default for PolicyConfig {
    fn default() -> Self {
        Self("production".to_owned())
    }
}
