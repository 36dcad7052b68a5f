//! The chain client and the clock of windows against a real chain: what a neuron does, refusals, outages, restarts.

#[path = "chain_client/commit.rs"]
mod commit;

use std::path::Path;
use std::time::Duration;

use incentive::forecast::Consensus;
use incentive::policy::Policy;
use incentive::units::{Block, NetUid, Rao, Uid, Weight};
use incentive::weights::WeightVector;
use localnet::{LocalNet, Preset, Seal};
use neuron_common::chain::{Announced, ChainClient, ChainConfig, ChainError, Role, SignedExtrinsic, Timing, Value};
use neuron_common::check::{Checks, arithmetic};
use neuron_common::keystore::Keypair;
use neuron_common::window::{OpenWindow, WindowClock};
use runtime_metadata::items;

const TAO: u64 = 1_000_000_000;
/// Nothing here takes longer unless it hangs.
const LIMIT: Duration = Duration::from_secs(60);

fn config(net: &LocalNet) -> ChainConfig {
    ChainConfig::at(net.url())
}

fn timing() -> Timing {
    Timing {
        request: Duration::from_secs(5),
        patience: Duration::from_secs(30),
        finality: Duration::from_secs(60),
        poll: Duration::from_millis(100),
    }
}

async fn connect(net: &LocalNet) -> ChainClient {
    ChainClient::connect_with(&config(net), Role::Owner, timing()).await.unwrap()
}

fn key(uri: &str) -> Keypair {
    Keypair::from_uri(uri).unwrap()
}

/// A subnet with one validator that holds a permit, and one miner.
struct Subnet {
    chain: ChainClient,
    netuid: NetUid,
    validator: Keypair,
    miner: Keypair,
}

impl Subnet {
    /// Blocks come with extrinsics, or by the clock.
    async fn new(net: &LocalNet) -> Self {
        let chain = connect(net).await;
        let (owner, validator, miner) = (key("//Alice"), key("//validator"), key("//miner"));
        let netuid = chain.register_network(&owner, key("//owner").hotkey()).await.unwrap();
        chain.start_call(&owner, netuid).await.unwrap();
        chain.burned_register(&key("//Bob"), netuid, validator.hotkey()).await.unwrap();
        chain.burned_register(&key("//Charlie"), netuid, miner.hotkey()).await.unwrap();
        chain.add_stake(&key("//Bob"), validator.hotkey(), netuid, Rao(1000 * TAO)).await.unwrap();
        Self { chain, netuid, validator, miner }
    }

    /// Passes an epoch, which gives the validator its permit.
    async fn permitted(net: &LocalNet) -> Self {
        let subnet = Self::new(net).await;
        let head = subnet.chain.head().await.unwrap();
        let epoch = subnet.chain.epoch(subnet.netuid, head).await.unwrap();
        let due = epoch.last.after(u64::from(epoch.tempo) + 1);
        net.advance_to(u32::try_from(due.get()).unwrap()).await.unwrap();
        let snapshot = subnet.chain.snapshot(subnet.netuid, None).await.unwrap();
        assert!(snapshot.neuron(&subnet.validator.hotkey()).unwrap().validator_permit);
        subnet
    }

    async fn weights(&self, weight: u16) -> SignedExtrinsic {
        let snapshot = self.chain.snapshot(self.netuid, None).await.unwrap();
        let uid = snapshot.neuron(&self.miner.hotkey()).unwrap().uid;
        let vector = WeightVector { uids: vec![uid], values: vec![Weight(weight)] };
        self.chain.sign_weights(&self.validator, &snapshot, &vector, 0).await.unwrap().extrinsic
    }
}

async fn instant() -> LocalNet {
    LocalNet::builder().preset(Preset::dev().plain_weights()).seal(Seal::Instant).start().await.unwrap()
}

fn name(error: &ChainError) -> &str {
    error.name().unwrap_or_else(|| panic!("no name of the chain in {error:?}"))
}

