//! Announcing where a neuron serves.

use std::net::{IpAddr, SocketAddr};

use incentive::units::NetUid;
use runtime_metadata::items;

use super::reads::AxonInfo;
use super::runtime::{self, Call};
use super::{ChainClient, ChainError, Value};
use crate::keystore::Keypair;

/// The version of assay's protocol that is announced with the address.
const VERSION: u32 = 1;

/// What the field `protocol` is by convention.
const PROTOCOL: u8 = 4;

/// What announcing did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announced {
    /// The chain now holds the address.
    Served,
    /// The chain held it already; nothing was sent.
    AlreadyThere,
}

impl ChainClient {
    /// Announces the address of a registered neuron, unless the chain holds it already.
    ///
    /// # Errors
    /// [`ChainError::InvalidAddress`] for an address that nobody could dial, [`ChainError::Refused`] or
    /// [`ChainError::Failed`] if the chain refuses (not registered, or announced too recently), or if the node does not
    /// answer in time.
    pub async fn announce(&self, key: &Keypair, netuid: NetUid, address: SocketAddr) -> Result<Announced, ChainError> {
        let axon = axon(address)?;
        if self.announced(key, netuid).await?.is_some_and(|there| there == axon) {
            return Ok(Announced::AlreadyThere);
        }
        let signed = self.sign_call(key, &axon_call(netuid, &axon)).await?;
        self.submit(&signed).await?;
        Ok(Announced::Served)
    }

    async fn announced(&self, key: &Keypair, netuid: NetUid) -> Result<Option<AxonInfo>, ChainError> {
        self.on_link("reading the announced address", async |link| {
            let keys = vec![Value::from(netuid.get()), Value::from_bytes(key.hotkey().0)];
            self.at_head(&link).await?.storage(items::AXONS, keys).await
        })
        .await
    }
}

fn axon(address: SocketAddr) -> Result<AxonInfo, ChainError> {
    let invalid = |reason| Err(ChainError::InvalidAddress { address: address.to_string(), reason });
    if address.port() == 0 {
        return invalid("port 0 cannot be dialled; give the port that is reachable from outside");
    }
    if address.ip().is_unspecified() || address.ip().is_multicast() {
        return invalid("it is no address of one machine; give the one that is reachable from outside");
    }
    let (ip, ip_type) = match address.ip().to_canonical() {
        IpAddr::V4(ip) if ip.is_broadcast() => return invalid("it is no address of one machine"),
        IpAddr::V4(ip) => (u128::from(u32::from(ip)), 4),
        IpAddr::V6(ip) => (u128::from(ip), 6),
    };
    Ok(AxonInfo { version: VERSION, ip, port: address.port(), ip_type, protocol: PROTOCOL })
}

fn axon_call(netuid: NetUid, axon: &AxonInfo) -> Call {
    let arguments = [
        Value::from(netuid.get()),
        Value::from(axon.version),
        Value::from(axon.ip),
        Value::from(axon.port),
        Value::from(axon.ip_type),
        Value::from(axon.protocol),
        Value::from(0u8),
        Value::from(0u8),
    ];
    runtime::call(items::SERVE_AXON, arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_become_numbers_and_back() {
        for text in ["203.0.113.7:8091", "[2001:db8::7]:8091", "127.0.0.1:1"] {
            let address: SocketAddr = text.parse().unwrap();
            assert_eq!(axon(address).unwrap().address(), Some(address));
        }
        let axon = axon("1.2.3.4:8091".parse().unwrap()).unwrap();
        assert_eq!((axon.ip, axon.ip_type, axon.protocol), (0x0102_0304, 4, 4));
    }

    #[test]
    fn a_mapped_address_is_announced_as_the_ipv4_that_it_is() {
        let axon = axon("[::ffff:1.2.3.4]:8091".parse().unwrap()).unwrap();
        assert_eq!((axon.ip, axon.ip_type), (0x0102_0304, 4));
    }

    #[test]
    fn what_cannot_be_dialled_is_not_announced() {
        for text in ["0.0.0.0:8091", "[::]:8091", "1.2.3.4:0", "255.255.255.255:8091", "224.0.0.1:8091"] {
            let refused = axon(text.parse().unwrap());
            assert!(matches!(refused, Err(ChainError::InvalidAddress { .. })), "{text}: {refused:?}");
        }
    }

    #[test]
    fn nonsense_on_the_chain_is_no_address() {
        let axon = |ip, port, ip_type| AxonInfo { version: 1, ip, port, ip_type, protocol: 4 }.address();
        assert_eq!(axon(0, 0, 0), None, "never announced");
        assert_eq!(axon(u128::MAX, 8091, 4), None, "too large for IPv4");
        assert_eq!(axon(0x0102_0304, 8091, 5), None, "no such family");
        assert_eq!(axon(0x0102_0304, 0, 4), None, "no port");
        assert_eq!(axon(0, 8091, 4), None, "reset");
    }
}
