use parity_scale_codec::{Decode, Encode};
use sp_core::H256;

use crate::runtime::upgrade::Upgrade;

/// One change of the head.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Record {
    /// A block on the head.
    #[codec(index = 0)]
    Block {
        /// The head it was built on.
        parent: H256,
        /// Its time in milliseconds since 1970.
        timestamp: u64,
        /// Its extrinsics without the inherent ones.
        extrinsics: Vec<Vec<u8>>,
        /// Its hash.
        hash: H256,
        /// The runtime that it ends with, if it is another one.
        upgrade: Option<Upgrade>,
    },
    /// The head moved back.
    #[codec(index = 1)]
    Revert {
        /// The height it moved to.
        number: u32,
    },
}
