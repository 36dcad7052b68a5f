//! What is read of the chain, each read at one pinned block.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use futures_util::future::{try_join, try_join3};
use incentive::units::{Block, Hotkey, NetUid, Rao, Uid};
use runtime_metadata::items;
use subxt::ext::scale_decode::DecodeAsType;
use subxt::utils::AccountId32;

use super::link::Link;
use super::runtime::Runtime;
use super::{BlockRef, ChainClient, ChainError, Neuron, Snapshot, Value, blocks};

/// Where a subnet stands between two epochs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// The block of the last epoch.
    pub last: Block,
    /// Blocks from one epoch to the next.
    pub tempo: u16,
    /// How many epochs the subnet has had.
    pub index: u64,
}

/// What the runtime API answers, as far as it is read. Fields are found by name.
#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct Metagraph {
    owner_hotkey: AccountId32,
    tempo: u16,
    weights_version: u64,
    weights_rate_limit: u64,
    commit_reveal_weights_enabled: bool,
    hotkeys: Vec<AccountId32>,
    coldkeys: Vec<AccountId32>,
    axons: Vec<AxonInfo>,
    active: Vec<bool>,
    validator_permit: Vec<bool>,
    last_update: Vec<u64>,
    emission: Vec<u64>,
    dividends: Vec<u16>,
    incentives: Vec<u16>,
    block_at_registration: Vec<u64>,
    total_stake: Vec<u64>,
}

/// An announced address as the chain stores it.
#[derive(Clone, Debug, PartialEq, Eq, DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
pub struct AxonInfo {
    /// The announcer's own version number.
    pub version: u32,
    /// The address as a number.
    pub ip: u128,
    /// The port.
    pub port: u16,
    /// 4 or 6.
    pub ip_type: u8,
    /// What is spoken there.
    pub protocol: u8,
}

impl AxonInfo {
    /// The address, if it is one that can be dialled.
    pub fn address(&self) -> Option<SocketAddr> {
        let ip = match self.ip_type {
            4 => IpAddr::V4(Ipv4Addr::from(u32::try_from(self.ip).ok()?)),
            6 => IpAddr::V6(Ipv6Addr::from(self.ip)),
            _ => return None,
        };
        (self.port != 0 && !ip.is_unspecified()).then(|| SocketAddr::new(ip, self.port))
    }
}

impl ChainClient {
    /// The finalized head.
    ///
    /// # Errors
    /// If the node does not answer in time.
    pub async fn head(&self) -> Result<BlockRef, ChainError> {
        self.on_link("reading the finalized head", async |link| blocks::head_of(&link).await).await
    }

    /// The hash of the block of this number, if there is one yet.
    ///
    /// # Errors
    /// If the node does not answer in time.
    pub async fn block_hash(&self, number: Block) -> Result<Option<[u8; 32]>, ChainError> {
        self.on_link("reading a block hash", async |link| blocks::hash_of(&link, number).await).await
    }

    /// The time from one block to the next that the chain aims at.
    ///
    /// # Errors
    /// If the node does not answer in time, or the runtime has no such constant.
    pub async fn block_time(&self) -> Result<Duration, ChainError> {
        self.on_link("reading the block time", async |link| {
            self.at_head(&link).await?.constant(items::SLOT_DURATION).map(Duration::from_millis)
        })
        .await
    }

    /// When the finalized head was made, since the Unix epoch.
    ///
    /// # Errors
    /// If the node does not answer in time.
    pub async fn timestamp(&self) -> Result<Duration, ChainError> {
        self.on_link("reading the time of a block", async |link| {
            let now = self.at_head(&link).await?.storage::<u64>(items::TIMESTAMP, Vec::new()).await?;
            Ok(Duration::from_millis(now.unwrap_or_default()))
        })
        .await
    }

