//! The bytes agree with those of the Python wheels, in both directions; `vectors/README.md` says how they were made.

use serde::Deserialize;
use timelock::{Beacon, Error, PublicKey, RANDOMNESS, Round, SecretKey, Signature, decrypt, encrypt};

const WHEEL: &str = include_str!("../vectors/wheel.json");
const OURS: &str = include_str!("../vectors/ours.json");
/// Quicknet's signature of round 1000.
const PULSE: &str = "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39";

fn bytes<const LEN: usize>(text: &str) -> [u8; LEN] {
    hex::decode(text).unwrap().try_into().unwrap()
}

fn pulse() -> Signature {
    Signature::from_bytes(&bytes(PULSE)).unwrap()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    by: String,
    message: String,
    ciphertext: String,
}

#[test]
fn what_the_wheels_seal_opens_here() {
    let cases: Vec<Sealed> = serde_json::from_str(WHEEL).unwrap();
    for wheel in ["bittensor_core 0.1.5", "bittensor_drand 2.0.0"] {
        assert_eq!(cases.iter().filter(|case| case.by == wheel).count(), 5, "{wheel}");
    }
    for Sealed { by, message, ciphertext } in cases {
        let (message, ciphertext) = (hex::decode(message).unwrap(), hex::decode(ciphertext).unwrap());
        assert_eq!(decrypt(&ciphertext, &pulse()).unwrap(), message, "{by}, {} bytes", message.len());
        let mut changed = ciphertext;
        let middle = changed.len() / 2;
        changed[middle] ^= 1;
        assert!(decrypt(&changed, &pulse()).is_err(), "{by}, {} bytes", message.len());
    }
}

/// Who signs the rounds of a vector.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Signer {
    Quicknet,
    Seed(String),
}

impl Signer {
    fn key(&self) -> PublicKey {
        match self {
            Self::Quicknet => Beacon::quicknet().unwrap().public_key,
            Self::Seed(seed) => SecretKey::from_seed(&bytes(seed)).public_key(),
        }
    }

    fn sign(&self, round: Round) -> Signature {
        match self {
            Self::Quicknet => pulse(),
            Self::Seed(seed) => SecretKey::from_seed(&bytes(seed)).sign(round).unwrap(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    name: String,
    signer: Signer,
    public_key: String,
    round: Round,
    signature: String,
    randomness: String,
    message: String,
    ciphertext: String,
}

#[test]
fn ours_are_the_bytes_that_the_wheels_opened() {
    let vectors: Vec<Vector> = serde_json::from_str(OURS).unwrap();
    assert_eq!(vectors.len(), 4);
    for Vector { name, signer, public_key, round, signature, randomness, message, ciphertext } in vectors {
        let key = signer.key();
        assert_eq!(hex::encode(key.to_bytes()), public_key, "{name}: public key");
        assert_eq!(hex::encode(signer.sign(round).to_bytes()), signature, "{name}: signature");
        let message = hex::decode(message).unwrap();
        let sealed = encrypt(&message, round, &key, &bytes::<RANDOMNESS>(&randomness)).unwrap();
        assert_eq!(hex::encode(&sealed), ciphertext, "{name}: ciphertext");
        let signature = Signature::from_bytes(&bytes(&signature)).unwrap();
        assert!(signature.verify(&key, round), "{name}: signature");
        assert_eq!(decrypt(&sealed, &signature).unwrap(), message, "{name}: message");
        let other = SecretKey::from_seed(&[0; 32]).sign(round).unwrap();
        assert_eq!(decrypt(&sealed, &other), Err(Error::NotOpened), "{name}: another beacon");
    }
}