#[tokio::test]
async fn a_snapshot_asks_the_runtime_once() {
    let net = LocalNet::builder().seal(Seal::Instant).start().await.unwrap();
    let Subnet { chain, netuid, .. } = Subnet::new(&net).await;
    chain.snapshot(netuid, None).await.unwrap();
    let before = net.requests().counts();
    chain.snapshot(netuid, None).await.unwrap();
    let after = net.requests().counts();
    let asked = |method: &str| after.get(method).unwrap_or(&0) - before.get(method).unwrap_or(&0);
    assert_eq!(asked("state_call:SubnetInfoRuntimeApi_get_metagraph"), 1);
    let all: u64 = after.keys().map(|method| asked(method)).sum();
    assert!(all <= 8, "{all} requests: {after:?} after {before:?}");
    net.shutdown().await;
}

#[tokio::test]
async fn the_local_chain_offers_everything() {
    let net = instant().await;
    let client = subxt::OnlineClient::<subxt::SubstrateConfig>::from_insecure_url(net.url()).await.unwrap();
    let report = runtime_metadata::check(&client.at_current_block().await.unwrap().metadata());
    let missing: Vec<_> = report.entries.iter().filter(|entry| entry.is_missing()).collect();
    assert!(missing.is_empty(), "{missing:#?}");
    let chain = connect(&net).await;
    assert_eq!(report, *chain.report());
    assert_eq!(chain.block_hash(Block(0)).await.unwrap(), Some(chain.genesis()));
    assert_eq!(chain.block_hash(Block(1_000_000)).await.unwrap(), None);
    assert_eq!(chain.block_time().await.unwrap(), Duration::from_millis(250));
}

#[tokio::test]
async fn another_consensus_than_yuma_is_noticed() {
    let net = instant().await;
    let (chain, netuid) = (connect(&net).await, NetUid(1));
    assert_eq!(chain.consensus(netuid).await.unwrap(), Consensus::Yuma);
    let pallet = sp_crypto_hashing::twox_128(b"SubtensorModule");
    let item = sp_crypto_hashing::twox_128(b"SubnetEpochConsensus");
    let key_of = [&pallet[..], &item, &netuid.get().to_le_bytes()].concat();
    let null = Value::unnamed_composite([Value::from_bytes(key_of), Value::from_bytes([1])]);
    let items = vec![("items".to_owned(), Value::unnamed_composite([null]))];
    chain.sudo(&key("//Alice"), "System", "set_storage", items).await.unwrap();
    assert_eq!(chain.consensus(netuid).await.unwrap(), Consensus::Null);

    let mut checks = Checks::default();
    arithmetic(&mut checks, &chain, netuid).await;
    assert!(checks.to_string().starts_with("warn   arithmetic: this subnet has the consensus Null"), "{checks}");
}

#[tokio::test]
async fn a_snapshot_is_of_one_block() {
    let net = instant().await;
    let subnet = Subnet::new(&net).await;
    let before = subnet.chain.snapshot(subnet.netuid, None).await.unwrap();
    let address = "127.0.0.2:8091".parse().unwrap();
    assert_eq!(subnet.chain.announce(&subnet.miner, subnet.netuid, address).await.unwrap(), Announced::Served);
    let head = subnet.chain.head().await.unwrap();
    assert_eq!(subnet.chain.announce(&subnet.miner, subnet.netuid, address).await.unwrap(), Announced::AlreadyThere);
    assert_eq!(subnet.chain.head().await.unwrap(), head, "nothing was sent");

    let after = subnet.chain.snapshot(subnet.netuid, None).await.unwrap();
    assert_eq!(after.block, head);
    assert_eq!((after.netuid, after.tempo, after.commit_reveal), (subnet.netuid, 20, false));
    assert_eq!(after.owner_uid, Some(Uid(0)));
    assert_eq!(after.neurons.len(), 3);
    assert!((0..).zip(&after.neurons).all(|(uid, neuron)| neuron.uid == Uid(uid)));
    let miner = after.neuron(&subnet.miner.hotkey()).unwrap();
    assert_eq!((miner.axon, miner.coldkey), (Some(address), key("//Charlie").hotkey()));
    assert!(miner.registered > Block(0) && miner.registered < after.block.number);
    let validator = after.neuron(&subnet.validator.hotkey()).unwrap();
    assert!(validator.stake > miner.stake && validator.axon.is_none());
    assert!(after.neuron(&key("//nobody").hotkey()).is_none());

    let pinned = subnet.chain.snapshot(subnet.netuid, Some(before.block.hash)).await.unwrap();
    assert_eq!(pinned, before);
    assert!(pinned.neuron(&subnet.miner.hotkey()).unwrap().axon.is_none());
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let net = instant().await;
    let chain = connect(&net).await;
    let error = chain.snapshot(NetUid(77), None).await.unwrap_err();
    assert!(matches!(error, ChainError::NoSuchSubnet { netuid: NetUid(77), .. }), "{error:?}");
    let error = chain.snapshot(NetUid(1), Some([7; 32])).await.unwrap_err();
    assert!(matches!(error, ChainError::NoSuchBlock { .. }), "{error:?}");
    let error = chain.call(&key("//Alice"), "SubtensorModule", "no_such_call", Vec::new()).await.unwrap_err();
    assert!(matches!(error, ChainError::Codec { .. }), "{error:?}");
    assert!(error.to_string().contains("no_such_call"), "{error}");
}

