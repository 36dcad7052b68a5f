//! May this caller be served now? Pure: everything that decides is an argument.

use incentive::units::{Block, Hotkey, NetUid};
use neuron_common::chain::Snapshot;
use neuron_common::wire::{self, WindowRequest};
use proof::Digest;

/// Why a request is refused. The code is stable and stands in the problem document and in the metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// The caller speaks another version.
    #[error("this miner speaks version {} of the protocol", wire::VERSION)]
    UnsupportedVersion,
    /// The caller is not registered here, or holds no permit.
    #[error("windows are served to validators that hold a permit on this subnet")]
    NoPermit,
    /// The request is for another subnet.
    #[error("this miner serves another subnet")]
    OtherSubnet,
    /// The caller follows another policy.
    #[error("this miner follows another policy; compare `validator config` with `miner config`")]
    OtherPolicy,
    /// The chain, as this miner sees it, opened no window at this block.
    #[error("no window opened at this block of the chain that this miner follows")]
    NoSuchWindow,
}

impl Refusal {
    /// The stable name.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::UnsupportedVersion => "unsupported_version",
            Self::NoPermit => "no_permit",
            Self::OtherSubnet => "other_subnet",
            Self::OtherPolicy => "other_policy",
            Self::NoSuchWindow => "no_such_window",
        }
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::UnsupportedVersion => 426,
            Self::NoPermit => 403,
            Self::OtherSubnet | Self::OtherPolicy | Self::NoSuchWindow => 409,
        }
    }
}

/// What a miner knows when a request comes in.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The subnet it serves.
    pub netuid: NetUid,
    /// The digest of its policy.
    pub policy: &'a Digest,
    /// The metagraph.
    pub snapshot: &'a Snapshot,
}

/// Whether a validator may ask for a window at all. What the chain says about the window comes later: it may have to
/// be waited for.
///
/// # Errors
/// The first reason against it.
pub fn admit(caller: &Hotkey, request: &WindowRequest, known: &Known<'_>) -> Result<(), Refusal> {
    if request.version != wire::VERSION {
        return Err(Refusal::UnsupportedVersion);
    }
    if !known.snapshot.neuron(caller).is_some_and(|neuron| neuron.validator_permit) {
        return Err(Refusal::NoPermit);
    }
    if request.netuid != known.netuid {
        return Err(Refusal::OtherSubnet);
    }
    if request.policy != *known.policy {
        return Err(Refusal::OtherPolicy);
    }
    Ok(())
}

/// Whether the window that is asked for is the one that the chain opened.
///
/// # Errors
/// [`Refusal::NoSuchWindow`].
pub fn same_window(request: &WindowRequest, opened: Option<(Block, Digest)>) -> Result<(), Refusal> {
    if opened == Some((request.block, request.nonce)) { Ok(()) } else { Err(Refusal::NoSuchWindow) }
}