    /// Where a subnet stands between two epochs, as of a block.
    ///
    /// # Errors
    /// If the node does not answer in time or has no state of this block.
    pub async fn epoch(&self, netuid: NetUid, block: BlockRef) -> Result<Epoch, ChainError> {
        self.on_link("reading the epoch of a subnet", async |link| {
            epoch(&self.at_block(&link, block).await?, netuid).await
        })
        .await
    }

    /// The whole subnet at one block: the finalized head, if none is given.
    ///
    /// # Errors
    /// [`ChainError::NoSuchSubnet`], [`ChainError::NoSuchBlock`], or if the node does not answer in time.
    pub async fn snapshot(&self, netuid: NetUid, at: Option<[u8; 32]>) -> Result<Snapshot, ChainError> {
        self.on_link("reading the metagraph", async |link| self.snapshot_on(&link, netuid, at).await).await
    }

    async fn snapshot_on(&self, link: &Link, netuid: NetUid, at: Option<[u8; 32]>) -> Result<Snapshot, ChainError> {
        let at = match at {
            Some(hash) => self.at_hash(link, hash).await?,
            None => self.at_head(link).await?,
        };
        let block = BlockRef { number: Block(at.block_number()), hash: at.block_hash().0 };
        // Side by side: over a distance, each question costs a round trip.
        let metagraph = at.api::<Option<Metagraph>>(items::GET_METAGRAPH, vec![Value::from(netuid.get())]);
        let (metagraph, epoch) = try_join(metagraph, epoch(&at, netuid)).await?;
        let metagraph = metagraph.ok_or(ChainError::NoSuchSubnet { netuid, block: block.number })?;
        metagraph.snapshot(netuid, block, epoch)
    }
}

impl Metagraph {
    fn snapshot(self, netuid: NetUid, block: BlockRef, epoch: Epoch) -> Result<Snapshot, ChainError> {
        let owner = self.hotkeys.iter().position(|hotkey| *hotkey == self.owner_hotkey);
        let owner_uid = owner.and_then(|uid| u16::try_from(uid).ok()).map(Uid);
        let neurons = (0..self.hotkeys.len()).map(|index| self.neuron(index)).collect::<Option<Vec<_>>>();
        let neurons = neurons.ok_or_else(|| ChainError::Codec {
            doing: "reading the metagraph",
            message: "its lists differ in length".to_owned(),
        })?;
        Ok(Snapshot {
            block,
            netuid,
            tempo: self.tempo,
            last_epoch_block: epoch.last,
            epoch_index: epoch.index,
            weights_rate_limit: self.weights_rate_limit,
            weights_version_key: self.weights_version,
            commit_reveal: self.commit_reveal_weights_enabled,
            owner_uid,
            neurons,
        })
    }

    fn neuron(&self, index: usize) -> Option<Neuron> {
        Some(Neuron {
            uid: Uid(u16::try_from(index).ok()?),
            hotkey: Hotkey(self.hotkeys.get(index)?.0),
            coldkey: Hotkey(self.coldkeys.get(index)?.0),
            registered: Block(*self.block_at_registration.get(index)?),
            axon: self.axons.get(index)?.address(),
            validator_permit: *self.validator_permit.get(index)?,
            active: *self.active.get(index)?,
            last_update: Block(*self.last_update.get(index)?),
            incentive: *self.incentives.get(index)?,
            dividends: *self.dividends.get(index)?,
            emission: Rao(*self.emission.get(index)?),
            stake: Rao(*self.total_stake.get(index)?),
        })
    }
}

async fn epoch(at: &Runtime, netuid: NetUid) -> Result<Epoch, ChainError> {
    let key = || vec![Value::from(netuid.get())];
    let (last, tempo, index) = try_join3(
        at.storage::<u64>(items::LAST_EPOCH_BLOCK, key()),
        at.storage::<u16>(items::TEMPO, key()),
        at.storage::<u64>(items::SUBNET_EPOCH_INDEX, key()),
    )
    .await?;
    Ok(Epoch {
        last: Block(last.unwrap_or_default()),
        tempo: tempo.unwrap_or_default(),
        index: index.unwrap_or_default(),
    })
}