#[tokio::test]
async fn weights_land_once_however_often_they_are_submitted() {
    let net = instant().await;
    let subnet = Subnet::permitted(&net).await;
    let signed = subnet.weights(65535).await;
    let before = subnet.chain.snapshot(subnet.netuid, None).await.unwrap();
    assert!(signed.mortal_until.since(signed.born) < 16, "an epoch of {} blocks has room for another", before.tempo);
    let inclusion = subnet.chain.submit(&signed).await.unwrap();
    assert!(inclusion.block > signed.born);
    let snapshot = subnet.chain.snapshot(subnet.netuid, None).await.unwrap();
    assert_eq!(snapshot.neuron(&subnet.validator.hotkey()).unwrap().last_update, inclusion.block);

    // As after a crash: another process, the same bytes.
    net.produce(5).await.unwrap();
    let head = connect(&net).await.head().await.unwrap();
    assert_eq!(connect(&net).await.submit(&signed).await.unwrap(), inclusion);
    assert_eq!(subnet.chain.head().await.unwrap(), head, "nothing was included again");
}

#[tokio::test]
async fn refusals_carry_the_chains_names() {
    let preset = Preset {
        new_subnet: localnet::subtensor::types::SubnetDefaults {
            weights_rate_limit: 50,
            serving_rate_limit: 50,
            ..Preset::dev().plain_weights().new_subnet
        },
        ..Preset::dev()
    };
    let net = LocalNet::builder().preset(preset).seal(Seal::Instant).start().await.unwrap();
    let subnet = Subnet::permitted(&net).await;
    let (chain, netuid) = (&subnet.chain, subnet.netuid);
    // The chain counts from the registration on.
    net.produce(50).await.unwrap();
    chain.submit(&subnet.weights(65535).await).await.unwrap();
    let error = chain.submit(&subnet.weights(1).await).await.unwrap_err();
    assert_eq!(name(&error), "RateLimitExceeded");
    assert!(error.is_transient() && error.to_string().contains("wait"), "{error}");

    chain.announce(&subnet.miner, netuid, "127.0.0.2:1000".parse().unwrap()).await.unwrap();
    let error = chain.announce(&subnet.miner, netuid, "127.0.0.2:1001".parse().unwrap()).await.unwrap_err();
    assert_eq!(name(&error), "ServingRateLimitExceeded");

    let stranger = key("//stranger");
    let error = chain.announce(&stranger, netuid, "127.0.0.2:1000".parse().unwrap()).await.unwrap_err();
    assert_eq!(name(&error), "HotKeyNotRegisteredInNetwork");

    let error = chain.burned_register(&key("//Bob"), netuid, subnet.miner.hotkey()).await.unwrap_err();
    assert!(matches!(error, ChainError::Failed { .. }), "{error:?}");
    assert!(["HotKeyAlreadyRegisteredInSubNet", "NonAssociatedColdKey"].contains(&name(&error)), "{error}");
}

