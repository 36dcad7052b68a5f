//! The fields of a commitment. Short bytes carry their length in the variant, as subtensor's clients expect.

use frame_support::{BoundedVec, traits::ConstU32};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode, Error, Input, Output};
use scale_info::{
    Path, Type, TypeInfo,
    build::{Fields, Variants},
};

/// Most fields of one commitment.
pub const MAX_FIELDS: u32 = 3;
/// Most bytes whose length stands in the variant.
const MAX_RAW: u8 = 128;
/// The variants after those of raw bytes.
const BLAKE_TWO_256: u8 = MAX_RAW + 2;
const SHA_256: u8 = BLAKE_TWO_256 + 1;
const KECCAK_256: u8 = BLAKE_TWO_256 + 2;
const SHA_THREE_256: u8 = BLAKE_TWO_256 + 3;
const TIMELOCK_ENCRYPTED: u8 = BLAKE_TWO_256 + 4;
const RESET_BONDS_FLAG: u8 = BLAKE_TWO_256 + 5;
const BIG_RAW: u8 = BLAKE_TWO_256 + 6;

/// Bytes that a commitment encrypts at most.
pub type Encrypted = BoundedVec<u8, ConstU32<1024>>;
/// Long bytes.
pub type Big = BoundedVec<u8, ConstU32<512>>;

/// One field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// Nothing.
    None,
    /// Up to 128 bytes.
    Raw(BoundedVec<u8, ConstU32<128>>),
    /// A hash.
    BlakeTwo256([u8; 32]),
    /// A hash.
    Sha256([u8; 32]),
    /// A hash.
    Keccak256([u8; 32]),
    /// A hash.
    ShaThree256([u8; 32]),
    /// Bytes that open with the pulse of a drand round.
    TimelockEncrypted {
        /// The ciphertext.
        encrypted: Encrypted,
        /// The round.
        reveal_round: u64,
    },
    /// Asks that the bonds towards this neuron start anew.
    ResetBondsFlag,
    /// Up to 512 bytes.
    BigRaw(Big),
}

impl Data {
    /// Bytes that the field counts as.
    #[must_use]
    pub fn size(&self) -> u64 {
        let length = match self {
            Self::None | Self::ResetBondsFlag => 0,
            Self::Raw(bytes) => bytes.len(),
            Self::BlakeTwo256(_) | Self::Sha256(_) | Self::Keccak256(_) | Self::ShaThree256(_) => 32,
            Self::TimelockEncrypted { encrypted, .. } => encrypted.len(),
            Self::BigRaw(bytes) => bytes.len(),
        };
        length as u64
    }

    /// The round whose pulse opens the field.
    #[must_use]
    pub const fn reveal_round(&self) -> Option<u64> {
        match self {
            Self::TimelockEncrypted { reveal_round, .. } => Some(*reveal_round),
            _ => None,
        }
    }
}

impl Encode for Data {
    fn encode_to<O: Output + ?Sized>(&self, out: &mut O) {
        let hash = |tag: u8, bytes: &[u8; 32], out: &mut O| {
            out.push_byte(tag);
            out.write(bytes);
        };
        match self {
            Self::None => out.push_byte(0),
            Self::Raw(bytes) => {
                // Bounded to 128.
                out.push_byte(u8::try_from(bytes.len()).unwrap_or(MAX_RAW) + 1);
                out.write(bytes);
            }
            Self::BlakeTwo256(bytes) => hash(BLAKE_TWO_256, bytes, out),
            Self::Sha256(bytes) => hash(SHA_256, bytes, out),
            Self::Keccak256(bytes) => hash(KECCAK_256, bytes, out),
            Self::ShaThree256(bytes) => hash(SHA_THREE_256, bytes, out),
            Self::TimelockEncrypted { encrypted, reveal_round } => {
                (TIMELOCK_ENCRYPTED, encrypted, reveal_round).encode_to(out);
            }
            Self::ResetBondsFlag => out.push_byte(RESET_BONDS_FLAG),
            Self::BigRaw(bytes) => (BIG_RAW, bytes).encode_to(out),
        }
    }
}

