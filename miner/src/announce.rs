//! Tells the chain where the axon is.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use incentive::units::NetUid;
use neuron_common::chain::{Announced, ChainClient};
use neuron_common::keystore::Keypair;

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
