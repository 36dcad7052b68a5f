//! Commits: weights encrypted to a moment just behind their reveal.
//!
//! Everything is read of the chain at one block: the subnet's schedule, the beacon, and the time. The chain's time is used
//! and not this machine's clock, because the reveal is counted in its blocks.

use incentive::schedule::{CommitTime, RevealError, Rhythm};
use incentive::units::{Block, Hotkey, NetUid};
use incentive::weights::WeightVector;
use parity_scale_codec::Encode as _;
use runtime_metadata::items::{self, Item};
use subxt::ext::scale_decode::DecodeAsType;
use timelock::{Beacon, PublicKey, RANDOMNESS, Round, WeightsPayload};

use super::runtime::{self, Call, Runtime};
use super::{ChainError, Value};

/// The version of commit-reveal that this release writes: time-locked, with the hotkey in the payload.
pub const COMMIT_REVEAL_VERSION: u16 = 4;
/// Blocks behind the first one that can reveal a commit, to which it is encrypted; as `bittensor_core` does it.
const SECURITY_BLOCKS: u64 = 3;
/// The one scheme of beacons that commits can be encrypted to.
const SCHEME: &[u8] = b"bls-unchained-g1-rfc9380";

/// What was foreseen of a commit when it was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Included from this block on, it is filed, and revealed, one epoch later.
    pub closes: Block,
    /// The epoch (`SubnetEpochIndex`) in which the chain reveals it.
    pub reveal_epoch: u64,
    /// The first block of that epoch.
    pub reveal_block: Block,
    /// The beacon's round that opens it.
    pub round: Round,
}

/// How a subnet wants commits, as of one block.
pub(super) struct Rules {
    netuid: NetUid,
    version: u16,
    time: CommitTime,
    beacon: Beacon,
    /// The chain's time at the block, and the time from one block to the next, milliseconds.
    now: u64,
    block_time: u64,
}

impl Rules {
    /// Reads them at the runtime's block.
    pub async fn read(at: &Runtime, netuid: NetUid) -> Result<Self, ChainError> {
        let of_subnet = async |item| read::<u64>(at, item, vec![Value::from(netuid.get())]).await;
        let tempo = read::<u16>(at, items::TEMPO, vec![Value::from(netuid.get())]);
        let (tempo, last_epoch, pending, since_step, epoch, reveal_period) = tokio::try_join!(
            tempo,
            of_subnet(items::LAST_EPOCH_BLOCK),
            of_subnet(items::PENDING_EPOCH_AT),
            of_subnet(items::BLOCKS_SINCE_LAST_STEP),
            of_subnet(items::SUBNET_EPOCH_INDEX),
            of_subnet(items::REVEAL_PERIOD_EPOCHS),
        )?;
        let (version, beacon, now) = tokio::try_join!(
            read::<u16>(at, items::COMMIT_REVEAL_WEIGHTS_VERSION, Vec::new()),
            at.storage::<BeaconConfig>(items::BEACON_CONFIG, Vec::new()),
            read::<u64>(at, items::TIMESTAMP, Vec::new()),
        )?;
        let refuse = |reason: &'static str| ChainError::CannotCommit { netuid, reason: reason.to_owned() };
        let beacon = beacon.ok_or("the chain names no beacon").and_then(BeaconConfig::beacon).map_err(refuse)?;
        if now == 0 {
            return Err(refuse("the chain does not know the time yet; wait for its next block"));
        }
        let rhythm = Rhythm { tempo, last_epoch, pending, since_step };
        let time = CommitTime { rhythm, epoch, block: at.block_number(), reveal_period };
        let block_time = at.constant::<u64>(items::SLOT_DURATION)?;
        Ok(Self { netuid, version, time, beacon, now, block_time })
    }

    /// Foresees a commit that the next block includes.
    pub fn foresee(&self) -> Result<Commit, ChainError> {
        if self.version != COMMIT_REVEAL_VERSION {
            return Err(ChainError::CommitRevealVersion { found: self.version });
        }
        self.foreseen().map_err(|error| ChainError::CannotCommit { netuid: self.netuid, reason: error.to_string() })
    }