impl parity_scale_codec::EncodeLike for Data {}
impl DecodeWithMemTracking for Data {}

impl Decode for Data {
    fn decode<I: Input>(input: &mut I) -> Result<Self, Error> {
        Ok(match input.read_byte()? {
            0 => Self::None,
            tag @ 1..BLAKE_TWO_256 => {
                let mut bytes = vec![0; usize::from(tag - 1)];
                input.read(&mut bytes)?;
                Self::Raw(bytes.try_into().map_err(|_| Error::from("more than 128 bytes"))?)
            }
            BLAKE_TWO_256 => Self::BlakeTwo256(Decode::decode(input)?),
            SHA_256 => Self::Sha256(Decode::decode(input)?),
            KECCAK_256 => Self::Keccak256(Decode::decode(input)?),
            SHA_THREE_256 => Self::ShaThree256(Decode::decode(input)?),
            TIMELOCK_ENCRYPTED => {
                Self::TimelockEncrypted { encrypted: Decode::decode(input)?, reveal_round: Decode::decode(input)? }
            }
            RESET_BONDS_FLAG => Self::ResetBondsFlag,
            BIG_RAW => Self::BigRaw(Decode::decode(input)?),
            _ => return Err("no such field".into()),
        })
    }
}

/// Adds the variant of raw bytes of each length, in the order of their indices.
macro_rules! raw_variants {
    ($variants:expr; $($length:literal)*) => {
        $variants$(.variant(concat!("Raw", $length), |variant| {
            variant.index($length + 1).fields(Fields::unnamed().field(|field| field.ty::<[u8; $length]>()))
        }))*
    };
}

impl TypeInfo for Data {
    type Identity = Self;

    #[rustfmt::skip]
    fn type_info() -> Type {
        let none = Variants::new().variant("None", |variant| variant.index(0));
        let raw = raw_variants!(none;
            0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41 42
            43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63 64 65 66 67 68 69 70 71 72 73 74 75 76 77 78 79 80 81 82
            83 84 85 86 87 88 89 90 91 92 93 94 95 96 97 98 99 100 101 102 103 104 105 106 107 108 109 110 111 112 113 114 115 116
            117 118 119 120 121 122 123 124 125 126 127 128);
        let hash = || Fields::unnamed().field(|field| field.ty::<[u8; 32]>());
        let variants = raw
            .variant("BlakeTwo256", |variant| variant.index(BLAKE_TWO_256).fields(hash()))
            .variant("Sha256", |variant| variant.index(SHA_256).fields(hash()))
            .variant("Keccak256", |variant| variant.index(KECCAK_256).fields(hash()))
            .variant("ShaThree256", |variant| variant.index(SHA_THREE_256).fields(hash()))
            .variant("TimelockEncrypted", |variant| {
                variant.index(TIMELOCK_ENCRYPTED).fields(
                    Fields::named()
                        .field(|field| field.name("encrypted").ty::<Encrypted>())
                        .field(|field| field.name("reveal_round").ty::<u64>()),
                )
            })
            .variant("ResetBondsFlag", |variant| variant.index(RESET_BONDS_FLAG))
            .variant("BigRaw", |variant| {
                variant.index(BIG_RAW).fields(Fields::unnamed().field(|field| field.ty::<Big>()))
            });
        Type::builder().path(Path::new("Data", "pallet_commitments::types")).variant(variants)
    }
}

/// What a neuron commits to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct CommitmentInfo {
    /// The fields.
    pub fields: BoundedVec<Data, ConstU32<MAX_FIELDS>>,
}

/// A commitment as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct Registration {
    /// What is reserved for it, rao.
    pub deposit: u64,
    /// When it was made.
    pub block: u32,
    /// What it says.
    pub info: CommitmentInfo,
}

/// How much a neuron wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct UsageTracker {
    /// The epoch in which it last wrote.
    pub last_epoch: u64,
    /// Bytes written in it.
    pub used_space: u64,
}
