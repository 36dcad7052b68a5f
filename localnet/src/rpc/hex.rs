use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Bytes as hexadecimal digits. Written with `0x`, read with or without.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hex(pub Vec<u8>);

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = String::with_capacity(2 + 2 * self.0.len());
        text.push_str("0x");
        text.push_str(&hex::encode(&self.0));
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Digits;
        impl de::Visitor<'_> for Digits {
            type Value = Hex;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("hexadecimal digits")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Hex, E> {
                hex::decode(text.strip_prefix("0x").unwrap_or(text)).map(Hex).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Digits)
    }
}
