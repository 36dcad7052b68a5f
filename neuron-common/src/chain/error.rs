//! What can go wrong between a neuron and the chain, and what to do about it.

use incentive::units::{Block, NetUid};

use super::{Cause, Reaction};

/// A failure of a chain operation. The message names the thing and the remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// Nobody answers at the endpoint, or not as a Substrate node would.
    #[error("no chain at {endpoint}: {reason}; check `chain.endpoints` and that the node is running")]
    Unreachable {
        /// The configured endpoint.
        endpoint: String,
        /// What the attempt ended with.
        reason: String,
    },
    /// The connection was lost and did not come back in time. The client goes on reconnecting.
    #[error("{doing}: the chain at {endpoint} did not answer within {seconds} s; it will be asked again")]
    Timeout {
        /// What was being asked.
        doing: &'static str,
        /// The configured endpoint.
        endpoint: String,
        /// How long the client waited.
        seconds: u64,
    },
    /// The endpoint serves another chain than the configuration pins.
    #[error(
        "{endpoint} serves the chain with genesis 0x{found}, not 0x{expected}; correct `chain.endpoints` or `chain.genesis`"
    )]
    WrongChain {
        /// The configured endpoint.
        endpoint: String,
        /// The genesis hash it answers with, in hex.
        found: String,
        /// The genesis hash that was expected, in hex.
        expected: String,
    },
    /// The chain has no subtensor pallet.
    #[error(
        "{endpoint} serves a chain without the pallet SubtensorModule; point `chain.endpoints` at a subtensor node"
    )]
    NotSubtensor {
        /// The configured endpoint.
        endpoint: String,
    },
    /// The runtime lacks or changed something that is needed here.
    #[error("the runtime (spec {spec_version}) does not fit: {items}; install a release that supports it")]
    Incompatible {
        /// The runtime's version.
        spec_version: u32,
        /// What is missing or different.
        items: String,
    },
    /// There is no such subnet.
    #[error("subnet {netuid} does not exist at block {block}; check `netuid`")]
    NoSuchSubnet {
        /// The subnet that was asked for.
        netuid: NetUid,
        /// Where it was looked for.
        block: Block,
    },
    /// The node does not know this block, or has pruned its state.
    #[error("the node has no state of block 0x{hash}; ask a node that keeps it (an archive node)")]
    NoSuchBlock {
        /// The block's hash in hex.
        hash: String,
    },
    /// The chain wants another version of commit-reveal than this release writes. Versions below 4 are hashes of the weights,
    /// to be revealed by hand, and a time lock without the hotkey; no current client submits them.
    #[error("the chain asks for commit-reveal version {found}, this release writes version 4: {}", version_remedy(*.found))]
    CommitRevealVersion {
        /// `CommitRevealWeightsVersion`.
        found: u16,
    },
    /// The subnet takes commits only, and none can be made.
    #[error("weights of subnet {netuid} cannot be committed: {reason}")]
    CannotCommit {
        /// The subnet.
        netuid: NetUid,
        /// Why, and what to do about it.
        reason: String,
    },
    /// The transaction pool refused the extrinsic; nothing was changed and nothing was paid.
    #[error("{call} was refused: {name}; {}", .cause.advice())]
    Refused {
        /// What was submitted.
        call: String,
        /// The chain's name for the reason, or its words where it has none.
        name: String,
        /// The reason.
        cause: Cause,
    },
    /// The extrinsic is in a block and failed there.
    #[error("{call} failed in block {block}: {pallet}::{name}; {}", .cause.advice())]
    Failed {
        /// What was submitted.
        call: String,
        /// The block it failed in.
        block: Block,
        /// The pallet that refused.
        pallet: String,
        /// The pallet's error, such as `SettingWeightsTooFast`.
        name: String,
        /// The same, if it is known.
        cause: Cause,
    },
    /// The lifetime of the extrinsic is over and no block holds it: it never will be included.
    #[error("{call} was not included up to block {until} and never will be; sign it anew")]
    Expired {
        /// What was submitted.
        call: String,
        /// The last block that was searched.
        until: Block,
    },
    /// Another extrinsic of the same signer has used the number of this one, which never will be included.
    #[error("{call}: its number {nonce} was used by another extrinsic of this key up to block {until}; sign it anew")]
    NonceTaken {
        /// What was submitted.
        call: String,
        /// The number.
        nonce: u64,
        /// The last block that was searched.
        until: Block,
        /// Whether the node had every block to be searched. If not, the extrinsic itself may be in one of those.
        complete: bool,
    },
    /// The extrinsic was not seen in a finalized block in time. It may still be included: submit the same bytes again.
    #[error("{call} was not finalized within {seconds} s; submit the same bytes again")]
    NotFinalized {
        /// What was submitted.
        call: String,
        /// How long the client waited.
        seconds: u64,
    },
    /// An address that the chain would refuse.
    #[error("{address} cannot be announced: {reason}")]
    InvalidAddress {
        /// The address.
        address: String,
        /// Why the chain refuses it.
        reason: &'static str,
    },
    /// The node answered with an error.
    #[error("{doing}: the node answered: {message}")]
    Node {
        /// What was being asked.
        doing: &'static str,
        /// The node's words.
        message: String,
    },
    /// An answer or an argument does not fit the runtime's types.
    #[error("{doing}: {message}")]
    Codec {
        /// What was being encoded or decoded.
        doing: &'static str,
        /// What did not fit.
        message: String,
    },
}

impl ChainError {
    /// The chain's own name for the refusal (`SettingWeightsTooFast`, `RateLimitExceeded`…), where the chain refused.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Refused { name, .. } | Self::Failed { name, .. } => Some(name),
            _ => None,
        }
    }

    /// Why the chain refused, where it did.
    #[must_use]
    pub const fn cause(&self) -> Option<Cause> {
        match self {
            Self::Refused { cause, .. } | Self::Failed { cause, .. } => Some(*cause),
            _ => None,
        }
    }

    /// Whether the same operation may succeed later without anybody changing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Timeout { .. } | Self::NotFinalized { .. } | Self::Node { .. } => true,
            Self::Refused { cause, .. } | Self::Failed { cause, .. } => {
                matches!(cause.reaction(), Reaction::Resend | Reaction::Wait)
            }
            Self::WrongChain { .. }
            | Self::NotSubtensor { .. }
            | Self::Incompatible { .. }
            | Self::NoSuchSubnet { .. }
            | Self::NoSuchBlock { .. }
            | Self::CommitRevealVersion { .. }
            | Self::CannotCommit { .. }
            | Self::Expired { .. }
            | Self::NonceTaken { .. }
            | Self::InvalidAddress { .. }
            | Self::Codec { .. } => false,
        }
    }
}

fn version_remedy(found: u16) -> &'static str {
    if found < 4 {
        "commits of older versions (hashes of weights) are not made any more; ask the chain's operator for version 4"
    } else {
        "install a newer release"
    }
}
