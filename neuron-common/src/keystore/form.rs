//! The content of a key file that is not encrypted: JSON, or a bare seed, private key or phrase.

use incentive::units::Hotkey;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Keypair, Scheme, parse_ss58, ss58};

/// Why a text is no key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// Not the form of a key file.
    Form(&'static str),
    /// A keystore of polkadot.js, which is encrypted in its own way.
    Polkadot,
    /// No secret in it.
    PublicOnly,
    /// The secret derives another address than the one stated.
    Mismatch {
        /// The address in the file.
        stated: String,
        /// The address that the secret derives.
        derived: String,
    },
}

/// The fields of Bittensor's JSON that matter here; what else stands in it is skipped.
#[derive(Deserialize)]
struct Fields {
    #[serde(rename = "secretPhrase")]
    phrase: Option<Zeroizing<String>>,
    #[serde(rename = "secretSeed")]
    seed: Option<Zeroizing<String>>,
    #[serde(rename = "privateKey")]
    private: Option<Zeroizing<String>>,
    #[serde(rename = "publicKey")]
    public: Option<String>,
    /// Old files carry the name with a leading space.
    #[serde(rename = "ss58Address", alias = " ss58Address")]
    address: Option<String>,
    #[serde(rename = "cryptoType")]
    scheme: Option<SchemeField>,
    /// Marks an export of polkadot.js.
    encoding: Option<serde::de::IgnoredAny>,
}

/// A number, or in older files a string of digits.
#[derive(Deserialize)]
#[serde(untagged)]
enum SchemeField {
    Number(u8),
    Text(String),
}

/// A file as Bittensor's tools write it; a public file lacks the secrets.
#[derive(Serialize)]
struct Written<'a> {
    #[serde(rename = "accountId")]
    account: &'a str,
    #[serde(rename = "publicKey")]
    public: &'a str,
    #[serde(rename = "ss58Address")]
    address: &'a str,
    #[serde(rename = "cryptoType")]
    scheme: u8,
    #[serde(rename = "secretPhrase", skip_serializing_if = "Option::is_none")]
    phrase: Option<&'a str>,
    #[serde(rename = "secretSeed", skip_serializing_if = "Option::is_none")]
    seed: Option<&'a str>,
    #[serde(rename = "privateKey", skip_serializing_if = "Option::is_none")]
    private: Option<&'a str>,
}

/// The key in a text.
///
/// Its phrase counts, else its seed, else its private key; where its address is that of the other scheme, it is of that.
pub fn parse(text: &str) -> Result<Keypair, Unusable> {
    let text = text.trim();
    if !text.starts_with('{') {
        return bare(text).ok_or(Unusable::Form("neither JSON nor a seed, private key or phrase"));
    }
    let fields = fields(text)?;
    if fields.phrase.is_none() && fields.seed.is_none() && fields.private.is_none() {
        return Err(Unusable::PublicOnly);
    }
    let scheme = fields.scheme()?;
    let key = fields.key(scheme);
    match (&fields.address, key) {
        (None, Some(key)) => Ok(key),
        (Some(stated), Some(key)) if stated == key.address() => Ok(key),
        (stated, key) => match (stated, fields.key(scheme.other()), key) {
            (Some(stated), Some(other), _) if stated == other.address() => Ok(other),
            (Some(stated), _, Some(key)) => {
                Err(Unusable::Mismatch { stated: stated.clone(), derived: key.address().to_owned() })
            }
            _ => Err(Unusable::Form("its secret is not valid")),
        },
    }
}

/// The public key that a text names; no secret is needed, and none is looked at.
pub fn parse_public(text: &str) -> Result<Hotkey, Unusable> {
    let fields = fields(text.trim())?;
    let stated = fields.address.as_deref().and_then(parse_ss58);
    let public = fields.public.and_then(|public| bytes::<32>(&public)).map(|public| Hotkey(*public));
    match (stated, public) {
        (Some(stated), Some(public)) if stated != public => {
            Err(Unusable::Form("publicKey and ss58Address name different keys"))
        }
        (Some(key), _) | (None, Some(key)) => Ok(key),
        (None, None) => Err(Unusable::Form("it names no public key")),
    }
}

