//! What the chain says about a subnet at one block.

use std::net::SocketAddr;

use incentive::units::{Block, Hotkey, NetUid, Rao, Uid};
use parity_scale_codec::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// A finalized block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode, Serialize, Deserialize)]
pub struct BlockRef {
    /// Its height.
    pub number: Block,
    /// The hash of its header.
    pub hash: [u8; 32],
}

/// A subnet at one block: every field was read at that block, so the fields fit each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The block that all of this was read at.
    pub block: BlockRef,
    /// The subnet.
    pub netuid: NetUid,
    /// Blocks from one epoch to the next.
    pub tempo: u16,
    /// The block of the last epoch; windows are counted from here.
    pub last_epoch_block: Block,
    /// How many epochs the subnet has had.
    pub epoch_index: u64,
    /// Blocks that must pass between two weight vectors of one validator.
    pub weights_rate_limit: u64,
    /// The lowest version key the chain accepts with weights; 0 accepts any.
    pub weights_version_key: u64,
    /// Whether weights must be committed sealed and revealed later.
    pub commit_reveal: bool,
    /// The place of the subnet owner's hotkey, where it holds one: weights on it are burned.
    pub owner_uid: Option<Uid>,
    /// Every place of the subnet, in the order of uids.
    pub neurons: Vec<Neuron>,
}

impl Snapshot {
    /// The neuron that holds a place with this hotkey.
    #[must_use]
    pub fn neuron(&self, hotkey: &Hotkey) -> Option<&Neuron> {
        self.neurons.iter().find(|neuron| neuron.hotkey == *hotkey)
    }

    /// How many blocks are left until the next epoch; 0 when it is due.
    #[must_use]
    pub fn epoch_ends_in(&self) -> u64 {
        self.last_epoch_block.after(u64::from(self.tempo)).since(self.block.number)
    }

    /// The first block from which the chain takes new weights of this neuron.
    #[must_use]
    pub fn weights_open_at(&self, neuron: &Neuron) -> Block {
        if neuron.last_update.get() == 0 {
            return Block(0);
        }
        neuron.last_update.after(self.weights_rate_limit)
    }
}

/// One place of a subnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neuron {
    /// Its number on the subnet.
    pub uid: Uid,
    /// The key that serves or validates.
    pub hotkey: Hotkey,
    /// The key that owns the hotkey and its stake.
    pub coldkey: Hotkey,
    /// When this hotkey took this place; a later registration is another neuron.
    pub registered: Block,
    /// Where it serves, if it announced an address that can be dialled.
    pub axon: Option<SocketAddr>,
    /// Whether its weights count.
    pub validator_permit: bool,
    /// Whether the chain regards it as active.
    pub active: bool,
    /// The block of its last weights.
    pub last_update: Block,
    /// Its share of the last epoch as a miner; 65535 is the whole.
    pub incentive: u16,
    /// Its share of the last epoch as a validator; 65535 is the whole.
    pub dividends: u16,
    /// Alpha it earned in the last epoch.
    pub emission: Rao,
    /// Its stake weight on this subnet: alpha, and root TAO at the chain's rate, inherited stake included.
    pub stake: Rao,
}