    fn foreseen(&self) -> Result<Commit, RevealError> {
        let reveal = self.time.reveal()?;
        let closes = CommitTime { reveal_period: 1, ..self.time }.reveal()?.block;
        let blocks = reveal.block.saturating_add(SECURITY_BLOCKS).saturating_sub(self.time.block);
        let target = blocks.saturating_mul(self.block_time).saturating_add(self.now);
        Ok(Commit {
            closes: Block(closes),
            reveal_epoch: reveal.commit_epoch.saturating_add(self.time.reveal_period),
            reveal_block: Block(reveal.block),
            round: self.beacon.reveal_round(target),
        })
    }

    /// The call that commits `weights` of `hotkey` on mechanism 0, and what is foreseen of it.
    pub fn commit(
        &self,
        hotkey: &Hotkey,
        weights: &WeightVector,
        version_key: u64,
    ) -> Result<(Call, Commit), ChainError> {
        let refuse = |reason: String| ChainError::CannotCommit { netuid: self.netuid, reason };
        let commit = self.foresee()?;
        let mut randomness = [0; RANDOMNESS];
        getrandom::fill(&mut randomness).map_err(|error| refuse(format!("the system gives no randomness: {error}")))?;
        let payload = payload(hotkey, weights, version_key).encode();
        let sealed = timelock::encrypt(&payload, commit.round, &self.beacon.public_key, &randomness)
            .map_err(|error| refuse(error.to_string()))?;
        Ok((commit_call(self.netuid, &sealed, commit.round), commit))
    }
}

fn payload(hotkey: &Hotkey, weights: &WeightVector, version_key: u64) -> WeightsPayload {
    WeightsPayload {
        hotkey: hotkey.0.to_vec(),
        uids: weights.uids.iter().map(|uid| uid.get()).collect(),
        values: weights.values.iter().map(|weight| weight.get()).collect(),
        version_key,
    }
}

/// The call that commits on mechanism 0.
pub(super) fn commit_call(netuid: NetUid, sealed: &[u8], round: Round) -> Call {
    let arguments = [
        Value::from(netuid.get()),
        Value::from(0u8),
        Value::from_bytes(sealed),
        Value::from(round),
        Value::from(COMMIT_REVEAL_VERSION),
    ];
    runtime::call(items::COMMIT_TIMELOCKED_MECHANISM_WEIGHTS, arguments)
}

/// A number, 0 where the chain has neither value nor default.
async fn read<T: DecodeAsType + Default>(at: &Runtime, item: Item, keys: Vec<Value>) -> Result<T, ChainError> {
    Ok(at.storage::<T>(item, keys).await?.unwrap_or_default())
}

/// The beacon as pallet Drand stores it, as far as it is read.
#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct BeaconConfig {
    public_key: Vec<u8>,
    period: u32,
    genesis_time: u32,
    hash: Vec<u8>,
    scheme_id: Vec<u8>,
}

impl BeaconConfig {
    fn beacon(self) -> Result<Beacon, &'static str> {
        if self.scheme_id != SCHEME {
            return Err(
                "the chain's beacon signs by another scheme than `bls-unchained-g1-rfc9380`; install a newer release",
            );
        }
        if self.period == 0 {
            return Err("the chain's beacon has a period of 0 seconds; ask the chain's operator");
        }
        let key =
            <[u8; PublicKey::LEN]>::try_from(self.public_key).ok().and_then(|key| PublicKey::from_bytes(&key).ok());
        let public_key = key.ok_or("the key of the chain's beacon is no point of G2; ask the chain's operator")?;
        let beacon = Beacon { public_key, genesis: self.genesis_time.into(), period: self.period.into() };
        // Whoever holds another key under quicknet's name could read the weights before their reveal.
        if self.hash == timelock::QUICKNET_HASH && !Beacon::quicknet().is_ok_and(|quicknet| quicknet == beacon) {
            return Err(
                "the chain's beacon bears the name of drand's quicknet, and is not it; ask the chain's operator",
            );
        }
        Ok(beacon)
    }
}

#[cfg(test)]
mod tests;
