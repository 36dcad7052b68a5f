//! What is paid for: each task has its own unit of work and its own share of the weight.

use parity_scale_codec::{Decode, Encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What a model is: BLAKE3 over tensors, precision and tokenizer (`engine::model::ModelInfo::digest`). Hexadecimal as text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct ModelDigest(pub [u8; 32]);

/// One kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Rounds of exact integer matrix products; scored in operations per second.
    Compute,
    /// Answers of this model; scored in thousandths of a token per second.
    Inference(ModelDigest),
}

impl Task {
    /// The stable name of its kind: metric label, record.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Compute => "compute",
            Self::Inference(_) => "inference",
        }
    }
}

impl std::fmt::Display for ModelDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for ModelDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for ModelDigest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("a model's digest is 64 hexadecimal digits, not {text:?}; `miner models --load` shows it");
        let digits = text.strip_prefix("0x").unwrap_or(text).as_bytes();
        let nibble = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let (pairs, []) = digits.as_chunks::<2>() else { return Err(wrong()) };
        let bytes: Option<Vec<u8>> =
            pairs.iter().map(|[high, low]| Some(nibble(*high)? << 4 | nibble(*low)?)).collect();
        bytes.and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or_else(wrong)
    }
}

impl Serialize for ModelDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ModelDigest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_as_text_is_the_digest() {
        let digest = ModelDigest(std::array::from_fn(|index| index as u8 * 7));
        assert_eq!(digest.to_string().parse(), Ok(digest));
        for wrong in ["", "12", "zz", &"g".repeat(64), &"a".repeat(63), &"a".repeat(66)] {
            assert!(wrong.parse::<ModelDigest>().is_err(), "{wrong}");
        }
    }
}