#[tokio::test]
async fn a_sudo_call_that_fails_inside_is_a_failure() {
    let net = instant().await;
    let chain = connect(&net).await;
    let arguments = || vec![("netuid".to_owned(), Value::from(99u16))];
    let error = chain.sudo(&key("//Alice"), "SubtensorModule", "start_call", arguments()).await.unwrap_err();
    assert!(matches!(error, ChainError::Failed { .. }), "{error:?}");
    let remark = || vec![("remark".to_owned(), Value::from_bytes([1]))];
    let receipt = chain.sudo(&key("//Alice"), "System", "remark", remark()).await.unwrap();
    assert!(receipt.event(&items::SUDID).is_some());
    assert!(chain.sudo(&key("//Bob"), "System", "remark", remark()).await.is_err());
}

#[tokio::test]
async fn what_can_never_be_included_is_called_expired() {
    let net = instant().await;
    let subnet = Subnet::permitted(&net).await;
    // Two with one nonce: the chain takes one of them.
    let (first, second) = (subnet.weights(65535).await, subnet.weights(100).await);
    assert_eq!(first.nonce, second.nonce);
    subnet.chain.submit(&first).await.unwrap();
    let error = subnet.chain.submit(&second).await.unwrap_err();
    assert!(matches!(error, ChainError::NonceTaken { nonce, complete: true, .. } if nonce == first.nonce), "{error:?}");
    // One whose time is over.
    let late = subnet.weights(1).await;
    net.advance_to(u32::try_from(late.mortal_until.get()).unwrap() + 1).await.unwrap();
    let error = subnet.chain.submit(&late).await.unwrap_err();
    assert!(matches!(error, ChainError::Expired { .. }), "{error:?}");
}

fn durable(path: &Path, seal: Seal) -> localnet::node::Builder {
    LocalNet::builder().preset(Preset::dev().plain_weights()).seal(seal).base_path(Some(path.to_owned()))
}

fn port(net: &LocalNet) -> u16 {
    net.url().rsplit(':').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_killed_and_restarted_node_costs_no_block_and_no_weights() {
    let folder = tempfile::tempdir().unwrap();
    let net = durable(folder.path(), Seal::Interval(50)).start().await.unwrap();
    let port = port(&net);
    let subnet = Subnet::permitted(&net).await;
    let mut blocks = subnet.chain.blocks_from(Block(1));
    let followed = tokio::spawn(async move {
        let mut seen = Vec::new();
        loop {
            let block = blocks.next().await;
            seen.push(block);
            if block.number == Block(300) {
                return seen;
            }
        }
    });
    // Three nodes one after the other behind one port; weights are asked for while it is closed.
    let mut net = net;
    for round in 0u16..3 {
        net.shutdown().await;
        let weights = async {
            let signed = subnet.weights(1000 + round).await;
            (signed.clone(), subnet.chain.submit(&signed).await.unwrap())
        };
        let restart = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            durable(folder.path(), Seal::Interval(50)).port(port).start().await.unwrap()
        };
        let ((signed, inclusion), again) = tokio::join!(weights, restart);
        net = again;
        assert!(inclusion.block > signed.born);
    }
    let seen = tokio::time::timeout(LIMIT, followed).await.unwrap().unwrap();
    assert_eq!(seen.iter().map(|block| block.number.get()).collect::<Vec<_>>(), (1..=300).collect::<Vec<_>>());
    for block in seen {
        assert_eq!(subnet.chain.block_hash(block.number).await.unwrap(), Some(block.hash));
    }
    net.shutdown().await;
}

