//! Which chain.

use serde::{Deserialize, Serialize};

/// Where the chain is. In configuration files the section `[chain]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChainConfig {
    /// The node's WebSocket address, such as `ws://127.0.0.1:9944`.
    pub endpoint: String,
    /// The genesis hash the chain must have, in hex; any chain is taken if absent.
    #[serde(with = "genesis", skip_serializing_if = "Option::is_none")]
    pub genesis: Option<[u8; 32]>,
}

impl Default for ChainConfig {
    fn default() -> Self {
        Self { endpoint: "wss://entrypoint-finney.opentensor.ai:443".to_owned(), genesis: None }
    }
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
        let text = format!("endpoint = \"ws://127.0.0.1:9944\"\ngenesis = \"0x{}\"\n", "2f".repeat(32));
        let config: ChainConfig = toml::from_str(&text).unwrap();
        assert_eq!(config.genesis, Some([0x2f; 32]));
        assert_eq!(toml::to_string(&config).unwrap(), text);
        assert_eq!(toml::from_str::<ChainConfig>("endpoint = \"ws://a\"").unwrap().genesis, None);
    }

    #[test]
    fn a_short_hash_and_unknown_fields_are_refused() {
        let parse = |text| toml::from_str::<ChainConfig>(text).unwrap_err().to_string();
        assert!(parse("endpoint = \"ws://a\"\ngenesis = \"0x2f\"").contains("64 hex digits"));
        assert!(parse("endpoint = \"ws://a\"\nendpoints = []").contains("endpoints"));
    }
}
