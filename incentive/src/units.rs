//! Ids and amounts: one type for each, so that a uid is never mistaken for a weight.

use parity_scale_codec::{Decode, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};

macro_rules! unit {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, MaxEncodedLen, TypeInfo,
            Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl $name {
            /// The plain number.
            #[must_use]
            pub const fn get(self) -> $inner {
                self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

unit! {
    /// A neuron's place on a subnet, `0..max_allowed_uids`.
    Uid(u16)
}
unit! {
    /// A subnet. 0 is the root network.
    NetUid(u16)
}
unit! {
    /// An incentive mechanism of a subnet. 0 always exists.
    MechId(u8)
}
unit! {
    /// A block number.
    Block(u64)
}
unit! {
    /// An amount of TAO or alpha in its smallest unit, 10^-9.
    Rao(u64)
}
unit! {
    /// Verified work per second, in the unit of the task (compute: integer operations per second).
    Score(u64)
}
unit! {
    /// One entry of a weight vector as the chain stores it; 65535 is the largest of its vector.
    Weight(u16)
}

impl Block {
    /// The block `blocks` later; stays at the last block instead of wrapping.
    #[must_use]
    pub const fn after(self, blocks: u64) -> Self {
        Self(self.0.saturating_add(blocks))
    }

    /// How many blocks have passed since `earlier`; 0 when `earlier` lies ahead.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// The public key of a neuron (sr25519, 32 bytes), as the chain's `AccountId32`.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, MaxEncodedLen, TypeInfo, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Hotkey(pub [u8; 32]);

impl std::fmt::Debug for Hotkey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("0x")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A registration: the same hotkey registered anew is a new neuron and inherits nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize, Deserialize)]
pub struct Registration {
    /// Who is registered.
    pub hotkey: Hotkey,
    /// `BlockAtRegistration` of the place it holds.
    pub block: Block,
}