#[tokio::test]
async fn an_extrinsic_that_the_node_forgot_is_submitted_again() {
    let folder = tempfile::tempdir().unwrap();
    let net = durable(folder.path(), Seal::Instant).start().await.unwrap();
    let port = port(&net);
    let subnet = Subnet::permitted(&net).await;
    net.shutdown().await;
    // A node that makes no block by itself: the extrinsic waits in its pool, which a restart empties.
    let net = durable(folder.path(), Seal::Manual).port(port).start().await.unwrap();
    let signed = subnet.weights(65535).await;
    let submitting = tokio::spawn({
        let (chain, signed) = (subnet.chain.clone(), signed.clone());
        async move { chain.submit(&signed).await }
    });
    pooled(&subnet.chain, &signed, &subnet.validator).await;
    net.shutdown().await;
    let net = durable(folder.path(), Seal::Manual).port(port).start().await.unwrap();
    pooled(&subnet.chain, &signed, &subnet.validator).await;
    net.produce(1).await.unwrap();
    let inclusion = tokio::time::timeout(LIMIT, submitting).await.unwrap().unwrap().unwrap();
    assert_eq!(inclusion.block, signed.born.after(1));
}

/// Waits until the pool holds the extrinsic: the next nonce counts it.
async fn pooled(chain: &ChainClient, signed: &SignedExtrinsic, key: &Keypair) {
    let waiting = async {
        let remark = || vec![("remark".to_owned(), Value::from_bytes([1]))];
        while chain.sign(key, "System", "remark", remark()).await.unwrap().nonce <= signed.nonce {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(LIMIT, waiting).await.expect("nothing came into the pool");
}

#[tokio::test]
async fn reverted_blocks_are_followed_to_the_new_ones() {
    let net = instant().await;
    net.advance_to(20).await.unwrap();
    let chain = connect(&net).await;
    let mut blocks = chain.blocks_from(Block(15));
    for number in 15..=20 {
        assert_eq!(blocks.next().await.number, Block(number));
    }
    net.revert(5).await.unwrap();
    net.produce(10).await.unwrap();
    for number in 16..=25 {
        let block = tokio::time::timeout(LIMIT, blocks.next()).await.unwrap();
        assert_eq!(block.number, Block(number));
        assert_eq!(chain.block_hash(block.number).await.unwrap(), Some(block.hash));
    }
}

/// The windows of the next tempos, as one neuron sees them.
async fn windows(clock: &mut WindowClock, count: usize) -> Vec<OpenWindow> {
    let mut found = Vec::new();
    while found.len() < count {
        found.push(tokio::time::timeout(LIMIT, clock.next()).await.expect("no window opened"));
    }
    found
}

#[tokio::test]
async fn all_clocks_see_the_same_window_once_a_tempo() {
    let net = instant().await;
    let subnet = Subnet::permitted(&net).await;
    let policy = Policy::dev();
    let clock = || WindowClock::new(subnet.chain.clone(), subnet.netuid, &policy);
    let follow = |mut clock: WindowClock| tokio::spawn(async move { windows(&mut clock, 5).await });
    let (one, other) = (follow(clock()), follow(clock()));
    while !one.is_finished() || !other.is_finished() {
        net.produce(7).await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (one, other) = (one.await.unwrap(), other.await.unwrap());
    let open =
        |windows: &[OpenWindow]| windows.iter().map(|w| (w.block, w.epoch_start, w.epoch_index)).collect::<Vec<_>>();
    assert_eq!(open(&one), open(&other));
    for (window, next) in one.iter().zip(&one[1..]) {
        assert_eq!(next.epoch_index, window.epoch_index + 1);
        assert!(window.block.number > window.epoch_start && window.block.number < next.epoch_start);
        assert_eq!(window.nonce, window.block.hash);
    }
    // A clock that starts in the middle of a tempo finds the window that has opened in it already.
    let last = loop {
        let head = subnet.chain.head().await.unwrap();
        let epoch = subnet.chain.epoch(subnet.netuid, head).await.unwrap();
        let mut early = clock();
        if let Ok(window) = tokio::time::timeout(Duration::from_millis(500), early.next()).await {
            assert_eq!(window.epoch_start, epoch.last);
            break window;
        }
        net.produce(1).await.unwrap();
    };
    assert_eq!(windows(&mut clock(), 1).await[0].block, last.block);
    assert!(last.noticed >= last.block.number);
}