/// The file of a key with its secrets.
pub fn render(key: &Keypair) -> Result<Zeroizing<Vec<u8>>, serde_json::Error> {
    let prefixed = |bytes: &[u8]| {
        let mut text = Zeroizing::new(String::with_capacity(2 + 2 * bytes.len()));
        text.push_str("0x");
        text.push_str(&Zeroizing::new(hex::encode(bytes)));
        text
    };
    let (seed, private) = (key.seed().map(|seed| prefixed(seed.as_ref())), prefixed(&key.private()));
    written(
        &key.hotkey(),
        key.scheme(),
        key.phrase().map(|phrase| phrase.as_str()),
        seed.as_ref().map(|seed| seed.as_str()),
        Some(&private),
    )
}

/// The file of a public key.
pub fn render_public(key: &Hotkey, scheme: Scheme) -> Result<Zeroizing<Vec<u8>>, serde_json::Error> {
    written(key, scheme, None, None, None)
}

fn written(
    key: &Hotkey,
    scheme: Scheme,
    phrase: Option<&str>,
    seed: Option<&str>,
    private: Option<&str>,
) -> Result<Zeroizing<Vec<u8>>, serde_json::Error> {
    let (public, address) = (format!("0x{}", hex::encode(key.0)), ss58(key));
    let file = Written {
        account: &public,
        public: &public,
        address: &address,
        scheme: scheme.number(),
        phrase,
        seed,
        private,
    };
    // Large enough that it never grows: what it grew out of would not be wiped.
    let mut text = Zeroizing::new(Vec::with_capacity(4096));
    serde_json::to_writer(&mut *text, &file)?;
    Ok(text)
}

impl Fields {
    fn scheme(&self) -> Result<Scheme, Unusable> {
        let scheme = match &self.scheme {
            None => Some(Scheme::Sr25519),
            Some(SchemeField::Number(number)) => Scheme::parse(&number.to_string()),
            Some(SchemeField::Text(text)) => Scheme::parse(text),
        };
        scheme.ok_or(Unusable::Form("its cryptoType is neither 0 (ed25519) nor 1 (sr25519)"))
    }

    fn key(&self, scheme: Scheme) -> Option<Keypair> {
        match (&self.phrase, &self.seed, &self.private) {
            (Some(phrase), _, _) => Keypair::from_phrase(scheme, phrase).ok(),
            (None, Some(seed), _) => bytes::<32>(seed).map(|seed| Keypair::seeded(scheme, &seed)),
            (None, None, Some(private)) => match scheme {
                Scheme::Sr25519 => Keypair::from_private(scheme, &*bytes::<64>(private)?),
                Scheme::Ed25519 => Keypair::from_private(scheme, &*bytes::<32>(private)?),
            },
            (None, None, None) => None,
        }
    }
}

/// The parser's own message may quote the file, so it is dropped.
fn fields(text: &str) -> Result<Fields, Unusable> {
    let fields: Fields =
        serde_json::from_str(text).map_err(|_| Unusable::Form("its JSON does not have Bittensor's fields"))?;
    if fields.encoding.is_some() { Err(Unusable::Polkadot) } else { Ok(fields) }
}

/// A bare secret says nothing of its scheme: it is sr25519, as Bittensor's tools take it.
fn bare(text: &str) -> Option<Keypair> {
    if let Some(seed) = bytes::<32>(text) {
        return Some(Keypair::from_seed(&seed));
    }
    if let Some(private) = bytes::<64>(text) {
        return Keypair::from_private(Scheme::Sr25519, &*private);
    }
    Keypair::from_phrase(Scheme::Sr25519, text).ok()
}

fn bytes<const N: usize>(text: &str) -> Option<Zeroizing<[u8; N]>> {
    let mut bytes = Zeroizing::new([0; N]);
    hex::decode_to_slice(text.strip_prefix("0x").unwrap_or(text), bytes.as_mut()).ok()?;
    Some(bytes)
}
