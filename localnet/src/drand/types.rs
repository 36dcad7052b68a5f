//! What storage holds and calls carry. Field order is the wire format.

use frame_support::{BoundedVec, traits::ConstU32};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};
use sp_runtime::MultiSigner;
use timelock::{PublicKey, QUICKNET_HASH, QUICKNET_KEY};

/// At most 32 bytes: a hash or a short name.
pub type BoundedHash = BoundedVec<u8, ConstU32<32>>;

/// A beacon as it describes itself.
#[derive(
    Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Serialize, Deserialize,
)]
pub struct BeaconConfiguration {
    /// Its key in G2, compressed.
    pub public_key: BoundedVec<u8, ConstU32<96>>,
    /// Seconds between two rounds.
    pub period: u32,
    /// When round 1 was due, in seconds since 1970.
    pub genesis_time: u32,
    /// Its identity.
    pub hash: BoundedHash,
    /// The hash of the group that holds the key.
    pub group_hash: BoundedHash,
    /// How it signs.
    pub scheme_id: BoundedHash,
    /// Its name.
    pub metadata: Metadata,
}

/// The name of a beacon.
#[derive(
    Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Serialize, Deserialize,
)]
pub struct Metadata {
    /// The name.
    pub beacon_id: BoundedHash,
}

/// Signatures in G1 over the hash of the round alone, as in RFC 9380.
pub(super) const SCHEME: &[u8] = b"bls-unchained-g1-rfc9380";
const QUICKNET_GROUP: [u8; 32] = hex("f477d5c89f21a17c863a7f937c6a6d15859414d2be09cd448d4279af331c5d3e");

impl Default for BeaconConfiguration {
    /// drand's quicknet.
    fn default() -> Self {
        let (period, genesis_time) = (3, 1_692_803_367);
        Self::new(&QUICKNET_KEY, period, genesis_time, [&QUICKNET_HASH, &QUICKNET_GROUP], b"quicknet")
    }
}

impl BeaconConfiguration {
    /// A beacon under a name. What is longer than its field is cut off.
    #[must_use]
    pub fn new(
        public_key: &[u8; PublicKey::LEN],
        period: u32,
        genesis_time: u32,
        [hash, group_hash]: [&[u8; 32]; 2],
        name: &[u8],
    ) -> Self {
        let short = |bytes: &[u8]| BoundedHash::truncate_from(bytes.to_vec());
        Self {
            public_key: BoundedVec::truncate_from(public_key.to_vec()),
            period,
            genesis_time,
            hash: short(hash),
            group_hash: short(group_hash),
            scheme_id: short(SCHEME),
            metadata: Metadata { beacon_id: short(name) },
        }
    }
}

/// The signature of one round.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Pulse {
    /// The round.
    pub round: u64,
    /// SHA-256 of the signature.
    pub randomness: BoundedHash,
    /// A point of G1, 48 bytes compressed; with room for other schemes.
    pub signature: BoundedVec<u8, ConstU32<144>>,
}

/// Pulses as a node reports them.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct PulsesPayload {
    /// The block after which they were fetched.
    pub block_number: u32,
    /// The pulses, oldest first.
    pub pulses: Vec<Pulse>,
    /// Who signed the report.
    pub public: MultiSigner,
}

/// Another beacon, as the sudo key announces it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct BeaconConfigurationPayload {
    /// The block of the announcement.
    pub block_number: u32,
    /// The beacon.
    pub config: BeaconConfiguration,
    /// Who announces it.
    pub public: MultiSigner,
}

const fn hex(text: &str) -> [u8; 32] {
    const fn digit(character: u8) -> u8 {
        match character {
            b'0'..=b'9' => character - b'0',
            _ => character - b'a' + 10,
        }
    }
    let (text, mut bytes, mut position) = (text.as_bytes(), [0; 32], 0);
    while position < 32 {
        bytes[position] = digit(text[2 * position]) << 4 | digit(text[2 * position + 1]);
        position += 1;
    }
    bytes
}
