//! What a window asks of every hotkey.

use incentive::policy::ComputePolicy;
use incentive::units::{Block, Hotkey, NetUid};
use parity_scale_codec::{Decode, Encode};

use crate::digest::{Digest, derive};

/// A window's question. All hotkeys share it; what each computes differs through [`Challenge::seed`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Challenge {
    /// Genesis hash of the chain, so that no work counts on two chains.
    pub genesis: [u8; 32],
    /// The subnet, so that no work counts on two subnets.
    pub netuid: NetUid,
    /// The block that opened the window.
    pub block: Block,
    /// The hash of that block.
    pub nonce: [u8; 32],
    /// The dimensions of the work.
    pub compute: ComputePolicy,
}

impl Challenge {
    /// The window id: names the window in messages and is the root of everything derived from it.
    #[must_use]
    pub fn id(&self) -> Digest {
        derive("assay challenge v1", &[&self.encode()])
    }

    /// What a hotkey's own rows start from. No answer for one hotkey is worth anything to another.
    #[must_use]
    pub fn seed(&self, hotkey: &Hotkey) -> Digest {
        derive("assay seed v1", &[&self.id(), &hotkey.0])
    }
}
