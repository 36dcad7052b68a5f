//! Tells the chain where the axon is.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use incentive::units::NetUid;
use neuron_common::chain::{Announced, ChainClient, Role};
use neuron_common::exit;
use neuron_common::keystore::Keypair;

use crate::app::registered;
use crate::config::{AxonConfig, Config};

/// The first pause after a refusal; doubled up to [`LONGEST`].
const FIRST: Duration = Duration::from_secs(2);
/// The longest pause between two attempts.
const LONGEST: Duration = Duration::from_secs(120);

/// Announces the axon, again and again until the chain has it.
pub async fn announce(chain: ChainClient, key: Arc<Keypair>, netuid: NetUid, address: SocketAddr) {
    let mut pause = FIRST;
    loop {
        match chain.announce(&key, netuid, address).await {
            Ok(Announced::Served) => return tracing::info!(%address, "the axon is announced"),
            Ok(Announced::AlreadyThere) => return tracing::info!(%address, "the chain knows the axon already"),
            Err(error) => tracing::warn!(%error, retry_in_seconds = pause.as_secs(), "the axon could not be announced"),
        }
        tokio::time::sleep(pause).await;
        pause = (2 * pause).min(LONGEST);
    }
}

/// `miner serve`: announces the axon once and says so. Whoever runs the axon, it needs the hotkey alone.
///
/// # Errors
/// Names what is missing or refused, and the remedy.
pub async fn once(config: &Config, json: bool) -> Result<ExitCode> {
    let (netuid, address) = (config.netuid, address(&config.axon, config.axon.listen)?);
    let key = config.wallet.load_hotkey()?;
    let chain = ChainClient::connect(&config.chain, Role::Miner).await?;
    registered(&key, netuid, &chain.snapshot(netuid, None).await?)?;
    let already = match chain.announce(&key, netuid, address).await? {
        Announced::Served => false,
        Announced::AlreadyThere => true,
    };
    let hotkey = key.address();
    let text = if json {
        let outcome = serde_json::json!({ "netuid": netuid, "hotkey": hotkey, "axon": address, "already": already });
        serde_json::to_string_pretty(&outcome)? + "\n"
    } else {
        let how = if already { "was announced already, nothing was sent" } else { "is announced" };
        format!("axon {address} of hotkey {hotkey} on subnet {netuid} {how}\n")
    };
    exit::print(&text);
    Ok(ExitCode::SUCCESS)
}

/// The address to announce for an axon that listens on `listening`.
///
/// # Errors
/// If that is no address that anybody could dial; names the key and the flag.
pub fn address(axon: &AxonConfig, listening: SocketAddr) -> Result<SocketAddr> {
    let address = axon.external.unwrap_or(listening);
    ensure!(
        !address.ip().is_unspecified() && address.port() != 0,
        "{address} cannot be announced; set `axon.external` (--external) to the address that validators reach"
    );
    Ok(address)
}
