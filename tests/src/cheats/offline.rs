//! An address where nobody listens.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use miner::{Config, announce};
use neuron_common::chain::{ChainClient, Role};
use tokio::net::TcpSocket;
use tokio_util::sync::CancellationToken;

/// Holds an address, so that nobody else gets it, and accepts no connection there.
pub struct Offline {
    socket: TcpSocket,
    config: Config,
}

impl Offline {
    /// Takes the address.
    ///
    /// # Errors
    /// When it is in use.
    pub fn bind(config: &Config) -> Result<Self> {
        let listen = config.axon.listen;
        let socket = if listen.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.bind(listen).with_context(|| format!("cannot take {listen}; choose another `axon.listen`"))?;
        Ok(Self { socket, config: config.clone() })
    }

    /// The address that it announces.
    ///
    /// # Errors
    /// When the system does not know.
    pub fn address(&self) -> Result<SocketAddr> {
        Ok(self.config.axon.external.unwrap_or(self.socket.local_addr()?))
    }

    /// Announces the address and does nothing until `stop`.
    ///
    /// # Errors
    /// When wallet or chain cannot be opened.
    pub async fn run(self, stop: CancellationToken) -> Result<()> {
        let key = Arc::new(self.config.wallet.load_hotkey()?);
        let chain = ChainClient::connect(&self.config.chain, Role::Miner).await?;
        let idle = async {
            announce::announce(chain, key, self.config.netuid, self.address()?).await;
            std::future::pending::<Result<()>>().await
        };
        tokio::select! {
            () = stop.cancelled() => Ok(()),
            failed = idle => failed,
        }
    }
}
