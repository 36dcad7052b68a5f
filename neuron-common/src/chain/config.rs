//! Which chain.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::link::origin;

/// Where the chain is. In configuration files the section `[chain]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChainConfig {
    /// The WebSocket addresses of nodes of the chain, the preferred one first. `endpoint` with one address is the same.
    #[serde(alias = "endpoint", deserialize_with = "endpoints")]
    pub endpoints: Vec<Endpoint>,
    /// The genesis hash the chain must have, in hex; that of the first endpoint is taken if absent.
    #[serde(with = "genesis", skip_serializing_if = "Option::is_none")]
    pub genesis: Option<[u8; 32]>,
}

/// The WebSocket address of a node, such as `ws://127.0.0.1:9944`. Providers put access keys into the path, the query or the
/// user name: whatever may be one is shown as `***`, here, in logs and in errors.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint(String);

impl ChainConfig {
    /// Any chain that is served at this address.
    #[must_use]
    pub fn at(address: impl Into<String>) -> Self {
        Self { endpoints: vec![Endpoint(address.into())], genesis: None }
    }
}

impl Default for ChainConfig {
    fn default() -> Self {
        Self::at("wss://entrypoint-finney.opentensor.ai:443")
    }
}

impl Endpoint {
    /// An address; whether it is one is seen when it is dialled.
    #[must_use]
    pub fn new(address: impl Into<String>) -> Self {
        Self(address.into())
    }

    /// The whole address, to be dialled and not to be shown.
    pub(super) fn secret(&self) -> &str {
        &self.0
    }

    /// The address with what may be secret left out of sight. One without is shown as it is.
    fn masked(&self) -> String {
        let rest = self.0.split_once("://").map_or(self.0.as_str(), |(_, rest)| rest);
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at(end);
        let shown = origin(&self.0);
        let shown = if authority.contains('@') {
            let host = shown.rsplit('/').next().unwrap_or_default();
            shown.replace(host, &format!("***@{host}"))
        } else {
            shown
        };
        let tail = if tail.is_empty() || tail == "/" { tail } else { "/***" };
        shown + tail
    }
}

/// Scheme, host and port.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&origin(&self.0))
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.masked(), f)
    }
}

impl Serialize for Endpoint {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.masked())
    }
}

/// One address or a list of them. Errors do not repeat what was given: it may be secret.
fn endpoints<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Endpoint>, D::Error> {
    struct OneOrMore;

    impl<'de> serde::de::Visitor<'de> for OneOrMore {
        type Value = Vec<Endpoint>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the address of a node or a list of addresses")
        }

        fn visit_str<E>(self, one: &str) -> Result<Self::Value, E> {
            Ok(vec![Endpoint::new(one)])
        }

        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut endpoints = Vec::new();
            while let Some(address) = list.next_element::<String>()? {
                endpoints.push(Endpoint(address));
            }
            if endpoints.is_empty() {
                return Err(serde::de::Error::custom("give at least one address of a node"));
            }
            Ok(endpoints)
        }
    }

    from.deserialize_any(OneOrMore)
}

mod genesis {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub fn serialize<S: Serializer>(hash: &Option<[u8; 32]>, to: S) -> Result<S::Ok, S::Error> {
        match hash {
            Some(hash) => to.serialize_str(&format!("0x{}", hex::encode(hash))),
            None => to.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<[u8; 32]>, D::Error> {
        let text = String::deserialize(from)?;
        let bytes = hex::decode(text.strip_prefix("0x").unwrap_or(&text)).ok();
        let hash = bytes.and_then(|bytes| bytes.try_into().ok());
        hash.map(Some).ok_or_else(|| D::Error::custom("a genesis hash is 64 hex digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_genesis_hash_is_written_in_hex() {
        let text = format!("endpoints = [\"ws://127.0.0.1:9944\"]\ngenesis = \"0x{}\"\n", "2f".repeat(32));
        let config: ChainConfig = toml::from_str(&text).unwrap();
        assert_eq!(config.genesis, Some([0x2f; 32]));
        assert_eq!(toml::to_string(&config).unwrap(), text);
    }

    #[test]
    fn one_endpoint_is_a_list_of_one() {
        let parse = |text| toml::from_str::<ChainConfig>(text).unwrap();
        assert_eq!(parse("endpoint = \"ws://a\""), ChainConfig::at("ws://a"));
        assert_eq!(parse("endpoints = [\"ws://a\"]"), ChainConfig::at("ws://a"));
        assert_eq!(parse("endpoints = [\"ws://a\", \"ws://b\"]").endpoints, ["ws://a", "ws://b"].map(Endpoint::new));
    }

    #[test]
    fn what_names_no_endpoint_or_two_lists_is_refused() {
        let parse = |text| toml::from_str::<ChainConfig>(text).unwrap_err().to_string();
        assert!(parse("endpoint = \"ws://a\"\ngenesis = \"0x2f\"").contains("64 hex digits"));
        assert!(parse("endpoints = []").contains("at least one"));
        assert!(parse("endpoint = \"ws://a\"\nendpoints = [\"ws://b\"]").contains("endpoints"));
        assert!(parse("endpoint = 5").contains("the address of a node"));
        assert!(parse("endpoints = [\"ws://a\"]\nendpoimt = 1").contains("endpoimt"));
    }

    #[test]
    fn secrets_of_an_endpoint_are_shown_nowhere() {
        for (address, shown) in [
            ("wss://user:s3cret@node.example:443", "wss://***@node.example:443"),
            ("wss://node.example:443/v1/s3cret", "wss://node.example:443/***"),
            ("wss://node.example?key=s3cret", "wss://node.example/***"),
            ("user:s3cret@node.example", "***@node.example"),
            ("ws://127.0.0.1:9944", "ws://127.0.0.1:9944"),
            ("wss://node.example/", "wss://node.example/"),
        ] {
            let config = ChainConfig::at(address);
            assert_eq!(toml::to_string(&config).unwrap(), format!("endpoints = [\"{shown}\"]\n"));
            let texts =
                [format!("{config:?}"), config.endpoints[0].to_string(), serde_json::to_string(&config).unwrap()];
            assert!(texts.iter().all(|text| !text.contains("s3cret")), "{texts:?}");
        }
    }
}
