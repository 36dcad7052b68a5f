//! Types as the client uses them.

use std::fmt;

/// A named argument or field.
pub type Field = (&'static str, Ty);

/// A type of the chain, as far as the client depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ty {
    /// True or false.
    Bool,
    /// An unsigned number of so many bits.
    Uint(u16),
    /// So many bytes.
    Bytes(u32),
    /// A list.
    Vec(&'static Ty),
    /// A tuple.
    Tuple(&'static [Ty]),
    /// A number in SCALE's compact form.
    Compact(&'static Ty),
    /// A wrapper of one field, by the name that it has on the main network.
    Newtype(&'static str, &'static Ty),
    /// A struct, and the fields of it that are read by name; others do not matter.
    Struct(&'static [Field]),
    /// An enum, and the variants of it that are used by name; others do not matter.
    Enum(&'static [&'static str]),
}

impl Ty {
    /// An unsigned byte.
    pub const U8: Self = Self::Uint(8);
    /// An unsigned number of 16 bits.
    pub const U16: Self = Self::Uint(16);
    /// An unsigned number of 32 bits.
    pub const U32: Self = Self::Uint(32);
    /// An unsigned number of 64 bits.
    pub const U64: Self = Self::Uint(64);
    /// An unsigned number of 128 bits.
    pub const U128: Self = Self::Uint(128);
    /// A public key.
    pub const ACCOUNT: Self = Self::Newtype("AccountId32", &Self::Bytes(32));
}

impl fmt::Display for Ty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("bool"),
            Self::Uint(bits) => write!(f, "u{bits}"),
            Self::Bytes(length) => write!(f, "[u8; {length}]"),
            Self::Vec(item) => write!(f, "Vec<{item}>"),
            Self::Compact(number) => write!(f, "Compact<{number}>"),
            Self::Newtype(name, _) => f.write_str(name),
            Self::Tuple(_) => f.write_str("tuple"),
            Self::Struct(_) => f.write_str("struct"),
            Self::Enum(_) => f.write_str("enum"),
        }
    }
}

/// How a storage key is hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hasher {
    /// Not at all.
    Identity,
    /// BLAKE2-128, and the key behind it.
    Blake2Concat,
    /// XXH64, and the key behind it.
    TwoxConcat,
}

impl Hasher {
    /// As metadata names it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Identity => "Identity",
            Self::Blake2Concat => "Blake2_128Concat",
            Self::TwoxConcat => "Twox64Concat",
        }
    }
}
